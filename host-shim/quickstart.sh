#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh [--s3]: from a fresh Debian 12 to an image in a store, in one go.
#
# Installs what is missing, builds in build/, pushes the blobs of a container image in chunks to
# local files, or with --s3 under an assumed role to an S3 of its own; reads them back, shows what
# lies in the store and swaps the backend. All that it makes beside build/ is gone at the end.
set -eu
umask 022 # a group that may write the plugins would make them refused
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/host-shim/packages.sh"

case ${1:-} in
"") first=local ;;
--s3) first=s3 ;;
*)
    echo "usage: sh host-shim/quickstart.sh [--s3]" >&2
    exit 2
    ;;
esac

location=$first
work=
finish() {
    [ -z "$work" ] || sh "$top/tests/rgw/rgw-down.sh" "$work/rgw"
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

build() {
    command=$top/build/host-shim/regstore
    log=$top/build/quickstart.log
    mkdir -p "$top/build"
    if ! { [ -e "$top/build/build.ninja" ] || meson setup "$top/build" "$top"; } >"$log" 2>&1 ||
        ! meson compile -C "$top/build" >>"$log" 2>&1; then
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

configure() {
    if [ "$location" = s3 ]; then
        sh "$top/tests/rgw/rgw-up.sh" "$work/rgw" $$
        config=$work/rgw/config.yaml
    else
        config=$work/config.yaml
        (umask 077 && cat >"$config" <<YAML
DISTRIBUTED_STORAGE_CONFIG:
  local:
    - LocalStorage
    - storage_path: $work/datastorage
YAML
        )
    fi
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
if [ "$location" = s3 ]; then
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
if [ "$first" = s3 ]; then
    location=local
    echo "The same once more, and only --location is another: local"
    push_image
    read_back
else
    echo "\$ regstore inspect STSS3Storage"
    "$command" inspect STSS3Storage | sed '/^settings:/,$d'
fi
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
[ "$first" = s3 ] || cat <<NEXT
The same as above on S3 with STS, a server of its own included, and from there to local files:
    sh host-shim/quickstart.sh --s3
NEXT
cat <<NEXT
All tests, that server included:
    sh tests/run.sh
NEXT
