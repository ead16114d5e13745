#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sessions.sh: uploads that outlive three sessions of eight seconds. STS is a radosgw whose clock is
# 892 s behind; what it issues for 900 s is over 8 s later where the blobs go, and the answer is 403
# AccessDenied. The plugin has to find out both: that STS wants another time in its signatures, and
# that sessions end by the clock of S3.
. "$(dirname "$0")/lib.sh"
location=s3
umask 077
good_config=$RGW_CONFIG
sh "$here/rgw-more.sh" "$(dirname "$good_config")" late || fail "no STS that is late"
late=$(sed -n 's/^RGW_LATE_ENDPOINT=//p' "$(dirname "$good_config")/env" | tail -n 1)
RGW_CONFIG=$work/config.yaml
sed -e "s,\( *\)sts_endpoint_url: .*,\1sts_endpoint_url: $late\n\1sts_duration_seconds: 900," \
    "$good_config" >"$RGW_CONFIG"
! cmp -s "$good_config" "$RGW_CONFIG" || fail "the configuration is as before"
log=$work/log
head -c 6000000 /dev/urandom >"$work/piece"

# The plugin tells of each session that it gets.
sessions() {
    grep -c '^regstore: info: session role=' "$log" || true
}

# fed_until N COMMAND...: feeds a command with a piece every half second, until it has had N sessions
# and one piece more; what it was fed is added to $work/fed.
fed_until() {
    wanted=$1
    shift
    rm -f "$work/pipe"
    mkfifo "$work/pipe"
    : >"$log"
    regstore --verbose "$@" <"$work/pipe" >"$work/said" 2>"$log" &
    command=$!
    exec 3>"$work/pipe"
    deadline=$(($(date +%s) + 120))
    while last=$(sessions) && cat "$work/piece" >&3 && cat "$work/piece" >>"$work/fed" &&
        [ "$last" -lt "$wanted" ]; do
        [ "$(date +%s)" -lt "$deadline" ] || fail "only $last sessions: $(cat "$log")"
        sleep 0.5
    done
    exec 3>&-
    wait "$command" || fail "$*: $(cat "$log")"
    [ "$(sessions)" -ge "$wanted" ] || fail "$(sessions) sessions: $(cat "$log")"
}

: >"$work/fed"
fed_until 4 put - sessions/long
! grep -q session_failed "$log" || fail "$(cat "$log")"
regstore get sessions/long >"$work/got" 2>"$work/said" || fail "$(cat "$work/said")"
cmp "$work/fed" "$work/got" || fail "other bytes came back"
claim "one push of $(wc -c <"$work/fed") bytes outlives three sessions, in its $(sessions)th it ends"

grep -q "clock service=STS ahead_seconds=89[0-9] " "$log" || fail "no word of STS's clock: $(cat "$log")"
claim "the log tells how far STS's clock is off"

: >"$work/fed"
regstore upload begin "$work/token" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
for process in 1 2; do
    fed_until 3 upload append "$work/token" -
done
regstore upload commit "$work/token" sessions/several \
    --digest "sha256:$(sha256sum <"$work/fed" | cut -d ' ' -f 1)" >"$work/said" 2>&1 ||
    fail "$(cat "$work/said")"
regstore get sessions/several >"$work/got" 2>"$work/said" || fail "$(cat "$work/said")"
cmp "$work/fed" "$work/got" || fail "other bytes came back"
claim "an upload in $process processes outlives two sessions in each"

regstore rm sessions/long sessions/several >"$work/said" 2>&1 || fail "$(cat "$work/said")"
[ -z "$(outside_unfinished)" ] || fail "left behind: $(outside_unfinished)"
claim "and nothing is left behind"
