#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# push-image.sh LOCATION: the blobs of an image go up in chunks of uneven sizes, each step a process
# of its own, and come back byte for byte.
. "$(dirname "$0")/lib.sh"
location=$1
blobs=$REGSTORE_IMAGE/blobs/sha256
token=$work/token
chunk_sizes="1 8388609 5242880 33554432 700001 16777215 6291457 49999999"
chunks=0
listings=0

# append_chunk FILE SIZE: the next SIZE bytes of the file from $offset on, if it has as many.
append_chunk() {
    dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$offset" count="$2" status=none |
        regstore upload append "$token" - >/dev/null
    offset=$((offset + $2))
    [ "$offset" -le "$total" ] || offset=$total
    told=$(regstore upload status "$token" | sed -n 's/^offset *//p')
    [ "$told" = "$offset" ] || fail "upload status says $told at offset $offset"
    chunks=$((chunks + 1))
}

append_all() {
    total=$(stat -c %s "$1")
    offset=0
    while [ "$offset" -lt "$total" ]; do
        for size in $chunk_sizes; do
            [ "$offset" -ge "$total" ] || append_chunk "$1" "$size"
        done
        look_in_mid_upload
    done
}

# A large blob is on its way and smaller ones are there already.
look_in_mid_upload() {
    [ "$total" -gt 300000000 ] || return 0
    outside_keys sha256/ | grep -q . || fail "no blob shows under sha256/ in mid-upload"
    outside_keys uploads/ | grep -q . || fail "nothing shows under uploads/ in mid-upload"
    regstore ls | grep -q '^sha256/' || fail "ls shows no blob in mid-upload"
    regstore ls uploads/ | grep -q '^uploads/' || fail "ls uploads/ shows nothing in mid-upload"
    listings=$((listings + 1))
}

nothing_under_uploads() {
    left=$(outside_keys uploads/)
    [ -z "$left" ] || fail "left under uploads/: $left"
    left=$(outside_unfinished)
    [ "$left" = "$before" ] || fail "unfinished uploads are left: $left"
}

[ "$(find "$blobs" -size +300M | wc -l)" -ge 1 ] || fail "no blob has more than 300 MiB"
before=$(outside_unfinished)
# shellcheck disable=SC2012,SC2045 # the names are digests; the largest comes last
for blob in $(ls -Sr "$blobs"); do
    regstore upload begin "$token"
    append_all "$blobs/$blob"
    expect_status 3 regstore stat "$(blob_key "$blob")" 2>/dev/null
    regstore upload commit "$token" "$(blob_key "$blob")" --digest "sha256:$blob" >/dev/null
done
claim "$location: an image's blobs go up in $chunks chunks, each step its own process"
[ "$listings" -gt 0 ] || fail "no listing was made in mid-upload"
claim "$location: $listings listings in mid-upload show sha256/ and uploads/"
nothing_under_uploads
claim "$location: nothing is left under uploads/ at the end"

for blob in "$blobs"/*; do
    key=$(blob_key "${blob##*/}")
    outside_keys sha256/ | grep -qx "$key" || fail "$key does not lie in the store"
    outside_bytes "$key" | cmp "$blob" - || fail "$key has other bytes in the store"
    regstore get "$key" -o "$work/back"
    cmp "$blob" "$work/back"
    regstore get "$key" | cmp "$blob" -
    regstore get "$key" --range 100-299 >"$work/back"
    dd if="$blob" bs=1 skip=100 count=200 status=none | cmp - "$work/back"
done
claim "$location: the blobs lie in the store, and get gives the same bytes"

absent=$(blob_key 00000000000000000000000000000000000000000000000000000000000000ff)
regstore upload begin "$token"
total=20000000
offset=0
# shellcheck disable=SC2012
append_chunk "$blobs/$(ls -S "$blobs" | head -n 1)" "$total"
expect_status 1 regstore upload commit "$token" "$absent" --digest "sha256:${absent##*/}" \
    2>"$work/said"
grep -qi digest "$work/said" || fail "the refusal does not speak of the digest: $(cat "$work/said")"
expect_status 3 regstore stat "$absent" 2>/dev/null
regstore upload abort "$token"
outside_keys sha256/ | grep -qx "$absent" && fail "$absent lies in the store"
nothing_under_uploads
claim "$location: a wrong digest leaves nothing"
