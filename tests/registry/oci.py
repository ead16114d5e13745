#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: oci.py RESULTS NAME...

What the OCI conformance suite has left in RESULTS/NAME for several registries: a table of its
summaries side by side, then the claim that none after the first fails a test that the first does not
fail."""
import collections
import pathlib
import re
import sys
import xml.etree.ElementTree


def summary(folder):
    """Rows of the two tables of results.yaml, in their order."""
    rows = {}
    table = None
    for line in (folder / "results.yaml").read_text().splitlines():
        top = re.match(r"(\w+):", line)
        if top:
            table = top[1]
        row = re.match(r"  ([^:]+): (\w+)$", line)
        if row and table in ("apis", "data"):
            rows[f"{table}: {row[1]}"] = row[2]
    assert rows, f"no summary in {folder}"
    return rows


def verdicts(folder):
    """Of each test, by name; some have several cases of one name."""
    found = collections.defaultdict(collections.Counter)
    for case in xml.etree.ElementTree.parse(folder / "junit.xml").iter("testcase"):
        found[case.get("name")]["failure" if case.find("failure") is not None else
                                case.get("status")] += 1
    return found


def main():
    results = pathlib.Path(sys.argv[1])
    names = sys.argv[2:]
    tables = {name: summary(results / name) for name in names}
    tests = {name: verdicts(results / name) for name in names}
    print(f"{'':42}" + "".join(f"{name:>14}" for name in names))
    for row in tables[names[0]]:
        print(f"{row:42}" + "".join(f"{tables[name].get(row, '-'):>14}" for name in names))
    for verdict in sorted({v for name in names for test in tests[name].values() for v in test}):
        counts = [sum(test[verdict] for test in tests[name].values()) for name in names]
        print(f"{'tests: ' + verdict:42}" + "".join(f"{count:>14}" for count in counts))
    is_good = True
    for name in names[1:]:
        worse = [test for test in tests[name]
                 if tests[name][test]["failure"] > tests[names[0]][test]["failure"]]
        missing = [test for test in tests[names[0]] if test not in tests[name]]
        is_good = is_good and not worse and not missing
        print(f"{'not ' * bool(worse or missing)}ok - {name} fails none of the OCI suite's "
              f"{sum(sum(t.values()) for t in tests[name].values())} tests that {names[0]} does not fail")
        for test in worse + missing:
            print(f"{test}: {dict(tests[name][test])}, {names[0]}: {dict(tests[names[0]][test])}")
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
