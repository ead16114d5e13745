#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# speed.sh [BACKEND...]: seconds for pushing and pulling a layer of one gibibyte through the registry, with
# our driver beside upstream's, in turns, the better of two rounds. What is said of time is printed and
# never judged; that the bytes are the same is.
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || set -- local fake rgw
layer=$(find "$IMAGES/large/blobs" -type f -size +1000M)
hex=${layer##*/}

# seconds_of COMMAND...: in $seconds.
seconds_of() {
    begun=$(date +%s%N)
    "$@"
    seconds=$(echo "$begun $(date +%s%N)" | awk '{ printf "%.2f", ($2 - $1) / 1e9 }')
}

# PATCH of the whole layer, then PUT, as the usual clients do it.
push() {
    place=$(curl -sf -D - -X POST -o "$work/said" "http://$at/v2/speed/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    place=$(curl -sf -D - -X PATCH -T "$layer" -H 'Content-Type: application/octet-stream' \
        -o "$work/said" "$place" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl -sf -X PUT -o "$work/said" "$place&digest=sha256:$hex" || fail "the layer is refused"
}

pull() {
    curl -sfL -o "$work/pulled" "http://$at/v2/speed/blobs/sha256:$hex" || fail "no layer comes back"
}

for backend_name; do
    for driver_name in theirs ours theirs ours; do
        store "$backend_name" "speed-$driver_name"
        # Read through the registry: a redirect would measure S3 and no driver.
        configure "$driver_name" through
        registry_up "$driver_name"
        seconds_of push
        pushed=$seconds
        seconds_of pull
        cmp "$layer" "$work/pulled"
        echo "$backend_name $driver_name $pushed $seconds" >>"$work/times"
        registry_down "$driver_name"
        wipe
    done
    claim "$backend_name: a gibibyte comes back byte for byte with both drivers"
done
awk '
    BEGIN { printf "%-8s %28s %28s\n", "1 GiB", "push s: upstream, ours, ratio", "pull s: upstream, ours, ratio" }
    {
        who = $1 " " $2
        if (!(who in push) || $3 < push[who]) push[who] = $3
        if (!(who in pull) || $4 < pull[who]) pull[who] = $4
        if (++rounds[$1] == 4) {
            theirs = $1 " theirs"
            ours = $1 " ours"
            printf "%-8s %12.2f %7.2f %7.2f %14.2f %7.2f %7.2f\n", $1,
                push[theirs], push[ours], push[ours] / push[theirs],
                pull[theirs], pull[ours], pull[ours] / pull[theirs]
        }
    }' "$work/times"
