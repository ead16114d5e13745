#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SERVER PART: brings the server up as PART needs it, runs PART against it and takes it down
# again; that the server ends well, with no leak under a sanitizer, is the last claim. Prints TAP.
#
# Parts: refusals, faults, access, regions, load, and rules-NAME (as another provider than AWS);
# strangers and strangers-tls (STRANGERS is a folder in which boto3 and the aws CLI stay, from PyPI);
# and of the command REGSTORE conformance, interrupted, tls and conformance-tls, conformance-as-NAME,
# sessions, metrics, identity, proxies and proxies-tls, without-md5 (APPROVED is what approved.c makes),
# and, in namespaces with names and ports of their own, five-keys and conformance-five-keys (AWS),
# dead-names (a name server that never answers).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
server=$1
part=$2
seconds=${TEST_SECONDS:-60} # for each test of the conformance suite
work=$(mktemp -d)
. "$here/../conformance/reports.sh"
reports_into "$work/reports"
pid=
finish() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1
# What of this machine's environment the plugin would obey.
unset AWS_CA_BUNDLE HTTPS_PROXY https_proxy http_proxy NO_PROXY no_proxy || true

bail_out() {
    echo "Bail out! $*"
    exit 1
}

# certificate NAME...: a CA of its own in cert.pem, for those names ("DNS:..." or "IP:...").
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=fake-s3 \
        -addext "subjectAltName=$(echo "$*" | tr ' ' ,)" \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/openssl" ||
        bail_out "no certificate: $(cat "$work/openssl")"
}

# Once more, where mounts and network are ours alone.
in_namespaces() {
    [ -z "${IN_NAMESPACES:-}" ] || return 0
    map=--map-root-user
    [ "$(id -u)" -ne 0 ] || map=
    # shellcheck disable=SC2086 # an option or none
    unshare $map --mount --net ip link set lo up >"$work/unshare" 2>&1 ||
        bail_out "namespaces of its own cannot be had here (apt-get install iproute2?), or leave this" \
            "out: meson configure -Dleave_out=namespaces: $(tail -n 1 "$work/unshare")"
    rm -rf "$work"
    # shellcheck disable=SC2086 # likewise
    IN_NAMESPACES=1 exec unshare $map --mount --net sh "$0" "$server" "$part"
}

# instead FILE: puts $work/FILE's namesake in its place, for this namespace alone.
instead() {
    mount --bind "$work/$(basename "$1")" "$(readlink -f "$1")" || bail_out "no mount on $1"
}

only_these_names() {
    ip link set lo up
    echo "hosts: files dns" >"$work/nsswitch.conf"
    echo "nameserver 127.0.0.1" >"$work/resolv.conf"
    echo "127.0.0.1 localhost $*" >"$work/hosts"
    for file in /etc/nsswitch.conf /etc/resolv.conf /etc/hosts; do
        instead $file
    done
    unset AWS_REGION AWS_DEFAULT_REGION AWS_ROLE_ARN
}

python=python3
ca=
case $part in
refusals | load | conformance | interrupted | strangers | proxies | without-md5) set -- ;;
rules-* | conformance-as-*)
    provider=${part#rules-}
    provider=${provider#conformance-as-}
    set -- --provider "$provider"
    ;;
tls | conformance-tls | strangers-tls | proxies-tls)
    certificate IP:127.0.0.1
    ca=$work/cert.pem
    set -- --cert "$ca" --key "$work/key.pem"
    ;;
five-keys | conformance-five-keys)
    in_namespaces
    sts="sts.us-east-1.amazonaws.com sts.eu-west-1.amazonaws.com sts.cn-north-1.amazonaws.com.cn"
    # shellcheck disable=SC2086 # several names
    only_these_names $sts quay.s3.us-east-1.amazonaws.com quay.s3.eu-west-1.amazonaws.com
    # shellcheck disable=SC2046 # several names
    certificate IP:127.0.0.1 DNS:*.s3.us-east-1.amazonaws.com DNS:*.s3.eu-west-1.amazonaws.com \
        $(for name in $sts; do echo "DNS:$name"; done)
    cp "$work/cert.pem" "$work/ca-certificates.crt"
    instead /etc/ssl/certs/ca-certificates.crt
    set -- --port 443 --cert "$work/cert.pem" --key "$work/key.pem" --region us-east-1 \
        --region eu-west-1 --region cn-north-1 --bucket quay=eu-west-1
    ;;
