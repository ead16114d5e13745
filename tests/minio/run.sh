#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh: a MinIO server with an OpenID Connect provider beside it, both on loopback, and identity.py
# against them. Prints TAP. REGSTORE is the command; MINIO_CACHE the folder in which MinIO, built by Go
# from the version that go.mod pins, stays (four CPU minutes, 600 MB of modules; once).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
minio=
provider=
finish() {
    [ -z "$minio" ] || kill "$minio" 2>/dev/null || true
    [ -z "$provider" ] || kill "$provider" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1

bail_out() {
    echo "Bail out! $*"
    exit 1
}

. "$here/../../host-shim/packages.sh"
find_go "$here/go.mod" ||
    bail_out "no Go that is new enough: apt-get install -t bookworm-backports golang-go, name another" \
        "with GO=/path/to/go, or leave this out: meson configure -Dleave_out=minio"
mkdir -p "$MINIO_CACHE"
program=$MINIO_CACHE/minio
if ! cmp -s "$here/go.sum" "$MINIO_CACHE/built-from"; then
    (cd "$here" && GOFLAGS=-mod=readonly "$GO" build -trimpath -buildvcs=false -o "$program" \
        github.com/minio/minio) >"$work/build" 2>&1 ||
        bail_out "MinIO cannot be built here, or leave this out: meson configure" \
            "-Dleave_out=minio: $(tail -n 3 "$work/build")"
    cp "$here/go.sum" "$MINIO_CACHE/built-from"
fi

# ended PID WHAT FILE
ended() {
    kill -0 "$1" 2>/dev/null || bail_out "$2 did not come up: $(tail -n 5 "$3")"
    sleep 0.1
}

openssl genrsa -out "$work/oidc.pem" 2048 2>"$work/openssl" ||
    bail_out "no key: $(cat "$work/openssl")"
python3 "$here/provider.py" "$work/oidc.pem" "$work/issuer" >"$work/provider" 2>&1 &
provider=$!
until [ -e "$work/issuer" ]; do ended "$provider" "the provider" "$work/provider"; done
issuer=$(cat "$work/issuer")

# MinIO cannot be told to take any port: one that is free now.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env MINIO_ROOT_USER=minio-test-user MINIO_ROOT_PASSWORD=minio-test-secret MINIO_BROWSER=off \
    MINIO_UPDATE=off MINIO_CI_CD=1 HOME="$work" \
    MINIO_IDENTITY_OPENID_CONFIG_URL="$issuer/.well-known/openid-configuration" \
    MINIO_IDENTITY_OPENID_CLIENT_ID=sts.amazonaws.com MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite \
    "$program" server --address "127.0.0.1:$port" "$work/data" >"$work/minio" 2>&1 &
minio=$!
until role=$(sed -n 's/.*IAM Roles: \(arn:[^ ]*\).*/\1/p' "$work/minio") && [ -n "$role" ]; do
    ended "$minio" MinIO "$work/minio"
done

cat >"$work/env" <<EOF
FAKE_S3_ENDPOINT=http://127.0.0.1:$port
FAKE_S3_BUCKET=quay
FAKE_S3_USER_ACCESS_KEY=minio-test-user
FAKE_S3_USER_SECRET_KEY=minio-test-secret
FAKE_S3_ROLE_ARN=$role
OIDC_ISSUER=$issuer
OIDC_KEY=$work/oidc.pem
EOF
python3 "$here/identity.py" "$work/env"
