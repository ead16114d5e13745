#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SERVER PART: brings the server up as PART needs it, runs PART against it and takes it down
# again; that the server ends well, with no leak under a sanitizer, is the last claim. Prints TAP.
#
# Parts: refusals, faults, access, regions, load; conformance (REGSTORE is the command); strangers and
# strangers-tls (STRANGERS is a folder in which boto3 and the aws CLI stay, from PyPI).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
server=$1
part=$2
work=$(mktemp -d)
pid=
finish() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1

bail_out() {
    echo "Bail out! $*"
    exit 1
}

python=python3
ca=
case $part in
refusals | load | conformance | strangers) set -- ;;
faults) set -- --control ;;
regions) set -- --region us-east-1 --region eu-west-1 --bucket quay --bucket far=eu-west-1 ;;
access)
    set -- --external-id "open sesame" --permissions "$work/permissions.json"
    cat >"$work/permissions.json" <<'JSON'
{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:Put*"],
     "Resource": "arn:aws:s3:::quay/mine/*"},
    {"Effect": "Deny", "Action": "s3:*", "Resource": ["arn:aws:s3:::quay/mine/secret/*"]},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::quay",
     "Condition": {"StringLike": {"s3:prefix": ["mine/*"]}}}
]}
JSON
    ;;
strangers-tls)
    ca=$work/cert.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=fake-s3 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$work/key.pem" -out "$ca" 2>"$work/openssl" ||
        bail_out "no certificate: $(cat "$work/openssl")"
    set -- --cert "$ca" --key "$work/key.pem"
    ;;
*) bail_out "no part is called '$part'" ;;
esac

case $part in
strangers*)
    python=$STRANGERS/bin/python
    if [ ! -e "$STRANGERS/complete" ]; then
        { python3 -m venv "$STRANGERS" && "$STRANGERS/bin/pip" -q install boto3 awscli; } \
            >"$work/pip" 2>&1 ||
            bail_out "boto3 and awscli cannot be had from PyPI (apt-get install python3-venv?)," \
                "or leave this out: meson configure -Dleave_out=strangers: $(tail -n 1 "$work/pip")"
        touch "$STRANGERS/complete"
    fi
    ;;
esac

"$server" --dir "$work" --spool "$work" "$@" >"$work/out" 2>"$work/err" &
pid=$!
# The server writes env last, whole.
until [ -e "$work/env" ]; do
    kill -0 "$pid" 2>/dev/null || bail_out "the server did not come up: $(cat "$work/err")"
    sleep 0.05
done

status=0
case $part in
conformance)
    "$REGSTORE" --config "$work/config.yaml" --location s3 conformance --tap || status=1
    ;;
strangers*) "$python" "$here/strangers.py" "$work/env" ${ca:+"$ca"} || status=1 ;;
*) "$python" "$here/$part.py" "$work/env" || status=1 ;;
esac

kill "$pid"
wait "$pid" || status=1
pid=
sed 's/^/# server: /' "$work/err"
[ ! -s "$work/err" ] || status=1
[ "$status" -eq 0 ]
