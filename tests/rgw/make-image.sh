#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make-image.sh DIR MIB: an OCI image whose first layer has a little more than MIB mebibytes.
#
# Its blobs lie in DIR/blobs/sha256, each named by its digest. The layer does not compress and is
# the same each time; an image that is there already is left as it is.
set -eu
[ $# -eq 2 ] || { echo "usage: make-image.sh DIR MIB" >&2; exit 2; }
image=$1
mib=$2
[ ! -e "$image/complete" ] || exit 0
for tool in umoci openssl; do
    command -v "$tool" >/dev/null || { echo "make-image: apt-get install $tool" >&2; exit 1; }
done
rm -rf "$image"
parent=$(dirname "$image")
mkdir -p "$parent"
work=$(mktemp -d "$parent/layers.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

noise() {
    head -c "$(($1 * 1048576))" /dev/zero |
        openssl enc -aes-128-ctr -K 0123456789abcdef0123456789abcdef -iv "$2"
}
noise "$mib" 00000000000000000000000000000000 >"$work/large"
noise 3 10000000000000000000000000000000 >"$work/small"
umoci init --layout "$image"
umoci new --image "$image:v1"
umoci insert --rootless --image "$image:v1" "$work/large" /srv/large
umoci insert --rootless --image "$image:v1" "$work/small" /srv/small
umoci config --image "$image:v1" --config.cmd /srv/small
umoci gc --layout "$image" >/dev/null 2>&1
touch "$image/complete"
