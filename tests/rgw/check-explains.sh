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

broken "the stranger's keys" "s/$RGW_USER_ACCESS_KEY/$RGW_STRANGER_ACCESS_KEY/
    s/$RGW_USER_SECRET_KEY/$RGW_STRANGER_SECRET_KEY/"
says 'AssumeRole|assume' 'trust policy' 'sts_role_arn|sts_user_access_key'
claim "with the stranger's keys check says that AssumeRole failed, and to look at the trust policy"

broken "a wrong bucket" "s/s3_bucket: quay/s3_bucket: no-such-bucket/"
says 'no-such-bucket' 's3_bucket'
claim "with a wrong bucket check names the bucket and s3_bucket"

# Nobody listens on port 1.
broken "STS down" "s,sts_endpoint_url: .*,sts_endpoint_url: http://127.0.0.1:1,"
says '127\.0\.0\.1:1' 'sts_endpoint_url'
claim "with STS down check names its address and sts_endpoint_url"

broken "S3 down" "s,^ *endpoint_url: .*,      endpoint_url: http://127.0.0.1:1,"
says '127\.0\.0\.1:1' '(^|[^_])endpoint_url'
claim "with S3 down check names its address and endpoint_url"
