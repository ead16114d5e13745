#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rollback.sh BACKEND: both ways. Upstream's driver fills a store; ours serves it, adds, deletes and
# collects garbage; upstream's serves the rest, and the other way round from there.
. "$(dirname "$0")/lib.sh"
store "$1" "rollback-$1"
: >"$work/keys"

push() {
    skopeo_copy --all "oci:$IMAGES/$1:v1" "docker://$at/$1:$2"
    python3 "$here/layout.py" keys "$1" "$2" "$IMAGES/$1" >>"$work/keys"
    holds "$work/keys"
}

comes_back() {
    rm -rf "$work/back"
    skopeo_copy --all "docker://$at/$1:$2" "oci:$work/back:v1"
    diff -r "$IMAGES/$1/blobs" "$work/back/blobs" || fail "$1 comes back with other blobs"
}

drop() {
    skopeo delete --tls-verify=false "docker://$at/$1:$2" >"$work/skopeo.log" 2>&1 ||
        fail "skopeo does not delete $1:$2"
}

serve_with() {
    [ ! -e "$work/registry.pid" ] || registry_down registry
    configure "$1"
    registry_up registry
}

serve_with theirs
push many theirs
push ten theirs
push index theirs
push medium theirs
claim "$backend: upstream's driver fills the store"

serve_with ours
for image in many ten index medium; do
    comes_back "$image" theirs
done
claim "$backend: ours serves all of it byte for byte"
push empty ours
push ten ours
skopeo_copy "oci:$IMAGES/ten:v1" "docker://$at/many:ours"
python3 "$here/layout.py" keys many ours "$IMAGES/ten" >>"$work/keys"
holds "$work/keys"
drop many theirs
registry_down registry
collect_garbage --delete-untagged
{
    python3 "$here/layout.py" keys many ours "$IMAGES/ten"
    for image in ten index medium; do
        python3 "$here/layout.py" keys "$image" theirs "$IMAGES/$image"
    done
    python3 "$here/layout.py" keys empty ours "$IMAGES/empty"
    python3 "$here/layout.py" keys ten ours "$IMAGES/ten"
} >"$work/keys"
holds "$work/keys"
claim "$backend: ours adds, deletes and collects, and the store holds what upstream's would"

serve_with theirs
comes_back ten theirs
comes_back ten ours
comes_back index theirs
comes_back medium theirs
comes_back empty ours
push index again
claim "$backend: upstream's serves the rest and what ours added, and pushes on"
registry_down registry
collect_garbage --delete-untagged
holds "$work/keys"
serve_with ours
comes_back index again
claim "$backend: upstream's finds no garbage in it, and ours serves what came since"
registry_down registry
wipe
