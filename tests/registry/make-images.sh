#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make-images.sh DIR: the images that the tests push, as OCI layouts in DIR, each called v1.
#
#   many    forty small layers, by umoci         ten    ten of them
#   large   one layer of a gibibyte              empty  a layer without a byte
#   medium  one layer of a hundred mebibytes     index  two architectures under one index
#
# They are the same each time, but for umoci's dates; what is there already is left as it is.
set -eu
[ $# -eq 1 ] || { echo "usage: make-images.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$1/complete" ] || exit 0
rm -rf "$1"
mkdir -p "$1"
cd "$1"

small_layers() {
    umoci init --layout "$1"
    umoci new --image "$1:v1"
    layer=0
    while [ "$layer" -lt "$2" ]; do
        layer=$((layer + 1))
        # Some share a prefix of their content, and none is a multiple of another's size.
        seq "$layer" $((layer * layer * 7 + 100)) >draft
        umoci insert --rootless --image "$1:v1" draft "/srv/$layer"
    done
    umoci config --image "$1:v1" --config.cmd /srv/1
    umoci gc --layout "$1" >draft 2>&1
    rm draft
}

small_layers many 40
small_layers ten 10
for image in empty index; do
    python3 "$here/layout.py" "$image" "$image"
done
python3 "$here/layout.py" large large 1024
python3 "$here/layout.py" large medium 100
touch complete
