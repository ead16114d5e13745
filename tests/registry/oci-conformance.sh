#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# oci-conformance.sh: the OCI distribution-spec's own suite against one registry with three drivers:
# upstream's for files, ours with LocalStorage, ours with STSS3Storage. What upstream's registry fails it
# fails with any driver; ours adds nothing.
. "$(dirname "$0")/lib.sh"

# try NAME BACKEND DRIVER
try() {
    store "$2" "oci-$1"
    configure "$3"
    registry_up "$1"
    OCI_REGISTRY=$at OCI_TLS=disabled OCI_VERSION=1.1 OCI_RESULTS_DIR=$work/results/$1 \
        OCI_REPO1=conformance/one OCI_REPO2=conformance/two \
        "$OCI_CONFORMANCE" >"$work/$1.out" 2>&1 || [ -s "$work/results/$1/junit.xml" ] ||
        fail "the suite has no results: $(tail -n 5 "$work/$1.out")"
    registry_down "$1"
    [ -z "$(outside_unfinished)" ] || fail "$1: unfinished uploads are left"
}
try filesystem local theirs
try LocalStorage local ours
try STSS3Storage fake ours
wipe
python3 "$here/oci.py" "$work/results" filesystem LocalStorage STSS3Storage
