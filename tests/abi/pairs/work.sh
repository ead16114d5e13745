#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: work.sh small HOST PLUGIN.so              the small host goes through its verbs
#        work.sh command REGSTORE PLUGIN.so        so does the command, each in a process of its own
#        work.sh conformance REGSTORE PLUGIN.so    the rules of growth
# With a folder of its own for the blobs, in which nothing is left.
set -eu

how=$1 program=$2 plugin=$3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM
mkdir "$place/blobs"

regstore() {
    "$program" --plugin "$plugin" --set storage_path="$place/blobs" "$@"
}

case $how in
small)
    "$program" "$plugin" "$place/blobs"
    ;;
command)
    printf 'hello world' >"$place/file"
    regstore check
    regstore put "$place/file" a/blob
    regstore stat a/blob
    regstore cp a/blob a/copy
    regstore get a/copy -o "$place/whole"
    cmp "$place/file" "$place/whole"
    regstore get a/blob --range 4-8 -o "$place/some"
    [ "$(cat "$place/some")" = 'o wor' ]
    [ "$(regstore ls a/ | wc -l)" -eq 2 ]
    regstore rm a/blob a/copy
    not_found=0
    regstore stat a/blob || not_found=$?
    [ "$not_found" -eq 3 ]
    ;;
conformance)
    failed=0
    regstore conformance --family growth --own-store --jobs 2 || failed=$?
    ;;
esac
left=$(find "$place/blobs" -type f)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
exit "${failed:-0}"
