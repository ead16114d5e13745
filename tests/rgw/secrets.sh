#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# secrets.sh: where the user's secret key may stand, and that neither it nor a session's secret key
# or token comes out anywhere. A relay between the command and the server keeps what goes over the
# wire, so that the sessions' secrets are known.
. "$(dirname "$0")/lib.sh"
location=s3
said=$work/said
all_said=$work/all-said
good_config=$RGW_CONFIG
umask 077

# configured NAME SED-EXPRESSION: a changed configuration.
configured() {
    RGW_CONFIG=$work/$1.yaml
    sed -e "$2" "$good_config" >"$RGW_CONFIG"
    ! cmp -s "$good_config" "$RGW_CONFIG" || fail "$1: '$2' changes nothing"
}

# with_secret SECRET COMMAND...: the same command with the secret in the environment.
with_secret() {
    secret=$1
    shift
    env REGSTORE_S3_STS_USER_SECRET_KEY="$secret" "$REGSTORE" --config "$RGW_CONFIG" \
        --location s3 "$@"
}

configured file "s,sts_user_secret_key: .*,sts_user_secret_key_file: $work/secret,"
printf '%s\n' "$RGW_USER_SECRET_KEY" >"$work/secret"
regstore ls >"$said" 2>&1 || fail "$(cat "$said")"
claim "the secret key may stand in a file of its own, and its last line may end"
for mode in 640 604 620; do
    chmod $mode "$work/secret"
    expect_status 2 regstore ls >"$said" 2>&1
    grep -q "$work/secret.*chmod 0600" "$said" || fail "mode $mode: $(cat "$said")"
done
chmod 600 "$work/secret"
claim "a file that others may open is refused, with what mends it"
expect_status 2 with_secret x ls >"$said" 2>&1
grep -q 'two sources' "$said" || fail "file and environment: $(cat "$said")"

configured environment "/sts_user_secret_key: /d"
expect_status 2 regstore ls >"$said" 2>&1
with_secret "$RGW_USER_SECRET_KEY" ls >"$said" 2>&1 || fail "$(cat "$said")"
claim "the secret key may stand in the environment"
RGW_CONFIG=$good_config
expect_status 2 with_secret x ls >"$said" 2>&1
grep -q 'two sources' "$said" || fail "settings and environment: $(cat "$said")"
claim "two sources at once are refused"

mkdir "$work/relay"
python3 "$here/relay.py" "${RGW_ENDPOINT#http://}" "$work/relay" &
relay=$!
trap 'kill $relay; rm -rf "$work"' EXIT
while [ ! -e "$work/relay/port" ]; do
    kill -0 $relay || fail "no relay"
    sleep 0.1
done
configured relay "s,$RGW_ENDPOINT,http://127.0.0.1:$(cat "$work/relay/port"),"

# heard WORDS...: whatever the command says and writes, whether it goes well or not.
heard() {
    regstore --verbose "$@" >>"$all_said" 2>&1 || true
    [ ! -e "$work/token" ] || cat "$work/token" >>"$all_said"
}
echo "a blob" >"$work/blob"
head -c 12000000 /dev/urandom >"$work/large"
session() {
    for json in "" --json; do
        # shellcheck disable=SC2086 # an option or none
        for words in "check $json" "put $work/blob $json" "put $work/large secrets/b $json" \
            "ls $json" "stat secrets/b nowhere $json" "upload begin $work/token" \
            "upload append $work/token $work/large $json" "upload status $work/token $json" \
            "upload commit $work/token --digest sha256:00 $json" \
            "upload commit $work/token $json" "inspect STSS3Storage $json" \
            "policy --user-arn arn:aws:iam:::user/u $json"; do
            heard $words
        done
    done
    heard policy
    heard cp secrets/b secrets/c
    heard purge --older-than 1h --dry-run
    heard rm secrets/b secrets/c
    heard get secrets/nowhere
}
session
relayed=$RGW_CONFIG
for broken in "s/$RGW_USER_ACCESS_KEY/$RGW_STRANGER_ACCESS_KEY/" "s/example-role/no-role/" \
    "s/s3_bucket: quay/s3_bucket: none/" "s/sts_user_secret_key:/sts_user_secret_kez:/" \
    "s/s3_bucket: quay/s3_bucket: quay/;s/\(sts_user_secret_key: .*\)/\1 with blanks/"; do
    RGW_CONFIG=$work/broken.yaml
    sed -e "$broken" "$relayed" >"$RGW_CONFIG"
    heard check
    heard ls
    heard stat --json a
done

tr '<' '\n' <"$work/relay/wire" |
    sed -n -e 's/^SecretAccessKey>//p' -e 's/^SessionToken>//p' | sort -u >"$work/secrets"
[ "$(wc -l <"$work/secrets")" -ge 20 ] || fail "the relay saw no sessions"
printf '%s\n' "$RGW_USER_SECRET_KEY" "$RGW_STRANGER_SECRET_KEY" >>"$work/secrets"
grep -q 'assumed-role' "$all_said" || fail "the sessions said nothing"
if grep -aFf "$work/secrets" "$all_said" >"$work/leaks"; then
    fail "secrets are told: $(head -n 3 "$work/leaks" | cut -c 1-300)"
fi
claim "of $(wc -l <"$work/secrets") secrets none stands in $(wc -l <"$all_said") lines of output"
printf '%s\n' "$(head -n 1 "$work/secrets")" >>"$all_said"
grep -qaFf "$work/secrets" "$all_said" || fail "and this would not find one"
