# SPDX-License-Identifier: Apache-2.0
"""Runs functions whose names are claims, and prints TAP."""
import sys


def run(claims, between=None):
    print(f"1..{len(claims)}")
    failed = 0
    for number, claim in enumerate(claims, 1):
        try:
            claim()
            print(f"ok {number} - {claim.__name__}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            detail = getattr(error, "stderr", None) or repr(error)
            print(f"not ok {number} - {claim.__name__}\n#",
                  str(detail).replace("\n", "\n# "), flush=True)
        if between:
            between()
    sys.exit(1 if failed else 0)
