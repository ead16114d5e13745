# SPDX-License-Identifier: Apache-2.0
#
# To be sourced after rgw-up.sh's env: a second opinion on what lies in the bucket, by curl's own
# signing and with the user's long-term keys, so that it owes nothing to the plugin or its session.

# s3_request PATH_AND_QUERY [CURL-OPTION...], without a body. Query parameters stand in byte order.
s3_request() {
    target=$1
    shift
    empty_sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    curl -sS --max-time 60 --user "$RGW_USER_ACCESS_KEY:$RGW_USER_SECRET_KEY" \
        --aws-sigv4 aws:amz:us-east-1:s3 -H "x-amz-content-sha256: $empty_sha256" \
        "$@" "$RGW_ENDPOINT$target"
}

# The keys below a prefix, one a line; at most 1,000.
s3_keys() {
    s3_request "/$RGW_BUCKET?list-type=2&prefix=$(echo "$1" | sed 's,/,%2F,g')" -f |
        tr '<' '\n' | sed -n 's/^Key>//p'
}

# The ids of unfinished multipart uploads below a prefix, as KEY ID lines; at most 1,000.
s3_unfinished() {
    s3_request "/$RGW_BUCKET?prefix=$(echo "$1" | sed 's,/,%2F,g')&uploads=" -f |
        tr '<' '\n' | sed -n -e 's/^Key>//p' -e 's/^UploadId>//p' | paste -d ' ' - -
}
