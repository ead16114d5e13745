#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The regstore command from outside: blobs, uploads, and what it does when things fail.
# usage: command.sh REGSTORE CONFORMANCE PLUGIN.so
set -u
# shellcheck source=tests/unit/host/command-lib.sh
. "$(dirname "$0")/command-lib.sh"

put_without_a_key_stores_by_content() {
    run put blob
    prints "$key	sha256:$digest	3000000"
    run put - <blob
    prints "$key	sha256:$digest	3000000"
    run put blob --json
    claim [ "$(json_of 'd["key"] + d["digest"] + str(d["length"])')" = "${key}sha256:${digest}3000000" ]
}
put_with_a_key_stores_there_and_get_gives_the_same_bytes() {
    run put blob a/b
    prints "a/b	sha256:$digest	3000000"
    run get a/b
    claim cmp blob out
    run get a/b -o copy
    claim cmp blob copy
    claim [ "$(stat -c %a copy)" = 644 ]
    rm copy
}
put_of_nothing_stores_the_empty_blob() {
    run put /dev/null
    prints "sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    run get sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    claim [ "$status $(wc -c <out)" = "0 0" ]
}
put_with_a_wrong_digest_leaves_nothing() {
    run put blob a --digest sha256:0123
    fails_with 1 "regstore: commit to a: the bytes have another digest (DIGEST)"
    claim [ ! -e f.part ]
    run stat a
    fails_with 3
}
put_goes_on_after_failures_that_pass() {
    run --set fail=upload_write,9,3,1 put blob a
    prints "sha256:$digest"
    run get a
    claim cmp blob out
}
put_gives_up_after_failures_that_stay_and_aborts() {
    run --set fail=upload_write,9,999,0 put blob a
    fails_with 1 "regstore: write blob: failed on demand (UNAVAILABLE, SlowDown, HTTP 503, request tx-7)"
    claim [ ! -e f.part ]
}
put_says_when_another_try_may_help() {
    run --set fail=upload_open,9,999,1 put blob a
    fails_with 1 "request tx-7; another try may succeed)"
}
commit_is_tried_again_after_a_lost_answer() {
    run --set fail=upload_commit,9,1,1 put blob a
    prints "sha256:$digest"
}
put_if_absent_of_a_taken_key_fails() {
    run put blob a
    run put blob a --if-absent
    fails_with 1 "(EXISTS)"
}
put_of_a_missing_file_fails() {
    run put nowhere
    fails_with 1 "regstore: nowhere: No such file or directory"
}
interrupt_ends_a_put_and_aborts_it() {
    "$regstore" --plugin "$plugin" --set file="$scratch/f" --set wait=upload_commit put blob a \
        >out 2>err &
    pid=$!
    while [ ! -e f.waiting ] && kill -0 $pid; do sleep 0.05; done
    claim [ -e f.part ]
    # A job of a shell script ignores INT.
    kill -TERM $pid
    wait $pid
    status=$?
    fails_with 1 "regstore: commit to a: cancelled by the caller (CANCELLED"
    claim [ ! -e f.part ]
}
get_range_includes_both_ends() {
    run put blob a
    run get a --range 1000-1999
    tail -c +1001 blob | head -c 1000 >part
    claim cmp part out
    run get a --range 2999990-
    claim [ "$(wc -c <out)" = 10 ]
    run get a --range 9-1
    fails_with 2 "regstore: --range needs A-B or A-"
    rm part
}
get_that_fails_leaves_the_old_file_and_no_other() {
    run put blob a
    mkdir target
    echo old >target/file
    run --set fail=read_next,14,999,0 get a -o target/file
    fails_with 1 "regstore: get a: failed on demand (CORRUPT"
    run get nowhere -o target/file
    fails_with 3
    claim [ "$(cat target/file) $(ls target)" = "old file" ]
    rm -r target
}
get_goes_on_after_failures_that_pass() {
    run put blob a
    run --set fail=read_next,9,3,1 get a -o copy
    claim cmp blob copy
    rm -f copy
}
# A pipe stands for all that is no file; a device would be lost, for root, if this went wrong.
get_writes_through_a_link_and_into_a_pipe() {
    run put blob a
    echo old >real
    ln -s real link
    run get a -o link
    claim cmp blob real
    claim [ -L link ]
    mkfifo pipe
    timeout 20 cat pipe >received & # it waits for ever when nobody writes
    run get a -o pipe
    claim [ -p pipe ]
    wait $!
    claim cmp blob received
    ln -s missing lost
    run get a -o lost
    claim cmp blob lost
    claim [ ! -L lost ]
    claim [ ! -e missing ]
    rm link real pipe received lost
}
# The shell holds the pipe open and reads nothing: once the pipe is full, the command waits.
interrupt_ends_a_get_whose_reader_hangs() {
    run put blob a
    mkfifo pipe
    for target in pipe -; do
        exec 9<>pipe
        "$regstore" --plugin "$plugin" --set file="$scratch/f" get a -o $target >pipe 2>err 9<&- &
        pid=$!
        claim timeout 60 python3 -c '
import fcntl, struct, sys, termios, time
while struct.unpack("i", fcntl.ioctl(9, termios.FIONREAD, bytes(4)))[0] < 60000:
    time.sleep(0.02)'
        kill -TERM $pid
        # It would wait for ever otherwise, and the test with it.
        (sleep 20; kill -KILL $pid) >claimed 2>&1 9<&- &
        killer=$!
        wait $pid
        status=$?
        kill $killer
        fails_with 1 "regstore: writing" "Interrupted system call"
        exec 9<&-
    done
    rm pipe
}
# What is opened next would take the number of a closed stream, and get its messages as content.
closed_streams_lend_their_numbers_to_no_file() {
    run put blob a
    "$regstore" --plugin "$plugin" --set file="$scratch/f" --set log=read_next get a -o copy <&- 2>&-
    claim cmp blob copy
    rm -f copy
    "$regstore" --plugin "$plugin" --set file="$scratch/f" get a >&- 2>err
    status=$?
    fails_with 1 "regstore: writing standard output: Bad file descriptor"
    "$regstore" --plugin "$plugin" --set file="$scratch/f" put - b <&- >out 2>err
    status=$?
    fails_with 1 "Bad file descriptor"
    run stat b
    fails_with 3
}
get_into_a_full_device_fails() {
    run put blob a
    "$regstore" --plugin "$plugin" --set file="$scratch/f" get a >/dev/full 2>err
    status=$?
    fails_with 1 "regstore: writing standard output: No space left on device"
}
output_that_cannot_be_written_is_a_failure() {
    run put blob a
    "$regstore" --plugin "$plugin" --set file="$scratch/f" ls >/dev/full 2>err
    status=$?
    fails_with 1 "regstore: cannot write to standard output"
}
stat_shows_and_says_not_found() {
    run put blob a
    run stat a
    prints "length  3000000"
    prints 'etag    e"1'
    run stat a --json
    claim [ "$(json_of 'd["length"], d["mtime"], d["digest"], d["etag"]')" = \
        "(3000000, '2026-08-06T07:06:40Z', None, 'e\"1')" ]
    run stat nowhere a
    fails_with 3 "regstore: stat nowhere: no blob at this key (NOT_FOUND)"
    claim grep -q 3000000 out
    run stat ../x
    fails_with 2 "(INVALID)"
    run stat nowhere ../x
    fails_with 2
}
ls_shows_keys_and_details() {
    run ls
    claim [ "$status $(wc -c <out)" = "0 0" ]
    run put blob a/b
    run ls
    claim [ "$(cat out)" = a/b ]
    run ls -l
    prints "       3000000  2026-08-06T07:06:40Z  a/b"
    run ls --json
    claim [ "$(json_of 'd["key"]')" = a/b ]
}
rm_deletes_and_is_fine_when_absent() {
    run put blob a
    run rm a nowhere
    claim [ "$status" = 0 ]
    run stat a
    fails_with 3
    run --set fail=delete_blobs,5,1,0 rm a b
    fails_with 1 "regstore: rm a: failed on demand (DENIED" "regstore: rm b: DENIED"
}
cp_that_is_not_offered_says_so() {
    run cp a b
    fails_with 1 "regstore: cp a: this plugin does not offer copy (UNSUPPORTED)"
}
purge_needs_an_age_and_reports() {
    run purge
    fails_with 2 "needs --older-than"
    run purge --older-than 2d --dry-run
    prints "would remove 1 object and 2 unfinished uploads, 3.0 MiB; younger: 172800; failed: 0"
    run purge --older-than 1m
    prints "removed 1 object and 2 unfinished uploads, 3.0 MiB; younger: 60; failed: 0"
}
purge_tells_a_script_its_counts_also_of_a_failure() {
    counts="{'objects': 1, 'uploads': 2, 'bytes': 3145728, 'spared': 172800, 'failed': "
    run purge --older-than 2d --json
    prints "{"
    claim [ "$(json_of d)" = "${counts}0}" ]
    claim [ "$(wc -l <out)" = 1 ]
    run --set fail=purge,9,1,0 purge --older-than 2d --json
    fails_with 1 "regstore: purge: failed on demand (UNAVAILABLE"
    claim [ "$(json_of d)" = "${counts}4}" ]
}
upload_goes_through_in_steps() {
    cat blob blob >twice
    twice=$(sha256sum twice | cut -c1-64)
    run upload begin tokens/t
    claim [ "$(stat -c %a tokens/t)" = 600 ]
    claim [ ! -e f.part ]
    run upload append tokens/t blob
    prints "offset  3000000"
    claim [ "$(stat -c %a tokens/t)" = 600 ]
    run upload append tokens/t - <blob
    prints "digest  sha256:$twice"
    run upload status tokens/t --json
    claim [ "$(json_of 'd["offset"], d["digests"]')" = "(6000000, ['sha256:$twice'])" ]
    run upload commit tokens/t
    prints "sha256/$(echo "$twice" | cut -c1-2)/$twice	sha256:$twice	6000000"
    claim [ -z "$(ls tokens)" ]
    run get "sha256/$(echo "$twice" | cut -c1-2)/$twice"
    claim cmp twice out
    rm twice
}
upload_begun_for_a_key_is_committed_there() {
    run upload begin tokens/t --key a/b
    run upload append tokens/t blob
    run upload commit tokens/t
    prints "a/b	sha256:$digest	3000000"
    run upload begin tokens/t
    run upload commit tokens/t c
    prints "c	sha256:e3b0c442"
}
commit_of_an_upload_without_bytes_replaces_nothing() {
    run put blob a
    run upload begin tokens/t --key a
    run upload commit tokens/t
    fails_with 1 "regstore: commit to a: the key is taken (EXISTS)"
    claim [ -e tokens/t ]
    run get a
    claim cmp blob out
}
begin_never_takes_another_uploads_file() {
    echo precious >tokens/t
    run upload begin tokens/t
    fails_with 1 "tokens/t: File exists"
    claim [ "$(cat tokens/t)" = precious ]
    run upload status tokens/t
    fails_with 2 "regstore: resume tokens/t: this is no token (INVALID)"
}
token_file_survives_a_failed_commit_and_abort() {
    run upload begin tokens/t
    run upload append tokens/t blob
    before=$(cat tokens/t)
    run upload commit tokens/t --digest sha256:0123
    fails_with 1 "(DIGEST)"
    run --set fail=upload_commit,9,99,0 upload commit tokens/t
    fails_with 1 "(UNAVAILABLE"
    run --set fail=upload_abort,9,99,0 upload abort tokens/t
    fails_with 1 "regstore: upload abort tokens/t: failed on demand (UNAVAILABLE"
    claim [ "$(cat tokens/t)" = "$before" ]
    run upload commit tokens/t
    prints "sha256:$digest"
    claim [ -z "$(ls tokens)" ]
}
append_that_fails_keeps_what_was_taken() {
    run upload begin tokens/t
    run --set fail=upload_write,9,1,0 upload append tokens/t blob
    fails_with 1 "tokens/t stands for 524288 bytes now, 524288 of them from blob"
    run upload status tokens/t
    prints "offset  524288"
    tail -c +524289 blob >rest
    run upload append tokens/t rest
    run upload commit tokens/t a
    prints "a	sha256:$digest	3000000"
    rm rest
}
suspend_that_fails_keeps_the_token_it_gave() {
    run upload begin tokens/t
    run --set fail=upload_suspend,9,99,0 upload append tokens/t blob
    fails_with 1 "regstore: suspend tokens/t: failed on demand" "tokens/t stands for 1500000 bytes now"
    run upload status tokens/t
    prints "offset  1500000"
}
interrupt_of_an_append_keeps_what_was_taken() {
    run upload begin tokens/t
    run upload append tokens/t blob
    "$regstore" --plugin "$plugin" --set file="$scratch/f" --set wait=upload_write \
        upload append tokens/t blob >out 2>err &
    pid=$!
    while [ ! -e f.waiting ] && kill -0 $pid; do sleep 0.05; done
    kill -TERM $pid
    wait $pid
    status=$?
    fails_with 1 "(CANCELLED" "tokens/t stands for 3524288 bytes now, 524288 of them from blob"
    run upload status tokens/t
    prints "offset  3524288"
}
abort_removes_upload_and_token_file() {
    run upload begin tokens/t
    run upload append tokens/t blob
    claim [ -e f.part ]
    run upload abort tokens/t
    claim [ "$status" = 0 ]
    claim [ ! -e f.part ]
    claim [ -z "$(ls tokens)" ]
}

run_tests
