#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: the tests of the adapter for CNCF distribution, without its suite's stream of 5 GiB.
# Prints TAP, one line for each test and subtest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
command -v "${GO:-go}" >/dev/null || {
    echo "Bail out! no go: install the one of bookworm-backports (golang-go), name another with" \
        "GO=/path/to/go, or leave this suite out: meson configure -Dleave_out=distribution"
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
status=0
sh "$here/../../host-shim/adapters/distribution/build.sh" "$build" test -short -count=1 -json \
    >"$work/json" 2>"$work/said" || status=$?
sed 's/^/# /' "$work/said"
python3 - "$work/json" <<'PYTHON'
import json
import sys

count, said, failed = 0, {}, False
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    test, action = event.get("Test"), event["Action"]
    if test is None:
        if action in ("build-output", "output"):
            print("# " + event["Output"].rstrip())
        continue
    if action == "output":
        said.setdefault(test, []).append(event["Output"].rstrip())
    elif action in ("pass", "fail", "skip"):
        count += 1
        if action == "fail":
            failed = True
            print("\n".join("# " + text for text in said.get(test, [])))
        print(f"{'not ok' if action == 'fail' else 'ok'} {count} - {test}" + (" # SKIP" if action == "skip" else ""))
print(f"1..{count}")
sys.exit(failed or count == 0)
PYTHON
exit "$status"
