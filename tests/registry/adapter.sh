#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# adapter.sh BACKEND: the tests that lie beside the driver, in Go, on this backend. Upstream's suite, which
# is among them, is driver-suite.sh's.
. "$(dirname "$0")/lib.sh"
store "$1" adapter
go_test -skip '^TestUpstreamSuite$' -run "/^$backend\$"
sed -n -E 's,^--- (PASS|FAIL|SKIP): (Test[A-Za-z0-9_]*).*,\1 \2,p' "$work/go" | go_claims "the driver"
