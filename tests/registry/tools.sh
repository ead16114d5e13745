#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tools.sh BACKEND [IMAGE...]: umoci, skopeo and podman push and pull images through the registry with
# our driver; the store holds what it should throughout. Then tags, catalog, deletes and garbage.
. "$(dirname "$0")/lib.sh"
store "$1" "tools-$1"
shift
kinds=${*:-many empty index large}
configure ours through
registry_up through
through=$at
configure ours
registry_up redirecting
: >"$work/keys"

# expect REPOSITORY TAG LAYOUT: from now on the store holds this image, too.
expect() {
    python3 "$here/layout.py" keys "$@" >>"$work/keys"
    holds "$work/keys"
}

# The same blobs under the same names as in the layout that was pushed, whoever gave the bytes.
skopeo_pulls() {
    for from in "$at" "$through"; do
        rm -rf "$work/back"
        skopeo_copy --all "docker://$from/skopeo/$1:v1" "oci:$work/back:v1"
        diff -r "$IMAGES/$1/blobs" "$work/back/blobs" ||
            fail "$1 comes back with other blobs from $from"
    done
}

# As umoci unpacks it, one architecture of an index.
unpack() {
    rm -rf "$work/back" "$work/bundle"
    skopeo_copy "docker://$at/skopeo/$1:v1" "oci:$work/back:v1"
    umoci unpack --rootless --image "$work/back:v1" "$work/bundle"
    find "$work/bundle/rootfs" -type f -size +0 | grep -q . || fail "$1 unpacks to nothing"
}

# Storage of its own in a plain folder, so that it runs inside of a container, too.
podman() {
    command podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs \
        --cgroup-manager cgroupfs --events-backend none "$@" >"$work/said" 2>"$work/podman.log" ||
        fail "podman $* failed"
}

# podman compresses anew, so what it pushed has digests of its own; the files are the same.
podman_passes_on() {
    podman pull -q --tls-verify=false "$at/skopeo/$1:v1"
    podman push -q --tls-verify=false --compression-format zstd "$at/skopeo/$1:v1" \
        "docker://$at/podman/$1:v2"
    podman rmi -f -a
    podman pull -q --tls-verify=false "$through/podman/$1:v2"
    podman image mount "$(cat "$work/said")"
    diff -r "$work/bundle/rootfs" "$(cat "$work/said")" || fail "podman gives other files of $1"
    podman image umount -a
    podman rmi -f -a
    rm -rf "$work/back"
    skopeo_copy "docker://$at/podman/$1:v2" "oci:$work/back:v1"
}

for image in $kinds; do
    skopeo_copy --all "oci:$IMAGES/$image:v1" "docker://$at/skopeo/$image:v1"
    expect "skopeo/$image" v1 "$IMAGES/$image"
    skopeo_pulls "$image"
    claim "$backend: skopeo pushes and pulls $image byte for byte, and nothing else is in the store"
    unpack "$image"
    podman_passes_on "$image"
    expect "podman/$image" v2 "$work/back"
    claim "$backend: podman pulls, pushes and pulls $image, and unpacks the same files as umoci"
    rm -rf "$work/back" "$work/bundle"
done

for image in $kinds; do
    skopeo_copy --all "oci:$IMAGES/$image:v1" "docker://$at/skopeo/$image:v1"
done
holds "$work/keys"
claim "$backend: pushed once more, nothing is added"
