#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# build-programs.sh BUILD OUT: what the tests need of Go beside the registry itself, into the folder OUT:
# purge-uploads, and oci-conformance, the distribution-spec's own suite. BUILD is the meson build folder,
# GO the go command.
set -eu
[ $# -eq 2 ] || { echo "usage: build-programs.sh BUILD OUT" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
go=${GO:-go}
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)

export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -g -I$here/../../abi -I$here/../../host-shim"
needed=$(pkg-config --libs yaml-0.1)
export CGO_LDFLAGS="$build/host-shim/libregstore-host.a $needed -ldl"
cd "$here/programs"
"$go" build -trimpath -buildvcs=false -o "$out/purge-uploads" ./purge-uploads
"$go" build -trimpath -buildvcs=false -o "$out/oci-conformance" \
    github.com/opencontainers/distribution-spec/conformance
