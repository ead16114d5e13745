#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# driver-suite.sh BACKEND [-short]: upstream's own suite for storage drivers on our driver; -short leaves
# out its stream of 5 GiB.
. "$(dirname "$0")/lib.sh"
store "$1" driver-suite
short=${2:-}
go_test ${short:+"$short"} -run "^TestUpstreamSuite\$/^$backend\$"
sed -n -E 's,^ *--- (PASS|FAIL|SKIP): TestUpstreamSuite/[a-z]*/(Test[A-Za-z0-9]*).*,\1 \2,p' "$work/go" |
    go_claims "upstream's driver suite"
[ "$(grep -c '/Test.* (' "$work/go")" -ge 30 ] || fail "only that many tests were run"
