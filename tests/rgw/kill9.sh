#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill9.sh LOCATION [ROUNDS [SEED]]: kill -9 in the middle of put. Whatever the moment, the key
# shows nothing or the whole blob.
#
# Every other round lets put find the key by the content, as Quay lays it, so that both the blob
# that is staged at its key and the one that is copied there are cut.
. "$(dirname "$0")/lib.sh"
location=$1
rounds=${2:-100}
seed=${3:-$(date +%s)}
blob=$work/blob
echo "seed $seed"

head -c 25165824 /dev/zero |
    openssl enc -aes-128-ctr -K 00000000000000000000000000000009 -iv "$(printf '%032x' "$seed")" \
        >"$blob"
hex=$(sha256sum "$blob" | cut -d ' ' -f 1)

# key_of_round N: sets key, and name, which is what put is told.
key_of_round() {
    if [ $(($1 % 2)) -eq 0 ]; then
        name=kill9/$1
        key=$name
    else
        name=
        key=$(blob_key "$hex")
    fi
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# An undisturbed put of each kind, after a first one that warms up.
for round in 0 1 0 1; do
    key_of_round "$round"
    start=$(now_ms)
    regstore put "$blob" ${name:+"$name"} >/dev/null
    eval "life_ms_$((round % 2))=$(($(now_ms) - start))"
    regstore rm "$key"
done
# shellcheck disable=SC2154 # set by eval
echo "undisturbed: $life_ms_0 ms with a key, $life_ms_1 ms by content"

# The moments are spread evenly from the start of put to a little after its end. Where that is
# depends on what else the machine does, so it is felt for as the rounds go by.
cut=0
late=0
whole=0
round=0
while [ "$round" -lt "$rounds" ]; do
    key_of_round "$round"
    eval "life_ms=\$life_ms_$((round % 2))"
    # shellcheck disable=SC2154 # set by eval
    wait_s=$(awk -v seed="$((seed + round))" -v life="$life_ms" \
        'BEGIN { srand(seed); rand(); printf "%.4f", rand() * life / 1000 }')
    "$REGSTORE" --config "$RGW_CONFIG" --location "$location" put "$blob" ${name:+"$name"} \
        >/dev/null 2>"$work/said" &
    put=$!
    sleep "$wait_s"
    kill -9 "$put" 2>/dev/null || true
    status=0
    wait "$put" 2>/dev/null || status=$?
    case $status in
    137)
        cut=$((cut + 1))
        life_ms=$((life_ms * 103 / 100 + 1))
        ;;
    0)
        late=$((late + 1))
        life_ms=$((life_ms * 9 / 10 + 1))
        ;;
    *) fail "round $round: put ended by itself with $status: $(cat "$work/said")" ;;
    esac
    eval "life_ms_$((round % 2))=$life_ms"

    seen=0
    regstore get "$key" -o "$work/back" 2>"$work/said" || seen=$?
    case $seen in
    0)
        cmp "$blob" "$work/back" || fail "round $round: $key shows other bytes after $wait_s s"
        whole=$((whole + 1))
        regstore rm "$key"
        ;;
    3) [ "$status" -eq 137 ] || fail "round $round: put said it was done, and $key is not there" ;;
    *) fail "round $round: get ended with $seen: $(cat "$work/said")" ;;
    esac
    round=$((round + 1))
done
echo "$rounds puts: $cut killed, $late already done; $whole times the whole blob was there"
[ $((cut * 2)) -ge "$rounds" ] || fail "too few were killed in the middle to prove anything"
claim "$location: of $rounds puts $cut were killed, and a key shows nothing or the whole blob"
