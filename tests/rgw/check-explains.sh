#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check-explains.sh: what `regstore check` says when all is well, and which step it names when not.
. "$(dirname "$0")/lib.sh"
location=s3
said=$work/said
good_config=$RGW_CONFIG

# says PATTERN...: each stands in what the last check said.
says() {
    for pattern; do
        grep -qiE -e "$pattern" "$said" || fail "check does not say '$pattern': $(cat "$said")"
    done
}

# broken NAME SED-EXPRESSION: check with a changed configuration; it has to end with 1.
broken() {
    RGW_CONFIG=$work/config.yaml
    (umask 077 && sed -e "$2" "$good_config" >"$RGW_CONFIG")
    cmp -s "$good_config" "$RGW_CONFIG" && fail "$1: '$2' changes nothing in the configuration"
    expect_status 1 regstore check >"$said" 2>&1
    RGW_CONFIG=$good_config
    for secret in "$RGW_USER_SECRET_KEY" "$RGW_STRANGER_SECRET_KEY"; do
        grep -qF -e "$secret" "$said" && fail "$1: check prints a secret key"
    done
    echo "--- $1"
    cat "$said"
}

before=$(outside_keys "")
expect_status 0 regstore check >"$said" 2>&1
cat "$said"
says 'role/example-role' "$(date -u +%Y)-[0-9]{2}-[0-9]{2}.[0-9]{2}:[0-9]{2}"
claim "check names the role that it became and until when"
says 'bucket' 'writ|wrote' 'read' 'delete' "quay"
[ "$(outside_keys "")" = "$before" ] || fail "check leaves something in the bucket"
claim "check reaches the bucket, writes, reads, deletes, and leaves nothing"

# advises STEP PATTERN...: the red step of the last check, and what it says to change.
advises() {
    step=$1
    shift
    sed -n "/^\[FAIL\] $step:/,\$s/^ *-> //p" "$said" >"$work/advice"
    [ "$(wc -l <"$work/advice")" -eq 1 ] || fail "not one advice for '$step': $(cat "$said")"
    for pattern; do
        grep -qE -e "$pattern" "$work/advice" || fail "no advice '$pattern': $(cat "$said")"
    done
}
advises_not() {
    ! grep -qE -e "$1" "$work/advice" || fail "advice '$1' misleads: $(cat "$said")"
}

# warns STEP PATTERN: a green step with advice.
warns() {
    grep -A 1 "^\[ok\] *$1:" "$said" | grep -qE -e "-> .*$2" ||
        fail "no warning '$2': $(cat "$said")"
}

broken "the stranger's keys" "s/$RGW_USER_ACCESS_KEY/$RGW_STRANGER_ACCESS_KEY/
    s/$RGW_USER_SECRET_KEY/$RGW_STRANGER_SECRET_KEY/"
says 'AssumeRole'
advises session 'trust policy' '12\.2' 'sts_role_arn'
advises_not '12\.1'
claim "with the stranger's keys check says that AssumeRole failed, and to look at the trust policy"

for other in "s/$RGW_USER_SECRET_KEY/$RGW_STRANGER_SECRET_KEY/" \
    "s/$RGW_USER_ACCESS_KEY/AKIAUNKNOWN000000001/"; do
    broken "a wrong key" "$other"
    advises session sts_user_access_key sts_user_secret_key '12\.1'
    advises_not 'trust policy'
done
claim "with a wrong secret or an unknown key check says to look at the user's keys"

broken "no such role" "s,role/example-role,role/no-such-role,"
advises session sts_role_arn '12\.2'
claim "with a role that is not there check names sts_role_arn"

broken "too long a session" "s/\( *\)s3_bucket: quay/&\n\1sts_duration_seconds: 43200/"
advises session sts_duration_seconds
claim "with a session longer than the role allows check names sts_duration_seconds"

CEPH_CONF=$(dirname "$good_config")/ceph.conf timeout 60 radosgw-admin -n client.rgw role create \
    --role-name idle-role --path / --assume-role-policy-doc '{"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/quay-user"]},
    "Action": ["sts:AssumeRole"]}]}' >"$work/admin" 2>&1 || fail "$(cat "$work/admin")"
broken "a role without permissions" "s,role/example-role,role/idle-role,"
advises bucket AmazonS3FullAccess '12\.2' 'regstore policy'
claim "with a role that may not use the bucket check says what to give it"

broken "a wrong bucket" "s/s3_bucket: quay/s3_bucket: no-such-bucket/"
says 'no-such-bucket'
advises bucket s3_bucket
claim "with a wrong bucket check names the bucket and s3_bucket"

# Nobody listens on port 1.
broken "STS down" "s,sts_endpoint_url: .*,sts_endpoint_url: http://127.0.0.1:1,"
says '127\.0\.0\.1:1'
advises session sts_endpoint_url
claim "with STS down check names its address and sts_endpoint_url"

broken "S3 down" "s,^ *endpoint_url: .*,      endpoint_url: http://127.0.0.1:1,"
says '127\.0\.0\.1:1'
advises bucket '(^|[^_])endpoint_url'
claim "with S3 down check names its address and endpoint_url"

# The monotonic clock stays: it is not what somebody sets wrong.
export FAKETIME_DONT_FAKE_MONOTONIC=1
for offset in -20m +20m; do
    expect_status 0 faketime -f $offset "$REGSTORE" --config "$good_config" --location s3 check \
        >"$said" 2>&1
    warns clock "set this machine's clock"
    says '(1199|1200|1201) s (behind|ahead)'
done
claim "with a clock 20 minutes off all works, and check says so, by how much, and to set it"
expect_status 0 faketime -f +2m "$REGSTORE" --config "$good_config" --location s3 check \
    >"$said" 2>&1
warns clock "set this machine's clock"
claim "with a clock two minutes off check works and warns"

expect_status 0 regstore check >"$said" 2>&1
warns settings 'TypeError.*sts_endpoint_url'
! grep -A 1 '^\[ok\] *config:' "$said" | grep -q -e '->' || fail "0600 is warned of: $(cat "$said")"
RGW_CONFIG=$work/config.yaml
cp "$good_config" "$RGW_CONFIG"
chmod 644 "$RGW_CONFIG"
expect_status 0 regstore check >"$said" 2>&1
warns config 'chmod 0600'
sed -i "s,sts_endpoint_url: http://127.0.0.1:,sts_endpoint_url: http://sts.invalid:," "$RGW_CONFIG"
regstore --timeout 5s check >"$said" 2>&1 || true
warns settings 'https'
claim "check warns of a config.yaml that others can read, http to STS, keys that Quay refuses"
