#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# image.sh DIR: an OCI image, DIR:v1, of twelve layers of some kilobytes and one of 24 MiB. It is the
# same each time; one that is there already is left as it is.
set -eu
[ $# -eq 1 ] || { echo "usage: image.sh DIR" >&2; exit 2; }
image=$1
[ ! -e "$image/complete" ] || exit 0
rm -rf "$image"
parent=$(dirname "$image")
mkdir -p "$parent"
work=$(mktemp -d "$parent/layers.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

# noise BYTES N: bytes that do not compress.
noise() {
    head -c "$1" /dev/zero |
        openssl enc -aes-128-ctr -K 0123456789abcdef0123456789abcdef -iv "$(printf '%032x' "$2")"
}
umoci init --layout "$image"
umoci new --image "$image:v1"
for layer in 1 2 3 4 5 6 7 8 9 10 11 12; do
    noise $((layer * 3000)) "$layer" >"$work/file"
    umoci insert --rootless --image "$image:v1" "$work/file" "/srv/small-$layer"
done
noise 25165824 99 >"$work/file"
umoci insert --rootless --image "$image:v1" "$work/file" /srv/large
umoci config --image "$image:v1" --config.cmd /srv/large
umoci gc --layout "$image" >/dev/null 2>&1
touch "$image/complete"
