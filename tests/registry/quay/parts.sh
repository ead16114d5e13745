#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# parts.sh PART: one part of run.sh, on the backend that its environment names.
#
# A part prints "ok - CLAIM" for what it has seen to be true and ends with another status than 0 at
# the first thing that is not.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
part=$1
work=$(mktemp -d "$QUAY_WORK/part.XXXXXX")
# shellcheck source=../../rgw/s3.sh
[ "$QUAY_BACKEND" = local ] || . "$here/../../rgw/s3.sh"

claim() {
    echo "ok - $QUAY_BACKEND: $*"
}

fail() {
    echo "$*" >&2
    tail -n 20 "$QUAY_WORK/log" >&2 || true
    exit 1
}

# All keys of the store below storage_path, seen without the plugin.
outside_keys() {
    case $QUAY_BACKEND in
    local) (cd "$QUAY_WORK/local/datastorage" && find . -type f) | sed 's,^\./,,' ;;
    *) s3_keys datastorage/ | sed 's,^datastorage/,,' ;;
    esac | LC_ALL=C sort
}

# What an operator sees who opens datastorage/ in the console, as in the manual's verification.
listing() {
    case $QUAY_BACKEND in
    local) (cd "$QUAY_WORK/local/datastorage" && ls -p) ;;
    *)
        s3_request "/$RGW_BUCKET?delimiter=%2F&list-type=2&prefix=datastorage%2F" -f |
            sed 's/<CommonPrefixes>/\n&/g' |
            sed -n 's,^<CommonPrefixes><Prefix>datastorage/\([^<]*\)<.*,\1,p' | grep .
        ;;
    esac
}

drive() {
    "$QUAY_PYTHON" "$here/drive.py" "$(cat "$QUAY_WORK/port")" "$@" ||
        fail "drive.py $1 came to its end"
}
drive_claims() {
    drive "$1" | sed "s/^ok - /&$QUAY_BACKEND: /"
}

# What the store has beside the blobs that the database knows, or lacks of them, as diff's lines.
differences() {
    drive blobs >"$work/known"
    {
        outside_keys
        [ "$QUAY_BACKEND" = local ] || s3_unfinished datastorage/
        [ "$QUAY_BACKEND" != local ] || [ ! -d "$QUAY_WORK/local/datastorage/uploads" ] ||
            (cd "$QUAY_WORK/local/datastorage" && find uploads -mindepth 1)
    } >"$work/there"
    diff "$work/known" "$work/there" || true
}

holds_what_it_should() {
    differences >"$work/differences"
    [ ! -s "$work/differences" ] || fail "the store holds something else: $(cat "$work/differences")"
}

# Quay's cleanup worker comes again and again; here it takes what is a second old.
holds_what_it_should_once_cleaned_up() {
    deadline=$(($(date +%s) + 60))
    drive clean
    while differences >"$work/differences" && [ -s "$work/differences" ]; do
        [ "$(date +%s)" -lt $deadline ] ||
            fail "cleanup leaves something else: $(cat "$work/differences")"
        sleep 0.2
        drive clean
    done
}

holds_nothing_once_cleaned_up() {
    holds_what_it_should_once_cleaned_up
    [ ! -s "$work/known" ] || fail "the database still has blobs: $(cat "$work/known")"
}

skopeo_quietly() {
    skopeo --insecure-policy --override-os linux copy -q "$@"
}

podman_quietly() {
    verb=$1
    shift
    podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs \
        --cgroup-manager=cgroupfs "$verb" -q --tls-verify=false \
        --signature-policy "$work/policy.json" "$@" >"$work/podman-said" 2>&1 ||
        { cat "$work/podman-said" >&2; fail "podman $verb"; }
}

# same_blobs DIR DIR: both OCI layouts have the same blobs, byte for byte.
same_blobs() {
    diff -r "$1/blobs" "$2/blobs" >&2 || fail "$2 has other blobs than $1"
}

images() {
    host=127.0.0.1:$(cat "$QUAY_WORK/port")
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
    skopeo_quietly --dest-tls-verify=false "oci:$QUAY_IMAGE:v1" "docker://$host/org/image:v1" ||
        fail "skopeo cannot push"
    skopeo_quietly --src-tls-verify=false "docker://$host/org/image:v1" "oci:$work/back:v1" ||
        fail "skopeo cannot pull"
    same_blobs "$QUAY_IMAGE" "$work/back"
    layers=$(find "$QUAY_IMAGE/blobs" -type f | wc -l)
    claim "skopeo pushes an image of $layers blobs, and pulls the same bytes"
    skopeo_quietly --dest-tls-verify=false "oci:$QUAY_IMAGE:v1" "docker://$host/org/image:v2"
    skopeo list-tags --tls-verify=false "docker://$host/org/image" >"$work/tags"
    for tag in v1 v2; do
        grep -q "\"$tag\"" "$work/tags" || fail "no tag $tag in $(cat "$work/tags")"
    done
    claim "a second tag of the image is listed beside the first"
    podman_quietly pull "$host/org/image:v1"
    podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs \
        tag "$host/org/image:v1" "$host/other/busybox:test"
    podman_quietly push "$host/other/busybox:test"
    skopeo_quietly --src-tls-verify=false "docker://$host/other/busybox:test" "oci:$work/other:v1"
    claim "podman pulls it, tags it, and pushes it under another name"
}

