#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# build.sh FOLDER                 builds the registry into a meson build folder, with its library
# build.sh --installed OUT        builds the program OUT with what `meson install` has put in place
# build.sh FOLDER test [ARG...]   go test ./... ARG..., against that build
#
# The host library is linked statically: the program needs no file of this project but plugins.
# Without a network it builds as long as Go has the modules of go.sum (`go mod download` fetches
# them). GO is the go command to use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
go=${GO:-go}

fail() {
    echo "build.sh: $*" >&2
    exit 1
}
usage() {
    sed -n '4,6s/^# //p' "$0" >&2
    exit 2
}

command -v "$go" >/dev/null ||
    fail "no go: apt-get install -t bookworm-backports golang-go, or name one with GO=/path/to/go"

# What pkg-config says of the libraries that the host library needs.
needed=$(pkg-config --libs yaml-0.1) || fail "pkg-config does not find yaml-0.1: libyaml-dev is missing"
export CGO_ENABLED=1
case ${1:-} in
'') usage ;;
--installed)
    [ $# -eq 2 ] || usage
    folder=$(pkg-config --variable=libdir libregstore-host) ||
        fail "pkg-config does not find libregstore-host: meson install first, and perhaps PKG_CONFIG_PATH"
    library=$folder/libregstore-host.a
    headers=$(pkg-config --cflags libregstore-host regstore)
    out=$2
    shift 2
    ;;
*)
    [ -e "$1/meson-private" ] || fail "$1 is no meson build folder"
    build=$(cd "$1" && pwd)
    library=$build/host-shim/libregstore-host.a
    headers="-I$here/../../../abi -I$here/../.."
    out=$build/host-shim/adapters/distribution/registry
    shift
    ;;
esac
[ -e "$library" ] || fail "no $library: build it first, with meson compile"

# -ffile-prefix-map: the same sources give the same program, wherever they lie.
export CGO_CFLAGS="-O2 -g $headers -ffile-prefix-map=$here=. ${CGO_CFLAGS:-}"
export CGO_LDFLAGS="$library $needed -ldl ${CGO_LDFLAGS:-}"
cd "$here"
case ${1:-} in
'')
    version=$(sed -n 's,^.*github.com/distribution/distribution/v3 \(v[^ ]*\).*,\1,p' go.mod)
    module=github.com/distribution/distribution/v3/version
    umask 022
    mkdir -p "$(dirname "$out")"
    exec "$go" build -trimpath -buildvcs=false \
        -ldflags "-X $module.version=$version+regstore" -o "$out" ./cmd/registry
    ;;
test)
    shift
    export REGSTORE_BUILD="$build"
    exec "$go" test "$@" ./...
    ;;
*) usage ;;
esac
