#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# garbage.sh BACKEND: tags, catalog, deletes and garbage collection; what was deleted is gone from the
# store, and what was not comes back byte for byte.
. "$(dirname "$0")/lib.sh"
store "$1" "garbage-$1"
configure ours
registry_up one

# answer_is PATH EXPECTED: the answer's JSON, as compact text.
answer_is() {
    curl -sf "http://$at/v2/$1" >"$work/said" || fail "no answer to $1"
    python3 -c 'import json, sys
said = json.dumps(json.load(open(sys.argv[1])), separators=(",", ":"))
sys.exit(said != sys.argv[2] and said)' "$work/said" "$2" || fail "$1 says something else than $2"
}

push() {
    skopeo_copy --all "oci:$IMAGES/$1:v1" "docker://$at/$2"
}

comes_back() {
    rm -rf "$work/back"
    skopeo_copy --all "docker://$at/$2" "oci:$work/back:v1"
    diff -r "$IMAGES/$1/blobs" "$work/back/blobs" || fail "$2 comes back with other blobs"
}

delete() {
    skopeo delete --tls-verify=false "docker://$at/$1" >"$work/skopeo.log" 2>&1 ||
        fail "skopeo does not delete $1"
}

is_gone() {
    code=$(curl -s -o "$work/said" -w '%{http_code}' \
        -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$at/v2/$1")
    [ "$code" = 404 ] || fail "$1 is answered with $code"
}

answer_is _catalog '{"repositories":[]}'
push many deep/er/many:v1
push many deep/er/many:v2
push ten deep/er/many:old
push ten ten:v1
push index index:v1
push ten index:other
push empty empty:v1
answer_is deep/er/many/tags/list '{"name":"deep/er/many","tags":["old","v1","v2"]}'
answer_is 'deep/er/many/tags/list?n=1&last=old' '{"name":"deep/er/many","tags":["v1"]}'
answer_is _catalog '{"repositories":["deep/er/many","empty","index","ten"]}'
answer_is '_catalog?n=2' '{"repositories":["deep/er/many","empty"]}'
answer_is '_catalog?n=2&last=empty' '{"repositories":["index","ten"]}'
claim "$backend: tags and catalog are listed whole and page by page"

manifest=$(skopeo inspect --tls-verify=false --raw "docker://$at/deep/er/many:v2" | sha256sum)
delete deep/er/many:v2
is_gone "deep/er/many/manifests/v1"
is_gone "deep/er/many/manifests/sha256:${manifest%% *}"
delete index:v1
answer_is deep/er/many/tags/list '{"name":"deep/er/many","tags":["old"]}'
comes_back ten deep/er/many:old
registry_down one
claim "$backend: a deleted manifest is gone under each of its tags, and no other is"

collect_garbage --delete-untagged
{
    python3 "$here/layout.py" keys deep/er/many old "$IMAGES/ten"
    python3 "$here/layout.py" keys index other "$IMAGES/ten"
    python3 "$here/layout.py" keys ten v1 "$IMAGES/ten"
    python3 "$here/layout.py" keys empty v1 "$IMAGES/empty"
} >"$work/keys"
holds "$work/keys"
registry_up two
comes_back ten deep/er/many:old
comes_back ten ten:v1
comes_back ten index:other
comes_back empty empty:v1
claim "$backend: after garbage-collect exactly what is not deleted is left, and comes back"

push many deep/er/many:v1
comes_back many deep/er/many:v1
claim "$backend: what was collected can be pushed anew"

delete deep/er/many:v1
delete deep/er/many:old
delete ten:v1
delete index:other
delete empty:v1
registry_down two
collect_garbage --delete-untagged
# Where no folder is left that says that there was a repository, upstream does not look for the links of
# its layers, some hundred bytes each. It is so on any object store, and with upstream's own driver.
outside_keys | grep -v '/_layers/sha256/[0-9a-f]*/link$' >"$work/left" &&
    fail "left in the store: $(cat "$work/left")"
[ -z "$(outside_unfinished)" ] || fail "unfinished uploads are left"
claim "$backend: with all deleted and collected no blob, manifest or tag is left"
wipe
