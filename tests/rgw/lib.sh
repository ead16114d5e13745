# SPDX-License-Identifier: Apache-2.0
#
# To be sourced by the parts of run.sh, which sets REGSTORE (the command), REGSTORE_IMAGE (an OCI
# layout) and what rgw-up.sh left in its env.
#
# A part prints "ok - CLAIM" for what it has seen to be true and ends with another status than 0 at
# the first thing that is not.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/s3.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

claim() {
    echo "ok - $*"
}

fail() {
    echo "$*" >&2
    exit 1
}

# expect_status N COMMAND...
expect_status() {
    expected=$1
    shift
    status=0
    "$@" || status=$?
    [ "$status" -eq "$expected" ] || fail "exit status $status, not $expected: $*"
}

# The command on the location that the part was called with.
# shellcheck disable=SC2154 # each part sets it first
regstore() {
    "$REGSTORE" --config "$RGW_CONFIG" --location "$location" "$@"
}

# The keys of a location below a prefix, seen without the plugin.
outside_keys() {
    case $location in
    s3) s3_keys "datastorage/$1" | sed 's,^datastorage/,,' ;;
    local) (cd "$(dirname "$RGW_CONFIG")/local" && find . -type f) | sed -n "s,^\./\($1\),\1,p" ;;
    esac
}

# The bytes at a key, likewise.
outside_bytes() {
    case $location in
    s3) s3_request "/$RGW_BUCKET/datastorage/$1" -f ;;
    local) cat "$(dirname "$RGW_CONFIG")/local/$1" ;;
    esac
}

# What else an upload may leave behind, likewise.
outside_unfinished() {
    [ "$location" != s3 ] || s3_unfinished datastorage/
}

# Where a blob lies in Quay's layout.
blob_key() {
    echo "sha256/$(echo "$1" | cut -c 1-2)/$1"
}
