#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# without-md5.sh DIR PROVIDER: the command on a machine whose OpenSSL has no MD5 (as in FIPS mode), and a
# server that is in DIR and has it. PROVIDER is what approved.c makes. Prints TAP.
set -eu
dir=$1
provider=$2
said=$dir/said

n=0
claim() {
    n=$((n + 1))
    echo "ok $n - $*"
}
fail() {
    echo "not ok $((n + 1)) - $*"
    sed 's/^/# /' "$said"
    exit 1
}
regstore() {
    "$REGSTORE" --config "${config:-$dir/config.yaml}" --location s3 "$@"
}

cat >"$dir/openssl.cnf" <<CONF
openssl_conf = start
[start]
providers = providers
alg_section = algorithms
[providers]
approved = approved
base = base
[approved]
module = $provider
activate = 1
[base]
activate = 1
[algorithms]
default_properties = fips=yes
CONF
export OPENSSL_CONF="$dir/openssl.cnf"

head -c 30000000 /dev/urandom >"$dir/large"
head -c 1000 "$dir/large" >"$dir/small"
sum=$(openssl dgst -sha256 -r "$dir/small" 2>"$said" | cut -d ' ' -f 1)
[ "$sum" = "$(sha256sum <"$dir/small" | cut -d ' ' -f 1)" ] || fail "there is no SHA-256"
! openssl dgst -md5 "$dir/small" >"$said" 2>&1 || fail "there is MD5"
claim "OpenSSL has a SHA-256 here, and no MD5"

for size in small large; do
    for copy in 1 2 3; do
        regstore put "$dir/$size" "blobs/$size$copy" >"$said" 2>&1 || fail "put $size"
    done
    regstore get "blobs/$size"1 2>"$said" | cmp - "$dir/$size" || fail "get $size"
done
claim "a blob in one piece and one in parts go in and come back"

regstore upload begin "$dir/token" >"$said" 2>&1 || fail "begin"
regstore upload append "$dir/token" "$dir/large" >"$said" 2>&1 || fail "append"
regstore upload append "$dir/token" "$dir/small" >"$said" 2>&1 || fail "append"
digest=$(cat "$dir/large" "$dir/small" | sha256sum | cut -d ' ' -f 1)
regstore upload commit "$dir/token" blobs/parked --digest "sha256:$digest" >"$said" 2>&1 ||
    fail "commit"
regstore get blobs/parked 2>"$said" | sha256sum | grep -q "$digest" || fail "get parked"
claim "an upload that was suspended is copied to its key"

regstore rm blobs/parked blobs/small1 blobs/small2 blobs/small3 blobs/large1 blobs/large2 blobs/large3 \
    >"$said" 2>&1 || fail "rm"
[ -z "$(regstore ls 2>"$said")" ] || fail "rm left some"
claim "many keys are deleted at once, which S3 does for no request without a checksum"

regstore check >"$said" 2>&1 || fail "check"
claim "check is content"

sed 's/^\( *\)endpoint_url: .*/&\n\1checksum_algorithm: md5/' "$dir/config.yaml" >"$dir/md5.yaml"
! config=$dir/md5.yaml regstore put "$dir/small" blobs/md5 >"$said" 2>&1 || fail "md5 was taken"
grep -q "checksum_algorithm.*md5.*FIPS" "$said" || fail "it is not told which setting wants MD5"
[ -z "$(regstore ls 2>"$said")" ] || fail "there is a blob all the same"
claim "who asks for MD5 by the settings is told so, and no blob is made"
echo "1..$n"
