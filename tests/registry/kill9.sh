#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill9.sh BACKEND [ROUNDS [SEED]]: kill -9 of the registry in the middle of pushes; started again, pushed
# again. What the killed uploads leave behind is theirs alone, and purging takes it.
. "$(dirname "$0")/lib.sh"
store "$1" "kill9-$1"
rounds=${2:-20}
seed=${3:-$(date +%s)}
configure ours
: >"$work/keys"

status=0
python3 "$here/kill9.py" "$REGISTRY" "$config" "$work/kill9.log" "$work/keys" "$rounds" "$seed" \
    >"$work/claims" 2>&1 || status=$?
sed "s/^ok - /&$backend: /" "$work/claims"
[ "$status" -eq 0 ] || fail "see above"

# Some of the layer is at the backend, and not all.
is_under_way() {
    [ -n "$(outside_unfinished)$(staged)" ]
}
staged() {
    [ "$backend" != local ] || find "$root/uploads" -type f -size +16M 2>/dev/null
}
push_large() {
    skopeo --insecure-policy copy -q --preserve-digests --dest-tls-verify=false \
        "oci:$IMAGES/large:v1" "docker://$at/large:v1"
}
registry_up killed
push_large >"$work/skopeo.log" 2>&1 &
skopeo=$!
eventually is_under_way || fail "the push of a large layer does not begin"
kill -KILL "$(cat "$work/killed.pid")"
status=0
wait "$skopeo" 2>/dev/null || status=$?
[ "$status" -ne 0 ] || fail "skopeo has pushed a layer to a registry that was killed"
registry_up again
push_large >"$work/skopeo.log" 2>&1 || fail "the second push fails"
python3 "$here/layout.py" keys large v1 "$IMAGES/large" >>"$work/keys"
claim "$backend: skopeo pushes a gibibyte again after the registry was killed in the middle of it"

# Whose bytes are complete is there; what else there is belongs to uploads without an end.
LC_ALL=C sort -u "$work/keys" >"$work/expected"
outside_keys >"$work/found"
[ -z "$(LC_ALL=C comm -23 "$work/expected" "$work/found")" ] || fail "not all that was pushed is there"
LC_ALL=C comm -13 "$work/expected" "$work/found" >"$work/left"
strangers=$(grep -v -e '^docker/registry/v2/repositories/[a-z0-9]*/_uploads/' -e '^uploads/' \
    "$work/left" || true)
[ -z "$strangers" ] || fail "left behind, and in no upload's folder: $strangers"
echo "left behind: $(wc -l <"$work/left") keys, $(outside_unfinished | wc -l) unfinished uploads"
[ -s "$work/left" ] || fail "killed uploads have left nothing: what is purging to be tried on?"
claim "$backend: all that killed uploads leave lies in their own folders"

"$PURGE_UPLOADS" "$config" >"$work/purged" 2>"$work/purge.log" || fail "upload purging fails"
outside_keys | LC_ALL=C comm -13 "$work/expected" - | grep _uploads/ &&
    fail "upload purging leaves something in the folders of uploads"
claim "$backend: the registry's own upload purging empties those folders"

# What nobody has a token for, since the registry died before it could store one, is for purge alone.
is_purged() {
    regstore purge --older-than 1s >"$work/said" || fail "regstore purge fails"
    [ -z "$(outside_unfinished)$(outside_keys | grep ^uploads/)" ]
}
echo "left to regstore purge: $(outside_keys | grep -c ^uploads/ || true) keys," \
    "$(outside_unfinished | wc -l) unfinished uploads"
eventually is_purged || fail "regstore purge leaves: $(outside_unfinished)"
holds "$work/keys"
claim "$backend: regstore purge takes the rest; what was pushed is there, and nothing else"
wipe
