# SPDX-License-Identifier: Apache-2.0
#
# To be sourced by quickstart.sh and tests/run.sh: what regstore needs from Debian 12, by purpose.
# shellcheck disable=SC2034 # used by who sources this

packages_build="gcc g++ meson pkg-config libcurl4-openssl-dev libssl-dev libyaml-dev libexpat1-dev \
check libsubunit-dev libmicrohttpd-dev ca-certificates"
packages_image="umoci openssl"
packages_rgw="ceph-mon ceph-osd ceph-common radosgw curl faketime python3"
packages_registry="podman skopeo umoci openssl curl python3 python3-venv"
packages_test="clang libclang-rt-14-dev llvm shellcheck python3 python3-venv openssl iproute2"

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
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "Root has to do this first: apt-get install --no-install-recommends$missing" >&2
            return 1
        }
        sudo=sudo
    fi
    echo "Installing with apt-get:$missing"
    apt_said=$(mktemp)
    apt_status=0
    # shellcheck disable=SC2086 # several words
    { $sudo apt-get -qq update &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
            install --no-install-recommends $missing; } >"$apt_said" 2>&1 || apt_status=$?
    [ "$apt_status" -eq 0 ] || cat "$apt_said" >&2
    rm -f "$apt_said"
    return "$apt_status"
}
