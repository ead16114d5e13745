#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# requests.sh: how many requests S3 gets for the push of one image of ten small layers, through the same
# registry with upstream's driver and with ours; by operation. Ours has to take fewer.
. "$(dirname "$0")/lib.sh"

# count_push DRIVER
count_push() {
    store fake "requests-$1"
    configure "$1"
    registry_up "$1"
    curl -sf -X DELETE "$RGW_ENDPOINT/_fake/counts" >"$work/said"
    skopeo_copy "oci:$IMAGES/ten:v1" "docker://$at/ten:v1"
    curl -sf "$RGW_ENDPOINT/_fake/counts" | LC_ALL=C sort >"$work/$1.counts"
    [ -s "$work/$1.counts" ] || fail "the server has counted nothing"
    registry_down "$1"
    python3 "$here/layout.py" keys ten v1 "$IMAGES/ten" >"$work/keys"
    holds "$work/keys"
    wipe
}
count_push theirs
count_push ours

printf '%-28s %10s %10s\n' "requests to S3 and STS" "upstream's" "ours"
LC_ALL=C join -a 1 -a 2 -e 0 -o 0,1.2,2.2 "$work/theirs.counts" "$work/ours.counts" |
    awk '{ printf "%-28s %10d %10d\n", $1, $2, $3; theirs += $2; ours += $3 }
        END {
            printf "%-28s %10d %10d\n", "in all", theirs, ours
            print theirs > "'"$work"'/theirs.sum"
            print ours > "'"$work"'/ours.sum"
        }'
theirs=$(cat "$work/theirs.sum")
ours=$(cat "$work/ours.sum")
[ "$ours" -lt "$theirs" ] || fail "ours takes $ours requests, upstream's $theirs"
claim "one image of ten small layers takes $ours requests with our driver, and $theirs with upstream's"
