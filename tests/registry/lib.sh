# SPDX-License-Identifier: Apache-2.0
#
# To be sourced by the parts of run.sh, which sets
#   REGSTORE, REGSTORE_FAKE_S3   our command and our S3 server
#   REGISTRY                     CNCF distribution with our driver and upstream's own
#   PURGE_UPLOADS                programs/purge-uploads
#   SERVERS                      a folder in which fake/ and rgw/ are brought up when first needed
#   IMAGES                       a folder with the images that make-images.sh made
#
# A part prints "ok - CLAIM" for what it has seen to be true and ends with another status than 0 at
# the first thing that is not.
#
# A store is a backend, a driver and a root of its own:
#
#   backend  local  files            root is a folder
#            fake   tests/fake-s3    root is a prefix of the bucket
#            rgw    Ceph's RGW       the same, on a real S3
#   driver   ours   regstore: LocalStorage, or STSS3Storage under the role
#            theirs filesystem, or s3 with the user's long-term keys
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../rgw/s3.sh"
work=$(mktemp -d)
export PYTHONDONTWRITEBYTECODE=1
# aws-sdk-go does not start where it is set.
unset AWS_CA_BUNDLE
# Nobody collects the registry's traces.
export OTEL_TRACES_EXPORTER=none

finish() {
    for pid_file in "$work"/*.pid; do
        [ ! -e "$pid_file" ] || kill -KILL "$(cat "$pid_file")" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

claim() {
    echo "ok - $*"
}

fail() {
    echo "$*" >&2
    for log in "$work"/*.log; do
        [ ! -e "$log" ] || grep -v level=info "$log" | tail -n 5 | sed "s,^,${log##*/}: ," | cut -c 1-300 >&2
    done
    exit 1
}

# eventually COMMAND...: waits until it is true; for a minute, which no machine should need.
eventually() {
    deadline=$(($(date +%s) + 60))
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# store BACKEND ROOT: all that follows is about this store.
store() {
    backend=$1
    root=$2
    case $backend in
    local)
        mkdir -p "$work/files"
        root=$work/files/$root
        ;;
    fake)
        server_up fake
        # s3.sh knows one set of names.
        RGW_ENDPOINT=$FAKE_S3_ENDPOINT RGW_BUCKET=$FAKE_S3_BUCKET RGW_ROLE_ARN=$FAKE_S3_ROLE_ARN
        RGW_USER_ACCESS_KEY=$FAKE_S3_USER_ACCESS_KEY RGW_USER_SECRET_KEY=$FAKE_S3_USER_SECRET_KEY
        ;;
    rgw) server_up rgw ;;
    esac
    write_location
}

# server_up fake|rgw: once for all parts; run.sh takes them down.
server_up() {
    if [ ! -e "$SERVERS/$1/env" ]; then
        case $1 in
        fake)
            mkdir -p "$SERVERS/fake/spool"
            "$REGSTORE_FAKE_S3" --dir "$SERVERS/fake" --spool "$SERVERS/fake/spool" --control \
                --daemon --owner "$SERVERS_OWNER" </dev/null >"$SERVERS/fake/said" 2>&1
            ;;
        rgw) sh "$here/../rgw/rgw-up.sh" "$SERVERS/rgw" "$SERVERS_OWNER" ;;
        esac
    fi
    # shellcheck disable=SC1090 # one of the two
    . "$SERVERS/$1/env"
}

# The store as a location of Quay's config.yaml, for our command and as one form of our driver's
# configuration.
write_location() {
    location=$work/location.yaml
    {
        echo "DISTRIBUTED_STORAGE_CONFIG:"
        echo "  default:"
        if [ "$backend" = local ]; then
            echo "    - LocalStorage"
            echo "    -"
        else
            echo "    - STSS3Storage"
            echo "    -"
        fi
        plugin_keys | sed 's/^/      /'
    } >"$location"
    chmod 600 "$location"
}

plugin_keys() {
    if [ "$backend" = local ]; then
        echo "storage_path: $root"
        return
    fi
    cat <<KEYS
storage_path: /$root
s3_bucket: $RGW_BUCKET
sts_role_arn: $RGW_ROLE_ARN
sts_user_access_key: $RGW_USER_ACCESS_KEY
sts_user_secret_key: $RGW_USER_SECRET_KEY
endpoint_url: $RGW_ENDPOINT
sts_endpoint_url: $RGW_ENDPOINT
KEYS
}

regstore() {
    "$REGSTORE" --config "$location" "$@"
}

driver_keys() {
    case $1${2:+-$2}-$backend in
    ours-through-*) echo "regstore:" && echo "  config: $location" && echo "  location: default" ;;
    ours-local) echo "regstore:" && echo "  plugin: LocalStorage" && plugin_keys | sed 's/^/  /' ;;
    ours-*) echo "regstore:" && echo "  plugin: STSS3Storage" && plugin_keys | sed 's/^/  /' ;;
    theirs-local | theirs-through-local) echo "filesystem:" && echo "  rootdirectory: $root" ;;
    theirs-*)
        cat <<KEYS
s3:
  rootdirectory: /$root
  bucket: $RGW_BUCKET
  region: us-east-1
  regionendpoint: $RGW_ENDPOINT
  forcepathstyle: true
  secure: false
  accesskey: $RGW_USER_ACCESS_KEY
  secretkey: $RGW_USER_SECRET_KEY
KEYS
        ;;
    esac
}

