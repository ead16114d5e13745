#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a sanitizer reports is a failure, in a test or beside all of them:
# reported.sh REGSTORE PLUGIN BAD_TESTS
#
# PLUGIN is one that a sanitizer reports, in a build with one; BAD_TESTS is how many tests of STAT-1
# it fails.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
if sh "$(dirname "$0")/local.sh" "$1" "$2" --rule STAT-1 >"$folder/said" 2>&1; then
    cat "$folder/said"
    echo "local.sh passed, and a sanitizer had a report"
    exit 1
fi
bad=$(grep -c '^not ok' "$folder/said" || true)
good=1
grep -q '^# SUMMARY: [A-Za-z]*Sanitizer' "$folder/said" || good=0
if [ "$3" -gt 0 ]; then [ "$bad" -ge "$3" ] || good=0; else [ "$bad" -eq 0 ] || good=0; fi
[ "$good" -eq 1 ] || {
    cat "$folder/said"
    echo "due were a report and $3 failed tests"
    exit 1
}
