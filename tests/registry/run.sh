#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [PART...]: the suite registry. Real clients push and pull through real registries with our
# plugins behind them. Prints TAP. Without a PART it runs all.
#
# From the environment: REGSTORE, the command of the build to test (else the one in build/); GO, the go
# command; and REGSTORE_REGISTRY_CACHE, a folder in which images and programs stay.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/host-shim/packages.sh"
umask 022 # a group that may write the plugins would make them refused

# What each part shows stands in the script of its name; those with a backend are told it.
on_each="tools garbage uploads kill9 adapter driver-suite"
every=
for name in local fake rgw; do
    for part in $on_each; do
        every="$every $part-$name"
    done
done
every="$every oci-conformance requests rollback-rgw speed quay"
also="driver-suite-short-rgw" # without the stream of 5 GiB, which is in driver-suite-rgw

REGSTORE=${REGSTORE:-$top/build/host-shim/regstore}
work=$(mktemp -d)
cache=${REGSTORE_REGISTRY_CACHE:-$work/cache}

finish() {
    [ ! -e "$work/servers/fake/env" ] ||
        kill "$(sed -n 's/^FAKE_S3_PID=//p' "$work/servers/fake/env")" 2>/dev/null || true
    [ ! -e "$work/servers/rgw" ] || sh "$here/../rgw/rgw-down.sh" "$work/servers/rgw"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

bail_out() {
    echo "Bail out! $*"
    exit 1
}

# shellcheck disable=SC2086 # several words
[ $# -gt 0 ] || set -- $every
for name; do
    case " $every $also " in
    *" $name "*) ;;
    *) bail_out "no part is called '$name'; there are: $every $also" ;;
    esac
done

# What the parts need beside a build.
tools="umoci skopeo podman curl python3"
case "$*" in *rgw* | *speed*) tools="$tools ceph-mon ceph-osd ceph radosgw radosgw-admin" ;; esac
for tool in $tools; do
    command -v "$tool" >/dev/null || bail_out "$tool is missing:" \
        "apt-get install $packages_registry $packages_rgw," \
        "or leave this suite out: meson configure -Dleave_out=registry"
done
adapter=$top/host-shim/adapters/distribution
find_go "$adapter/go.mod" ||
    bail_out "no Go that is new enough: apt-get install -t bookworm-backports golang-go," \
        "or leave this suite out: meson configure -Dleave_out=registry"
[ -x "$REGSTORE" ] || bail_out "no command at $REGSTORE: meson compile first"
build=$(cd "$(dirname "$REGSTORE")/.." && pwd)
mkdir -p "$cache" "$work/servers"

export REGSTORE REGSTORE_FAKE_S3="$build/tests/fake-s3/regstore-fake-s3" \
    REGSTORE_PLUGIN_DIR="$build/plugin" REGSTORE_BUILD="$build" \
    REGISTRY="$build/host-shim/adapters/distribution/registry" \
    PURGE_UPLOADS="$cache/purge-uploads" OCI_CONFORMANCE="$cache/oci-conformance" \
    IMAGES="$cache/images" SERVERS="$work/servers" SERVERS_OWNER=$$

start=$(date +%s)
{ sh "$adapter/build.sh" "$build" && sh "$here/build-programs.sh" "$build" "$cache"; } \
    >"$work/go" 2>&1 || bail_out "Go does not build the registry: $(tail -n 5 "$work/go")"
sh "$here/make-images.sh" "$IMAGES" >"$work/images" 2>&1 ||
    bail_out "no images: $(tail -n 5 "$work/images")"
echo "# $("$REGISTRY" --version), built with the images in $(($(date +%s) - start)) s"

part() {
    case $1 in
    oci-conformance | requests | speed) sh "$here/$1.sh" ;;
    driver-suite-short-*) sh "$here/driver-suite.sh" "${1##*-}" -short ;;
    quay)
        [ -e "$here/quay/run.sh" ] || { echo "ok - quay # SKIP not in this tree"; return; }
        sh "$here/quay/run.sh"
        ;;
    *) sh "$here/${1%-*}.sh" "${1##*-}" ;;
    esac
}

# The claims of all parts become one numbered sequence; all else that they say is a comment.
for name; do
    echo "# $name"
    start=$(date +%s)
    { part "$name" </dev/null || echo "not ok - $name came to its end"; } 2>&1 |
        sed -u -E -e '/^1\.\.[0-9]/d' -e 's/^((not )?ok)( [0-9]+)? (- )?/\1 - /' \
            -e '/^(not )?ok /!s/^/# /' | tee -a "$work/tap"
    echo "# $name took $(($(date +%s) - start)) s"
done
echo "1..$(grep -cE '^(not )?ok ' "$work/tap")"
! grep -q '^not ok ' "$work/tap"