dead-names)
    in_namespaces
    only_these_names
    set -- --control
    ;;
faults | sessions) set -- --control ;;
metrics)
    # Debian's module is for Debian's python.
    python3 -c 'import prometheus_client' 2>/dev/null || python=/usr/bin/python3
    $python -c 'import prometheus_client' 2>/dev/null ||
        bail_out "apt-get install python3-prometheus-client"
    set -- --control
    ;;
identity)
    trusted='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": ["arn:aws:iam::123492922789:user/quay-user"%s]}},
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
         "Principal": {"Federated": "arn:aws:iam::123492922789:oidc-provider/oidc.example/id/1"},
         "Condition": {"StringEquals": {"oidc.example/id/1:aud": "sts.amazonaws.com",
            "oidc.example/id/1:sub": "system:serviceaccount:quay:registry"}}}]}'
    # shellcheck disable=SC2059 # a format on purpose
    printf "$trusted" "" >"$work/first.json"
    # shellcheck disable=SC2059 # likewise
    printf "$trusted" ', "arn:aws:iam::123492922789:role/source-role",
        "arn:aws:iam::123492922789:role/node-role"' >"$work/last.json"
    openssl genrsa -out "$work/oidc.pem" 2048 2>"$work/openssl" ||
        bail_out "no key: $(cat "$work/openssl")"
    openssl rsa -in "$work/oidc.pem" -pubout -out "$work/oidc.pub" 2>"$work/openssl" ||
        bail_out "no public key: $(cat "$work/openssl")"
    set -- --control --trust "$work/last.json" --role "source-role=$work/first.json" \
        --role "node-role=$work/first.json" --oidc-issuer https://oidc.example/id/1 \
        --oidc-key "$work/oidc.pub"
    ;;
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
conformance | conformance-as-*)
    "$REGSTORE" --config "$work/config.yaml" --location s3 conformance --jobs 4 \
        --timeout "$seconds" --tap || status=1
    ;;
rules-*) "$python" "$here/rules.py" "$work/env" "$provider" || status=1 ;;
interrupted)
    set -- "$REGSTORE" --config "$work/config.yaml" --location s3
    for command in ls "ls uploads/" "purge --older-than 1s --dry-run --json"; do
        left="${left:-}$* $command && "
    done
    LEFT="$left true" python3 "$here/../conformance/interrupted.py" "${TIMES:-6}" "$@" conformance ||
        status=1
    ;;
conformance-tls)
    # With the secret in the environment, which is a road of its own.
    secret=$(sed -n 's/.*sts_user_secret_key: //p' "$work/config.yaml")
    sed -i '/sts_user_secret_key: /d' "$work/config.yaml"
    REGSTORE_S3_STS_USER_SECRET_KEY=$secret "$REGSTORE" --config "$work/config.yaml" \
        --location s3 conformance --jobs 4 --timeout "$seconds" --tap || status=1
    ;;
conformance-five-keys)
    python3 "$here/five_keys.py" "$work/env" configure
    "$REGSTORE" --config "$work/five-keys.yaml" conformance --jobs 4 --timeout "$seconds" --tap ||
        status=1
    ;;
five-keys | dead-names)
    python3 "$here/$(echo "$part" | tr - _).py" "$work/env" || status=1
    ;;
strangers*) "$python" "$here/strangers.py" "$work/env" ${ca:+"$ca"} || status=1 ;;
without-md5) sh "$here/without-md5.sh" "$work" "$APPROVED" || status=1 ;;
proxies*) "$python" "$here/proxies.py" "$work/env" || status=1 ;;
metrics)
    # As on AWS: lists in their second version, which are read whole or asked for again.
    sed -i 's/^\( *\)endpoint_url: .*/&\n\1provider: aws/' "$work/config.yaml"
    "$python" "$here/metrics.py" "$work/env" || status=1
    ;;
*) "$python" "$here/$part.py" "$work/env" || status=1 ;;
esac

kill "$pid"
wait "$pid" || status=1
pid=
sed 's/^/# server: /' "$work/err"
[ ! -s "$work/err" ] || status=1
no_reports || status=1
[ "$status" -eq 0 ]
