#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""layout_test.py ABI-FOLDER HOST-FOLDER CC...: what _abi.py says of structs and numbers is what the headers
say. Prints TAP."""
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import unittest

import tap
from regstore_quay import _abi

ABI, HOST, *COMPILER = sys.argv[1:]  # the compiler may be of several words: ccache cc
CONSTANTS = {name: value for name, value in vars(_abi).items()
             if re.fullmatch("[A-Z0-9_]+", name) and isinstance(value, int)}


def printed_by_c():
    """NAME NUMBER of each constant, struct and member, as the compiler has them."""
    lines = []
    for name in CONSTANTS:
        lines.append(f'printf("{name} %lld\\n", (long long)REGSTORE_{name});')
    for number, name in enumerate(_abi.STATUS_NAMES):
        lines.append(f'printf("status {number} %lld\\n", (long long)REGSTORE_{name});')
    for struct, kind in _abi.STRUCTS.items():
        lines.append(f'printf("{struct} %zu\\n", sizeof(struct {struct}));')
        for member, _ in kind._fields_:
            lines.append(f'printf("{struct}.{member} %zu\\n", '
                         f'offsetof(struct {struct}, {member}));')
            lines.append(f'printf("{struct}.{member}# %zu\\n", '
                         f'sizeof(((struct {struct} *)0)->{member}));')
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write('#include <stdio.h>\n#include "regstore-host.h"\nint main(void)\n{\n' +
                       "\n".join(lines) + "\nreturn 0;\n}\n")
        subprocess.run([*COMPILER, f"-I{ABI}", f"-I{HOST}", "-o", program, source], check=True)
        out = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {name: int(number) for name, number in
            (line.rsplit(" ", 1) for line in out.splitlines())}


class LayoutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = printed_by_c()

    def test_constants_are_those_of_the_header(self):
        self.assertGreater(len(CONSTANTS), 15)
        for name, value in CONSTANTS.items():
            self.assertEqual(value, self.c[name], name)

    def test_statuses_bear_the_headers_names(self):
        for number, name in enumerate(_abi.STATUS_NAMES):
            self.assertEqual(self.c[f"status {number}"], number, name)

    def test_structs_have_the_headers_size_and_members(self):
        for struct, kind in _abi.STRUCTS.items():
            self.assertEqual(ctypes.sizeof(kind), self.c[struct], struct)
            for member, _ in kind._fields_:
                here = getattr(kind, member)
                self.assertEqual(here.offset, self.c[f"{struct}.{member}"], member)
                self.assertEqual(here.size, self.c[f"{struct}.{member}#"], member)


if __name__ == "__main__":
    tap.main(sys.modules["__main__"])
