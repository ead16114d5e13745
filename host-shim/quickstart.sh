#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh [--s3|--rgw]: from a fresh Debian 12 to an image in a store, in one go.
#
# Installs what is missing, builds in build/, pushes the blobs of a container image in chunks to
# local files, reads them back, shows what lies in the store, and does the same on S3 under an
# assumed role, where only --location is another. With --s3 it begins on S3 and ends on files. S3 and
# STS are the tests' own server; with --rgw they are a real Ceph, which takes longer to install.
# All that it makes beside build/ is gone at the end.
set -eu
umask 022 # a group that may write the plugins would make them refused
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/host-shim/packages.sh"

case ${1:-} in
"") first=local second=s3 server=own ;;
--s3) first=s3 second=local server=own ;;
--rgw) first=s3 second=local server=rgw ;;
*)
    echo "usage: sh host-shim/quickstart.sh [--s3|--rgw]" >&2
    exit 2
    ;;
esac

location=$first
work=
finish() {
    if [ -n "$work" ] && [ "$server" = rgw ]; then
        sh "$top/tests/rgw/rgw-down.sh" "$work/server"
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

title() {
    printf '\n== %s\n\n' "$*"
}

regstore() {
    "$command" --config "$config" --location "$location" "$@"
}

# The same, and first what one would type.
show() {
    echo "\$ regstore --location $location $*"
    regstore "$@"
}

# What is shown here and no more: `meson compile`, `meson install` and the tests build the rest when
# they are asked to.
build() {
    set -- regstore STSS3Storage LocalStorage
    [ "$server" = rgw ] || set -- "$@" regstore-fake-s3
    command=$top/build/host-shim/regstore
    log=$top/build/quickstart.log
    mkdir -p "$top/build"
    if ! { [ -e "$top/build/build.ninja" ] || meson setup "$top/build" "$top"; } >"$log" 2>&1 ||
        ! meson compile -C "$top/build" "$@" >>"$log" 2>&1; then
        tail -n 30 "$log"
        echo "The build failed; all of it is in $log." >&2
        exit 1
    fi
    echo "build/host-shim/regstore     the command"
    for plugin in "$top"/build/plugin/*.so; do
        printf 'build/plugin/%-15s a plugin: "%s" in config.yaml\n' "${plugin##*/}" \
            "$(basename "$plugin" .so)"
    done
}

# One config.yaml with the locations s3 and local; the server ends with this script.
configure() {
    if [ "$server" = rgw ]; then
        sh "$top/tests/rgw/rgw-up.sh" "$work/server" $$
    else
        mkdir "$work/server"
        "$top/build/tests/fake-s3/regstore-fake-s3" --dir "$work/server" --daemon --owner $$
    fi
    config=$work/server/config.yaml
    sed 's/^\( *sts_user_secret_key: \).*/\1.../' "$config"
    echo
    show check
}

# push FILE: in chunks of uneven sizes, each step a process of its own.
push() {
    size=$(stat -c %s "$1")
    chunk=3000001
    chunks=0
    offset=0
    regstore upload begin "$work/token"
    while [ "$offset" -lt "$size" ]; do
        dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$offset" count="$chunk" status=none |
            regstore upload append "$work/token" - >/dev/null
        offset=$((offset + chunk))
        chunk=$((chunk * 2 - 1))
        chunks=$((chunks + 1))
    done
    if [ "$chunks" -gt 2 ] && [ "$location" = "$first" ]; then
        echo "Before the last commit:"
        show ls --delimiter
        show ls uploads/
        echo
    fi
    regstore upload commit "$work/token" --digest "sha256:${1##*/}" >/dev/null
    echo "pushed sha256:${1##*/}, $size bytes in $chunks chunks"
}

push_image() {
    # shellcheck disable=SC2012,SC2045 # the names are digests; the largest comes last
    for blob in $(ls -Sr "$blobs"); do
        push "$blobs/$blob"
    done
}

read_back() {
    for blob in "$blobs"/*; do
        hex=${blob##*/}
        regstore get "sha256/$(echo "$hex" | cut -c 1-2)/$hex" | cmp - "$blob"
        echo "the same bytes: sha256:$hex"
    done
}

title "What it needs"
# shellcheck disable=SC2154,SC2086 # packages.sh has the lists, each of several words
if [ "$server" = rgw ]; then
    install_missing $packages_build $packages_image $packages_rgw
else
    install_missing $packages_build $packages_image
fi
echo "All is installed."

title "Build"
build

work=$(mktemp -d)
title "The store"
configure

title "An image, its blobs pushed in chunks, each step a process of its own"
sh "$top/tests/rgw/make-image.sh" "$work/image" 40
blobs=$work/image/blobs/sha256
push_image

title "What lies in the store"
show ls -l

title "Read back"
read_back

title "Another backend, the same command"
before=$(sha256sum <"$command")
location=$second
echo "The same once more, and only --location is another: $location"
push_image
read_back
after=$(sha256sum <"$command")
echo
echo "sha256 of the command before: ${before%% *}"
echo "                      after:  ${after%% *}"
[ "$before" = "$after" ]

title "Next"
cat <<NEXT
Your own store, from Quay's config.yaml, tried out step by step:
    build/host-shim/regstore --config /path/to/config.yaml check
NEXT
[ "$server" = rgw ] || cat <<NEXT
The same on a real Ceph with STS, brought up and taken down by itself:
    sh host-shim/quickstart.sh --rgw
NEXT
cat <<NEXT
All tests:
    sh tests/run.sh
NEXT
