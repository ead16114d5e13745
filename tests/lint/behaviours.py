#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""behaviours.py TOP: what plugin/sts-s3/README.md says of tests is there: each behaviour has a row, each
file that holds it exists, and has a test of each name that is given."""
import os
import re
import sys

top = sys.argv[1]
readme = open(os.path.join(top, "plugin/sts-s3/README.md"), encoding="utf-8").read()
rows = [line.strip("| ").split(" | ") for line in readme.splitlines()
        if line.startswith("| ") and "`tests/" in line.rsplit(" | ", 1)[-1] or
        line.startswith("| ") and "`host-shim/" in line.rsplit(" | ", 1)[-1]]
lost = []
for row in rows:
    for place in row[-1].rstrip(" |").split("; "):
        path, _, names = place.partition(": ")
        file = os.path.join(top, path.strip("`"))
        if not os.path.isfile(file):
            lost.append(f"{row[0][:40]}: no file {path}")
            continue
        text = open(file, encoding="utf-8").read()
        lost += [f"{row[0][:40]}: no {name} in {path}" for name in re.findall(r"`([^`]+)`", names)
                 if not re.search(r"\b" + re.escape(name) + r"\b", text)]
numbers = [int(row[0]) for row in rows if row[0].isdigit()]
print("ok 1" if numbers == list(range(1, 35)) else "not ok 1", "- each behaviour has a row, in order")
print("ok 2" if len(rows) > 34 and not lost else "not ok 2", f"- the tests of {len(rows)} rows are there")
for one in lost:
    print("#", one)
print("1..2")
sys.exit(numbers != list(range(1, 35)) or bool(lost))
