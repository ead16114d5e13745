#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# web-identity.sh: a registry without keys, as on Kubernetes. A file that the platform keeps up to date
# has a token of an OpenID Connect provider; Ceph's STS asks that provider, which is registered with its
# certificate and runs beside it, and gives the role whose trust policy names it.
#
# STS is a radosgw that is 892 s behind, so that sessions of 900 s end after eight where the blobs go.
. "$(dirname "$0")/lib.sh"
location=s3
umask 077
audience=sts.amazonaws.com
subject=system:serviceaccount:quay
good_config=$RGW_CONFIG
cluster=$(dirname "$good_config")
said=$work/said
log=$work/log
provider=
finish() {
    [ -z "$provider" ] || kill "$provider" 2>"$work/kill" || true
    rm -rf "$work"
}
trap finish EXIT

admin() {
    CEPH_CONF=$cluster/ceph.conf timeout 60 radosgw-admin -n client.rgw "$@" >"$work/admin" 2>&1 ||
        fail "radosgw-admin $1 $2: $(cat "$work/admin")"
}

# The provider: its key, its certificate, its URL.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=provider -keyout "$work/key.pem" \
    -out "$work/cert.pem" 2>"$said" || fail "$(cat "$said")"
PYTHONDONTWRITEBYTECODE=1 python3 "$here/../minio/provider.py" "$work/key.pem" "$work/issuer" \
    "$work/cert.pem" >"$work/provider" 2>&1 &
provider=$!
until [ -e "$work/issuer" ]; do
    kill -0 "$provider" 2>"$work/kill" || fail "no provider: $(cat "$work/provider")"
    sleep 0.1
done
issuer=$(cat "$work/issuer")
name=${issuer#http://}
thumbprint=$(openssl x509 -in "$work/cert.pem" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')

# Registered through the API, by a user who may; the role trusts it, for one audience.
admin caps add --uid quay-user --caps "oidc-provider=*"
curl -sS -f --max-time 60 --user "$RGW_USER_ACCESS_KEY:$RGW_USER_SECRET_KEY" \
    --aws-sigv4 aws:amz:us-east-1:iam --data-urlencode Action=CreateOpenIDConnectProvider \
    --data-urlencode Version=2010-05-08 --data-urlencode "Url=$issuer" \
    --data-urlencode "ClientIDList.member.1=$audience" \
    --data-urlencode "ThumbprintList.member.1=$thumbprint" "$RGW_ENDPOINT/" >"$said" 2>&1 ||
    fail "CreateOpenIDConnectProvider: $(cat "$said")"
admin role create --role-name web-role --path / --assume-role-policy-doc '{"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRoleWithWebIdentity"],
    "Principal": {"Federated": ["arn:aws:iam:::oidc-provider/'"$name"'"]},
    "Condition": {"StringEquals": {"'"$name"':app_id": "'$audience'"}}}]}'
admin role-policy put --role-name web-role --policy-name AmazonS3FullAccess --policy-doc '{
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"],
    "Resource": "arn:aws:s3:::*"}]}'

# token SERVICE-ACCOUNT LIFE [CLAIM VALUE]: takes the place of the one in the file, as a whole.
token() {
    PYTHONDONTWRITEBYTECODE=1 python3 -c 'import sys
sys.path.insert(0, sys.argv[1])
sys.argv[1:] = sys.argv[2:]
import beside
_, _, key, issuer, subject, life, *claims = sys.argv
print(beside.token(key, issuer, int(life), sub=subject, **dict(zip(claims[::2], claims[1::2]))))' \
        "$here/../fake-s3" "$cluster/env" "${key:-$work/key.pem}" "$issuer" "$subject:$1" "$2" \
        ${3:+"$3" "$4"} >"$work/token.new" 2>"$said" || fail "no token: $(cat "$said")"
    mv "$work/token.new" "$work/token"
}

