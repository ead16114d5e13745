# SPDX-License-Identifier: Apache-2.0
#
# To be sourced by quickstart.sh and tests/run.sh: what regstore needs from Debian 12, by purpose.
# shellcheck disable=SC2034 # used by who sources this

packages_build="gcc g++ meson pkg-config libcurl4-openssl-dev libssl-dev libyaml-dev libexpat1-dev \
check libsubunit-dev libmicrohttpd-dev scdoc ca-certificates"
packages_image="umoci openssl"
packages_rgw="ceph-mon ceph-osd ceph-common radosgw curl faketime python3"
packages_registry="podman skopeo umoci openssl curl python3 python3-venv"
packages_test="clang libclang-rt-14-dev llvm shellcheck abigail-tools python3 \
python3-prometheus-client python3-venv openssl iproute2"

# install_missing PACKAGE...: installs those that are not there, and says so first.
install_missing() {
    if ! command -v dpkg-query >/dev/null; then
        echo "This is no Debian. It takes what Debian calls: $*"
        return 0
    fi
    missing=
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # several words
    install_with_apt $missing
}

# as_root WHAT COMMAND...: WHAT is told to who has to do it first where that cannot be had.
as_root() {
    what=$1
    shift
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "Root has to do this first: $what" >&2
        return 1
    fi
}

# install_with_apt ARGUMENT...: of apt-get install.
install_with_apt() {
    what="apt-get install --no-install-recommends $*"
    echo "Installing with apt-get: $*"
    apt_said=$(mktemp)
    apt_status=0
    { as_root "$what" apt-get -qq update &&
        as_root "$what" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
            install --no-install-recommends "$@"; } >"$apt_said" 2>&1 || apt_status=$?
    [ "$apt_status" -eq 0 ] || cat "$apt_said" >&2
    rm -f "$apt_said"
    return "$apt_status"
}

# find_go GO_MOD: is there a Go that builds this module? Sets GO, and has an older one fetch the
# toolchain that go.mod names through the module proxy, which every Go from 1.21 on can.
find_go() {
    GO=${GO:-go}
    command -v "$GO" >/dev/null || return 1
    go_wanted=$(sed -n 's/^go //p' "$1")
    go_found=$(cd / && GOTOOLCHAIN=local "$GO" env GOVERSION | sed 's/^go//')
    if ! is_version_at_least "$go_found" "$go_wanted"; then
        is_version_at_least "$go_found" 1.21 || return 1
        export GOTOOLCHAIN=auto
    fi
    export GO
}

is_version_at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# install_go GO_MOD: unless there is one. Debian 12's own is too old, so it is that of its backports.
install_go() {
    if find_go "$1"; then
        return 0
    fi
    if ! command -v dpkg-query >/dev/null; then
        echo "This is no Debian. It takes Go 1.21 or newer."
        return 0
    fi
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    if [ "$codename" != bookworm ]; then
        install_with_apt golang-go
        return
    fi
    if ! apt-cache policy | grep -q "n=$codename-backports"; then
        echo "Adding Debian's backports to the sources of apt"
        printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: %s-backports\n%s\n%s\n' \
            "$codename" "Components: main" \
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" |
            as_root "add $codename-backports to the sources of apt" \
                tee "/etc/apt/sources.list.d/$codename-backports.sources" >/dev/null
    fi
    install_with_apt -t "$codename-backports" golang-go
}