# The store has none of the image's blobs, so each is uploaded and none is mounted. While skopeo
# pushes, workers are killed one after the other; then it is pushed again.
killed_under_skopeo() {
    host=127.0.0.1:$(cat "$QUAY_WORK/port")
    kills=0
    for round in 1 2 3 4 5; do
        skopeo_quietly --dest-tls-verify=false "oci:$QUAY_IMAGE:v1" \
            "docker://$host/round-$round/image:v1" >/dev/null 2>&1 &
        pusher=$!
        while kill -0 $pusher 2>/dev/null && [ $kills -lt $((round * 2)) ]; do
            master=$(cat "$QUAY_WORK/pid")
            victim=$(tr " " "\n" <"/proc/$master/task/$master/children" | grep . | shuf -n 1)
            kill -9 "$victim" 2>/dev/null && kills=$((kills + 1))
            sleep 0.0"$round"
        done
        wait $pusher || true
        skopeo_quietly --dest-tls-verify=false "oci:$QUAY_IMAGE:v1" \
            "docker://$host/round-$round/image:v1" || fail "the second push fails"
        rm -rf "$work/back"
        skopeo_quietly --src-tls-verify=false "docker://$host/round-$round/image:v1" \
            "oci:$work/back:v1"
        same_blobs "$QUAY_IMAGE" "$work/back"
        drive gc "round-$round/image:v1"
    done
    [ $kills -ge 5 ] || fail "only $kills workers could be killed in time"
    claim "$kills workers are killed under skopeo's pushes; a second push makes the image whole"
}

push() {
    sh "$here/service.sh" start "$QUAY_WORK" || fail "the stand-in does not start"
    images
    holds_what_it_should
    claim "afterwards the store holds each blob once and nothing else"
    location=$(drive middle)
    echo "In the middle of a push, datastorage/ shows:"
    listing | tee "$work/listing" | sed 's/^/    /'
    [ "$(tr '\n' ' ' <"$work/listing")" = "sha256/ uploads/ " ] || fail "not what the manual says"
    drive end "$location"
    echo "Afterwards:"
    listing | grep -v '^uploads/$' | tee "$work/listing" | sed 's/^/    /'
    [ "$(cat "$work/listing")" = sha256/ ] || fail "not what the manual says"
    claim "sha256/ and uploads/ are there in the middle of a push, as in the manual"
    drive_claims calls
    drive_claims spread
    drive_claims corners
    holds_what_it_should
    claim "and those pushes leave nothing beside their blobs, with no cleanup"
    drive_claims killed
    holds_what_it_should_once_cleaned_up
    claim "when the cleanup has run, the store holds what it should and nothing else"
    drive gc org/image:v1 other/busybox:test
    holds_nothing_once_cleaned_up
    claim "when all tags are deleted and garbage is collected, nothing is left at all"
    killed_under_skopeo
    holds_nothing_once_cleaned_up
    claim "and nothing is left of those pushes either, once they are deleted and cleaned up"
}

# Requests that the server has counted, and their sum for each of COUNT blobs.
count_requests() {
    curl -sS -f "$RGW_ENDPOINT/_fake/counts" | grep -v -e AssumeRole -e GetCallerIdentity \
        >"$work/counts"
    sed 's/^/    /' "$work/counts"
    awk '{ sum += $2 } END { print sum }' "$work/counts" >"$work/sum"
}

requests() {
    [ "$QUAY_BACKEND" = fake ] || return 0
    blobs=20
    sh "$here/service.sh" start "$QUAY_WORK" || fail "the stand-in does not start"
    curl -sS -f -X DELETE "$RGW_ENDPOINT/_fake/counts" >/dev/null
    echo "$blobs small blobs, as the original's calls make them:"
    "$QUAY_PYTHON" "$here/rollback.py" small $blobs
    count_requests
    theirs=$(cat "$work/sum")
    curl -sS -f -X DELETE "$RGW_ENDPOINT/_fake/counts" >/dev/null
    echo "$blobs small blobs, pushed to the stand-in:"
    drive small $blobs
    count_requests
    ours=$(cat "$work/sum")
    echo "requests for $blobs small blobs: $ours, beside $theirs of the original's calls"
    awk -v ours="$ours" -v theirs="$theirs" -v n=$blobs 'BEGIN {
        printf "requests a small blob: %.1f, beside %.1f (of which 3 are a look and a useless upload)\n",
            ours / n, theirs / n; exit ours / n < 5 ? 0 : 1 }' ||
        fail "not fewer than the five that the original needs at the least"
    claim "a small blob takes fewer requests than the five of the original"
}

case $part in
methods | legacy) "$QUAY_PYTHON" "$here/${part}_test.py" ;;
gevent) "$QUAY_PYTHON" "$here/gevent_test.py" "$QUAY_PLUGINS" ;;
push) push ;;
requests) requests ;;
rollback) [ "$QUAY_BACKEND" = local ] || "$QUAY_PYTHON" "$here/rollback.py" ;;
*) fail "no part is called '$part'" ;;
esac