# configured STS: a location without keys, but with the file.
configured() {
    RGW_CONFIG=$work/config.yaml
    sed -e '/sts_user_/d' -e "s,^\( *\)sts_endpoint_url: .*,\1sts_endpoint_url: $1," \
        -e "s,role/example-role,role/web-role," "$good_config" |
        sed "s,^\( *\)sts_endpoint_url: .*,&\n\1sts_duration_seconds: 900\n\1sts_web_identity_token_file: $work/token," \
            >"$RGW_CONFIG"
    grep -q web_identity "$RGW_CONFIG" || fail "the configuration is as before"
}

# pushed_and_pulled FILE KEY
pushed_and_pulled() {
    regstore put "$1" "$2" >"$said" 2>&1 || fail "$(cat "$said")"
    regstore get "$2" 2>"$said" | cmp - "$1" || fail "$2: $(cat "$said")"
    regstore rm "$2" >"$said" 2>&1 || fail "$(cat "$said")"
}

configured "$RGW_ENDPOINT"
head -c 12000000 /dev/urandom >"$work/large"
head -c 1000 "$work/large" >"$work/small"
token registry 900
for size in small large; do
    pushed_and_pulled "$work/$size" "web-identity/$size"
done
regstore check >"$said" 2>&1 || fail "$(cat "$said")"
grep -q 'credentials from: web identity' "$said" || fail "$(cat "$said")"
claim "a token of a provider that Ceph knows becomes the role: blobs come and go, and check is content"

# refused WHY: of the token in the file, as check sees it.
refused() {
    expect_status 1 regstore check >"$said" 2>&1
    grep -q 'FAIL. session: AssumeRoleWithWebIdentity' "$said" || fail "$1: $(cat "$said")"
    grep -q DENIED "$said" || fail "$1: $(cat "$said")"
}
token registry -10
refused "it has expired"
token registry 900 aud somebody.else
refused "it is for somebody else"
openssl genrsa -out "$work/other.pem" 2048 2>"$said" || fail "$(cat "$said")"
key=$work/other.pem token registry 900
refused "another key has signed it"
claim "a token that has expired, is for others or is forged is refused, and check says by whom"

# The file's token changes while a blob is on its way.
grep -q '^RGW_LATE_ENDPOINT=' "$cluster/env" || sh "$here/rgw-more.sh" "$cluster" late ||
    fail "no STS that is late"
configured "$(sed -n 's/^RGW_LATE_ENDPOINT=//p' "$cluster/env" | tail -n 1)"
sessions() {
    grep -c '^regstore: info: session role=' "$log" || true
}
mkfifo "$work/pipe"
: >"$work/fed"
: >"$log"
token first 900
regstore --verbose put - web-identity/long <"$work/pipe" >"$said" 2>"$log" &
command=$!
exec 3>"$work/pipe"
deadline=$(($(date +%s) + 120))
is_swapped=
while cat "$work/large" >&3 && cat "$work/large" >>"$work/fed" && [ "$(sessions)" -lt 3 ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "only $(sessions) sessions: $(cat "$log")"
    [ -n "$is_swapped" ] || [ "$(sessions)" -lt 1 ] || { token second 900 && is_swapped=yes; }
    sleep 0.5
done
exec 3>&-
wait "$command" || fail "$(cat "$log")"
! grep -q session_failed "$log" || fail "$(cat "$log")"

# Who asked STS, as its own log has it in time: never the first again, once the second has.
asked() {
    sed -n "s,.*oidc.$subject:\([a-z]*\) .*\"POST / HTTP/1.1\" 200 .*,\1,p" \
        "$cluster/log/rgw-late.log"
}
until [ "$(asked | wc -l)" -ge "$(sessions)" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "who asked: $(asked)"
    sleep 0.2
done
[ "$(asked | uniq | tr '\n' ' ')" = "first second " ] || fail "who asked: $(asked)"
regstore get web-identity/long 2>"$said" | cmp - "$work/fed" || fail "other bytes came back"
regstore rm web-identity/long >"$said" 2>&1 || fail "$(cat "$said")"

claim "one push of $(wc -c <"$work/fed") bytes shows the token that the file has by then at each renewal"

[ -z "$(outside_unfinished)" ] || fail "left behind: $(outside_unfinished)"
claim "and nothing is left behind"