# configure DRIVER [through]: a registry's configuration for the store, in $config. With "through" a
# pull is read through the registry, else the driver sends the client to S3, where it can; and ours has
# its settings from Quay's config.yaml, else from the registry's own.
configure() {
    driver=$1
    config=$work/$backend-$driver${2:+-$2}.yml
    {
        printf 'version: 0.1\nlog:\n  level: info\n  accesslog:\n    disabled: true\n'
        printf 'storage:\n'
        driver_keys "$driver" ${2:+"$2"} | sed 's/^/  /'
        printf '  delete:\n    enabled: true\n'
        printf '  maintenance:\n    uploadpurging:\n      enabled: false\n'
        [ $# -eq 1 ] || printf '  redirect:\n    disable: true\n'
        printf 'http:\n  addr: 127.0.0.1:0\n  secret: one for all replicas\n'
    } >"$config"
    chmod 600 "$config"
}

# registry_up NAME: serves $config; $at is where, $work/NAME.pid who.
registry_up() {
    : >"$work/$1.log" # here: the process below may empty it only after the first look for its port
    "$REGISTRY" serve "$config" >"$work/$1.log" 2>&1 </dev/null &
    echo $! >"$work/$1.pid"
    eventually is_up "$1" || fail "the registry does not come up"
    kill -0 "$(cat "$work/$1.pid")" 2>/dev/null || fail "the registry ended at once"
    # shellcheck disable=SC2034 # for who called
    at=$(listens "$1")
}

listens() {
    sed -n 's/.*listening on \(127[0-9.:]*\).*/\1/p' "$work/$1.log" | head -n 1
}

is_up() {
    [ -n "$(listens "$1")" ] || ! kill -0 "$(cat "$work/$1.pid")" 2>/dev/null
}

# registry_down NAME: as an operator ends it.
registry_down() {
    pid=$(cat "$work/$1.pid")
    kill "$pid"
    status=0
    wait "$pid" 2>/dev/null || status=$?
    rm "$work/$1.pid"
    [ "$status" -eq 0 ] || [ "$status" -eq 143 ] || fail "the registry $1 ended with $status"
}

collect_garbage() {
    "$REGISTRY" garbage-collect "$@" "$config" >"$work/gc.log" 2>&1 ||
        fail "garbage-collect ended with a failure"
}

# What lies in the store, seen without plugin and driver: all keys below the root, sorted.
outside_keys() {
    case $backend in
    local) [ ! -d "$root" ] || (cd "$root" && find . -type f | sed 's,^\./,,') ;;
    *) s3_keys "$root/" | sed "s,^$root/,," ;;
    esac | LC_ALL=C sort
}

outside_bytes() {
    case $backend in
    local) cat "$root/$1" ;;
    *) s3_request "/$RGW_BUCKET/$root/$1" -f ;;
    esac
}

# What S3 keeps beside: multipart uploads without an end.
outside_unfinished() {
    [ "$backend" = local ] || s3_unfinished "$root/"
}

# holds FILE: the store holds exactly the keys that the file names, one a line, nothing unfinished,
# and each blob has the bytes that its name says.
holds() {
    LC_ALL=C sort -u "$1" >"$work/expected"
    outside_keys >"$work/found"
    # s3_keys sees no more.
    [ "$(wc -l <"$work/found")" -lt 1000 ] || fail "too many keys for one list"
    diff "$work/expected" "$work/found" >"$work/difference" ||
        fail "the store holds too little (<) or too much (>): $(head -n 20 "$work/difference")"
    left=$(outside_unfinished)
    [ -z "$left" ] || fail "unfinished uploads are left: $left"
    sed -n 's,^docker/registry/v2/blobs/sha256/../\([0-9a-f]*\)/data$,\1,p' "$work/found" |
        while read -r hex; do
            sum=$(outside_bytes "docker/registry/v2/blobs/sha256/${hex%"${hex#??}"}/$hex/data" |
                sha256sum)
            [ "${sum%% *}" = "$hex" ] || fail "the blob $hex has other bytes in the store"
        done
}

# Nothing at all.
holds_nothing() {
    : >"$work/nothing"
    holds "$work/nothing"
}

# Removes the store from outside; RGW keeps all in memory.
wipe() {
    case $backend in
    local) rm -rf "$root" ;;
    *) regstore ls | while read -r key; do regstore rm "$key"; done ;;
    esac
}

# go_test ARGUMENT...: of go test, on the adapter's tests; what it said is in $work/go.
go_test() {
    if [ "$backend" = rgw ]; then
        export REGSTORE_RGW="$SERVERS/rgw"
    fi
    go_status=0
    TMPDIR=$work sh "$here/../../host-shim/adapters/distribution/build.sh" "$REGSTORE_BUILD" test \
        -v -count 1 -timeout 50m "$@" >"$work/go" 2>&1 || go_status=$?
}

# go_claims WHOSE: reads "PASS NAME" lines. A suite that runs nothing passes as well, and is no good.
go_claims() {
    sed -e "s/ / - $backend: $1: /" -e 's/^PASS/ok/' -e 's/^FAIL/not ok/' \
        -e '/^SKIP/s/$/ # SKIP/' -e 's/^SKIP/ok/' | tee "$work/claims"
    [ "$go_status" -eq 0 ] || fail "$(grep -v '^=== ' "$work/go" | tail -n 60)"
    grep -q '^ok ' "$work/claims" || fail "no test was run"
}

# skopeo_copy [--all] FROM TO: as it is, digests and all.
skopeo_copy() {
    skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false \
        --dest-tls-verify=false "$@" >"$work/skopeo.log" 2>&1 || fail "skopeo copy $* failed"
}
