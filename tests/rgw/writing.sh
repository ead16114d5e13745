#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# writing.sh: what Ceph knows of checksums, encryption and storage classes works, and what it does
# not know is refused with words that say which setting asked for it.
. "$(dirname "$0")/lib.sh"
location=s3
said=$work/said
good_config=$RGW_CONFIG
umask 077
head -c 12000000 /dev/urandom >"$work/large"
head -c 1000 "$work/large" >"$work/small"

# configured NAME LINE: the configuration with one line more.
configured() {
    RGW_CONFIG=$work/$1.yaml
    sed -e "s,^\( *\)endpoint_url: .*,&\n\1$2," "$good_config" >"$RGW_CONFIG"
    ! cmp -s "$good_config" "$RGW_CONFIG" || fail "$1: nothing has changed"
}

for line in "checksum_algorithm: md5" "checksum_algorithm: crc32c" "checksum_algorithm: crc64nvme" \
    "checksum_algorithm: sha256" "checksum_algorithm: none" "server_side_encryption: AES256" \
    "storage_class: STANDARD" "provider: ceph"; do
    configured right "$line"
    for size in small large; do
        regstore put "$work/$size" "writing/$size" >"$said" 2>&1 || fail "$line: $(cat "$said")"
        regstore get "writing/$size" 2>"$said" | cmp - "$work/$size" || fail "$line: $size"
        regstore rm "writing/$size" >"$said" 2>&1 || fail "$line: $(cat "$said")"
    done
    claim "small and large blobs come and go with $line"
done

configured kms "server_side_encryption: aws:kms"
! regstore put "$work/small" writing/kms >"$said" 2>&1 || fail "Ceph has no KMS"
grep -q 'server-side-encryption' "$said" || fail "$(cat "$said")"
! regstore stat writing/kms >"$said" 2>&1 || fail "there is a blob that was refused"
claim "KMS where there is none is refused, and no blob is made"
