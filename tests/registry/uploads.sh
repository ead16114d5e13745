#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# uploads.sh BACKEND: two registry processes on one store. Uploads that go back and forth between them,
# wrong digests, clients that leave: uploads.py has them. Afterwards the store holds what was
# committed, and nothing else.
. "$(dirname "$0")/lib.sh"
store "$1" "uploads-$1"
configure ours
registry_up a
a=$at
configure ours through
registry_up b
b=$at
: >"$work/keys"

for verb in hop wrong leave; do
    python3 "$here/uploads.py" "$verb" "$work/keys" "$a" "$b" >"$work/claims" 2>&1 ||
        fail "$(cat "$work/claims")"
    sed "s/^ok - /&$backend: /" "$work/claims"
    holds "$work/keys"
    claim "$backend: after that the store holds what was committed, and nothing else"
done
wipe
