#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [BACKEND...]: the adapter for Quay under gunicorn and gevent, in a stand-in for Quay that makes
# Quay's calls, driven with skopeo and podman and by hand. Backends: local, fake (our own S3 server),
# rgw (Ceph's, under the assumed role). Prints TAP.
#
# From the environment: REGSTORE, the command of the build to test (else the one in build/), and
# REGSTORE_QUAY_CACHE, a folder in which the image and the Python packages from PyPI stay.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
every="local fake rgw"
REGSTORE=${REGSTORE:-$top/build/host-shim/regstore}
umask 022
work=$(mktemp -d)
cache=${REGSTORE_QUAY_CACHE:-$work/cache}

finish() {
    sh "$here/service.sh" stop "$work"
    sh "$top/tests/rgw/rgw-down.sh" "$work/rgw"
    [ ! -e "$work/fake/pid" ] || kill "$(cat "$work/fake/pid")" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

bail_out() {
    echo "Bail out! $*"
    exit 1
}
for tool in umoci skopeo podman openssl curl python3; do
    command -v "$tool" >/dev/null || bail_out "$tool is missing:" \
        "apt-get install umoci skopeo podman openssl curl python3"
done
[ -x "$REGSTORE" ] || bail_out "no command at $REGSTORE: meson compile first"
build=$(cd "$(dirname "$REGSTORE")/.." && pwd)
mkdir -p "$cache"
[ -e "$cache/venv/complete" ] ||
    { rm -rf "$cache/venv" && python3 -m venv "$cache/venv" &&
        "$cache/venv/bin/pip" -q install -r "$here/requirements.txt" &&
        touch "$cache/venv/complete"; } >"$work/pip" 2>&1 ||
    bail_out "gunicorn, gevent, prometheus_client and boto3 cannot be had from PyPI" \
        "(apt-get install python3-venv?): $(tail -n 1 "$work/pip")"
sh "$here/image.sh" "$cache/image" >"$work/umoci" 2>&1 || bail_out "$(cat "$work/umoci")"

export REGSTORE REGSTORE_LIBRARY="$build/host-shim/libregstore-host.so.1" \
    PYTHONPATH="$top/host-shim/adapters/quay" PYTHONDONTWRITEBYTECODE=1 \
    QUAY_PYTHON="$cache/venv/bin/python" QUAY_IMAGE="$cache/image" QUAY_WORK="$work" \
    QUAY_PLUGINS="$build/tests/unit/host"
[ -e "$REGSTORE_LIBRARY" ] || bail_out "no $REGSTORE_LIBRARY: meson compile first"

# backend NAME: brings it up and sets QUAY_TEST_LOCATION and, where there is S3, what s3.sh needs.
backend() {
    case $1 in
    local)
        QUAY_TEST_LOCATION="[\"LocalStorage\", {\"storage_path\": \"$work/local/datastorage\"}]"
        mkdir -p "$work/local"
        return
        ;;
    fake)
        mkdir -p "$work/fake"
        "$build/tests/fake-s3/regstore-fake-s3" --dir "$work/fake" --spool "$work/fake" --control \
            --owner $$ >"$work/fake/out" 2>&1 &
        echo $! >"$work/fake/pid"
        until [ -e "$work/fake/env" ]; do
            kill -0 "$(cat "$work/fake/pid")" || bail_out "$(cat "$work/fake/out")"
            sleep 0.05
        done
        sed -n 's/^FAKE_S3_\([A-Z_]*\)=/RGW_\1=/p' "$work/fake/env" >"$work/env"
        ;;
    rgw)
        for tool in ceph-mon ceph-osd ceph radosgw radosgw-admin; do
            command -v "$tool" >/dev/null || bail_out "$tool is missing:" \
                "apt-get install ceph-mon ceph-osd ceph-common radosgw"
        done
        sh "$top/tests/rgw/rgw-up.sh" "$work/rgw" $$ 2>&1 | sed 's/^/# /'
        [ -r "$work/rgw/env" ] || bail_out "no server: see above"
        cp "$work/rgw/env" "$work/env"
        ;;
    *) bail_out "no backend is called '$1'; there are: $every" ;;
    esac
    set -a
    # shellcheck disable=SC1091 # written above
    . "$work/env"
    set +a
    QUAY_TEST_LOCATION=$(printf '["STSS3Storage", {"storage_path": "/datastorage", "s3_bucket":
        "%s", "sts_role_arn": "%s", "sts_user_access_key": "%s", "sts_user_secret_key": "%s",
        "endpoint_url": "%s", "sts_endpoint_url": "%s"}]' "$RGW_BUCKET" "$RGW_ROLE_ARN" \
        "$RGW_USER_ACCESS_KEY" "$RGW_USER_SECRET_KEY" "$RGW_ENDPOINT" "$RGW_ENDPOINT" |
        tr -s '\n ' ' ')
}

# The claims of all parts become one numbered sequence; all else that they say is a comment.
[ $# -gt 0 ] || set -- local fake rgw
for name; do
    echo "# $name"
    start=$(date +%s)
    backend "$name"
    export QUAY_TEST_LOCATION QUAY_BACKEND="$name" QUAY_TEST_PREFIX="$name: "
    for part in methods legacy gevent push requests rollback; do
        { sh "$here/parts.sh" "$part" </dev/null || echo "not ok - $name: $part came to its end"; } \
            2>&1 | sed -u -E -e '/^1\.\.[0-9]/d' -e 's/^((not )?ok)( [0-9]+)? (- )?/\1 - /' \
            -e '/^(not )?ok /!s/^/# /' | tee -a "$work/tap"
        sh "$here/service.sh" stop "$work"
    done
    echo "# $name took $(($(date +%s) - start)) s"
done
echo "1..$(grep -cE '^(not )?ok ' "$work/tap")"
! grep -q '^not ok ' "$work/tap"
