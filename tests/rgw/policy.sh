#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# policy.sh: what `regstore policy` prints is enough, and nothing in it is idle. A role is made with
# exactly these two documents: with it the whole conformance suite passes, and with any one action
# left out fails what that action is listed for.
. "$(dirname "$0")/lib.sh"
location=s3
user_arn=arn:aws:iam:::user/quay-user
role=least-role
full_config=$RGW_CONFIG
least_config=$work/config.yaml
said=$work/said

admin() {
    CEPH_CONF=$(dirname "$full_config")/ceph.conf timeout 60 radosgw-admin -n client.rgw "$@" \
        >"$work/admin" 2>&1 || fail "radosgw-admin $1 $2: $(cat "$work/admin")"
}

# document PATH: a part of what policy --json printed.
document() {
    python3 -c 'import functools, json, sys
print(json.dumps(functools.reduce(lambda d, k: d[k], sys.argv[2].split("."),
                                  json.load(open(sys.argv[1])))))' "$work/policy.json" "$1"
}

# allow_without ACTION: gives the role the permissions with one action less; with none, all of them.
allow_without() {
    python3 -c 'import json, sys
policy = json.load(open(sys.argv[1]))["permissions"]["document"]
for statement in policy["Statement"]:
    statement["Action"] = [a for a in statement["Action"] if a != sys.argv[2]]
policy["Statement"] = [s for s in policy["Statement"] if s["Action"]]
print(json.dumps(policy))' "$work/policy.json" "$1" >"$work/permissions"
    admin role-policy put --role-name $role --policy-name least \
        --policy-doc "$(cat "$work/permissions")"
}

# The command as the full role, to prepare and clean up, and as the least one, to be judged.
full() {
    "$REGSTORE" --config "$full_config" --location s3 "$@"
}
least() {
    "$REGSTORE" --config "$least_config" --location s3 "$@"
}

# What each action is listed for; the parts of an upload fill more than a token from 600 MiB on.
ListBucket() { least ls; }
ListBucketMultipartUploads() { least purge --older-than 1h --dry-run; }
PutObject() { least put "$work/blob" policy/put; }
GetObject() { least get policy/there -o "$work/back"; }
DeleteObject() { least rm policy/there; }
AbortMultipartUpload() {
    rm -f "$work/token"
    full upload begin "$work/token"
    full upload append "$work/token" "$work/large" >/dev/null
    least upload abort "$work/token"
}
ListMultipartUploadParts() {
    rm -f "$work/token"
    full upload begin "$work/token"
    head -c 629145600 /dev/zero | full upload append "$work/token" - >/dev/null
    least upload append "$work/token" "$work/blob"
}
clean_up() {
    [ ! -e "$work/token" ] || full upload abort "$work/token"
    full rm policy/put policy/there
}

echo "a blob" >"$work/blob"
head -c 12582912 /dev/zero >"$work/large"
(umask 077 && sed "s,role/example-role,role/$role," "$full_config" >"$least_config")

# Ceph 16 has no GetCallerIdentity.
expect_status 1 full policy >/dev/null 2>"$said"
grep -q -e '--user-arn' "$said" || fail "policy does not say to name the user: $(cat "$said")"
claim "policy says to give --user-arn where STS does not tell who the user is"

full policy --user-arn $user_arn >"$said"
full policy --user-arn $user_arn --json >"$work/policy.json"
document trust_policy.document >"$work/trust"
grep -q $user_arn "$work/trust" || fail "the trust policy does not name the user"
grep -qF "arn:aws:s3:::$RGW_BUCKET/datastorage/*" "$work/policy.json" ||
    fail "the permissions do not name bucket and path"
admin role create --role-name $role --path / --assume-role-policy-doc "$(cat "$work/trust")"
allow_without nothing
claim "policy prints documents that make a role as they are"

"$REGSTORE" --config "$least_config" --location s3 conformance --tap >"$work/tap" 2>&1 || {
    grep -a '^not ok' "$work/tap" >&2
    fail "the conformance suite fails with the least permissions"
}
claim "with the least permissions all $(grep -c '^ok' "$work/tap") conformance tests pass"

actions=$(python3 -c 'import json, sys
for action in json.load(open(sys.argv[1]))["permissions"]["actions"]:
    print(action["action"])' "$work/policy.json")
[ -n "$actions" ] || fail "no action is listed"
for action in $actions; do
    probe=${action#s3:}
    purpose=$(python3 -c 'import json, sys
for action in json.load(open(sys.argv[1]))["permissions"]["actions"]:
    if action["action"] == sys.argv[2]: print(action["purpose"])' "$work/policy.json" "$action")
    command -v "$probe" >/dev/null || fail "$action is listed, and nothing here tries it"
    full put "$work/blob" policy/there >/dev/null
    allow_without nothing
    "$probe" >"$said" 2>&1 || fail "with $action fails: $purpose: $(cat "$said")"
    clean_up
    full put "$work/blob" policy/there >/dev/null
    allow_without "$action"
    status=0
    "$probe" >"$said" 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "without $action ends with $status: $purpose: $(cat "$said")"
    grep -qE 'DENIED|AccessDenied|HTTP 403' "$said" ||
        fail "without $action the failure is another one: $(cat "$said")"
    clean_up
    claim "without $action fails: $purpose"
done
allow_without nothing
