#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The regstore command from outside: exit statuses, output, and what it does when things fail.
# usage: command.sh REGSTORE CONFORMANCE PLUGIN.so
set -u
umask 022
regstore=$(realpath "$1")
suite=$(realpath "$2")
given=$(realpath "$3")
readme=$(realpath "$(dirname "$0")/../../../README.md")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
plugin=$scratch/TestStorage.so
# A copy: the build folder may be one that others can write.
cp "$given" "$plugin" && cd "$scratch" || exit 1
unset REGSTORE_CONFIG REGSTORE_PLUGIN_DIR

count=0
problem=
# Only the settings of --set; each test begins with an empty store.
run() {
    "$regstore" --plugin "$plugin" --set file="$scratch/f" "$@" >out 2>err
    status=$?
}
fails_with() { # STATUS WORDS...: the last run's exit status and words in its error output
    [ "$status" -eq "$1" ] || problem="$problem exit status $status instead of $1;"
    shift
    for words in "$@"; do
        grep -qF -e "$words" err || problem="$problem no '$words' in: $(cat err);"
    done
}
prints() {
    [ "$status" -eq 0 ] || problem="$problem exit status $status: $(cat err);"
    grep -qF -e "$1" out || problem="$problem no '$1' in: $(cat out);"
}
claim() { "$@" >claimed 2>&1 || problem="$problem not true: $*;"; }
json_of() { python3 -c 'import json,sys; d=json.loads(sys.stdin.readline()); print(eval(sys.argv[1]))' "$1" <out; }
it() {
    count=$((count + 1))
    problem=
    rm -rf f.* out err tokens
    mkdir tokens
    "$1"
    if [ -z "$problem" ]; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1"
        printf '%s\n' "$problem" | sed 's/^/# /'
    fi
}

head -c 3000000 /dev/urandom >blob
digest=$(sha256sum blob | cut -c1-64)
key=sha256/$(echo "$digest" | cut -c1-2)/$digest

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
conformance_lends_no_number_of_a_closed_stream() {
    "$suite" --plugin "$plugin" --set file="$scratch/f" --set wait=upload_open <&- >&- 2>&- &
    pid=$!
    while [ ! -e f.waiting ] && kill -0 $pid; do sleep 0.05; done
    for number in 0 1 2; do
        claim [ "$(readlink /proc/$pid/fd/$number)" = /dev/null ]
    done
    kill -TERM $pid
    wait $pid 2>claimed
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
check_marks_each_step() {
    run check
    prints "[ok]   folder: it is there"
    prints "[ok]   write: 1 byte"
    run --set fail=check,5,1,0 check
    fails_with 1
    claim grep -qF '[FAIL] write: no "room" (DENIED)' out
    claim grep -qF -e '-> make room' out
    run --set fail=check,5,1,0 check --json
    claim [ "$status" = 1 ]
    claim [ "$(json_of 'd["ok"], d["steps"][1]["status"], d["steps"][1]["found"]')" = \
        "(False, 'DENIED', 'no \"room\"')" ]
}
inspect_shows_the_plugin() {
    run inspect "$plugin"
    prints "TestStorage 0.1"
    prints "does not offer: presign"
    prints "path, required"
    prints "text, secret"
    run inspect "$plugin" --json
    claim [ "$(json_of '[(s["key"], s["required"], s["secret"]) for s in d["settings"]][:2]')" = \
        "[('file', True, False), ('password', False, True)]" ]
    run inspect Nowhere
    fails_with 2 "no Nowhere.so in "
    run --plugin-dir "$scratch" inspect TestStorage
    prints "file: $plugin"
}
config_file_is_found_and_its_location_chosen() {
    mkdir config
    cat >config/config.yaml <<EOF
DISTRIBUTED_STORAGE_CONFIG:
    theirs: [Nowhere, {}]
    ours: [TestStorage, {file: $scratch/f, password: hunter2}]
    wrong: [TestStorage, {fil: $scratch/f, password: hunter2}]
DISTRIBUTED_STORAGE_PREFERENCE: [ours]
EOF
    run_config() {
        (cd config && "$regstore" --plugin-dir "$scratch" "$@") >out 2>err
        status=$?
    }
    run_config put ../blob a
    prints "a	sha256:$digest"
    run_config --location ours stat a
    prints 3000000
    run_config --location wrong ls
    fails_with 2 "regstore: settings of wrong: unknown key (CONFIG)"
    run_config --location theirs ls
    fails_with 2 "no Nowhere.so in $scratch, "
    run_config --location none ls
    fails_with 2 "no location 'none', only: theirs, ours, wrong"
    run_config --config ../blob ls
    fails_with 2 "bytes: is it the right file?"
    REGSTORE_CONFIG=$scratch/config/config.yaml "$regstore" --plugin-dir "$scratch" stat a >out 2>err
    status=$?
    prints 3000000
    run_config check --verbose
    prints "ours: TestStorage 0.1"
    claim [ "$(cat out err | grep -c hunter2)" = 0 ]
    rm -r config
}
secret_may_stand_in_the_environment_but_not_twice() {
    mkdir config
    cat >config/config.yaml <<EOF
DISTRIBUTED_STORAGE_CONFIG:
    with-out: [TestStorage, {file: $scratch/f}]
    with: [TestStorage, {file: $scratch/f, password: hunter2}]
EOF
    for location in with-out with; do
        REGSTORE_WITH_OUT_PASSWORD=hunter3 REGSTORE_WITH_PASSWORD=hunter3 "$regstore" \
            --config config/config.yaml --plugin-dir "$scratch" --location $location ls >out 2>err
        status=$?
        [ $location = with ] || claim [ "$status" = 0 ]
    done
    fails_with 2 "'password' of location 'with' has two sources" "REGSTORE_WITH_PASSWORD"
    status=0
    REGSTORE_WITH_PASSWORD=hunter3 "$regstore" --config config/config.yaml --plugin-dir "$scratch" \
        --location with conformance >out 2>err || status=$?
    fails_with 2 "'password' of location 'with' has two sources" "REGSTORE_WITH_PASSWORD"
    claim [ "$(cat out err | grep -c 'hunter[23]')" = 0 ]
    rm -r config
}
check_warns_of_a_config_file_with_a_secret_that_others_can_read() {
    mkdir config
    echo "DISTRIBUTED_STORAGE_CONFIG: {a: [TestStorage, {file: $scratch/f, password: hunter2}]}" \
        >config/config.yaml
    for mode in 600 640 604; do
        chmod $mode config/config.yaml
        "$regstore" --config config/config.yaml --plugin-dir "$scratch" check >out 2>err
        status=$?
        prints "[ok]   config: mode 0$mode"
        [ $mode = 600 ] || claim grep -qF "'password' stands in it: chmod 0600" out
        [ $mode != 600 ] || claim [ "$(grep -c chmod out)" = 0 ]
    done
    echo "DISTRIBUTED_STORAGE_CONFIG: {a: [TestStorage, {file: $scratch/f}]}" >config/config.yaml
    "$regstore" --config config/config.yaml --plugin-dir "$scratch" check >out 2>err
    claim [ "$(grep -c chmod out)" = 0 ]
    rm -r config
}
# A tree as meson makes it, with the command and, in place of the suite, what tells that it was run.
make_tree() {
    mkdir -p tree/meson-private tree/plugin tree/host-shim/conformance
    cp "$regstore" tree/host-shim/regstore
    printf '#!/bin/sh\necho "I ran: $*"\n' >tree/host-shim/conformance/regstore-conformance
    chmod 755 tree/host-shim/conformance/regstore-conformance
}
run_tree() {
    tree/host-shim/regstore "$@" >out 2>err
    status=$?
}
conformance_runs_no_program_that_others_may_change() {
    make_tree
    run_tree conformance --list
    prints "I ran: --list"
    folder=$(realpath tree)/host-shim/conformance
    for path in "$folder" "$folder/regstore-conformance"; do
        chmod go+w "$path"
        run_tree conformance --list
        fails_with 2 "regstore: conformance: refused: the " "chmod go-w '$path'"
        claim [ ! -s out ]
        chmod go-w "$path"
        [ "$(id -u)" = 0 ] || continue
        chown 12345 "$path"
        run_tree conformance --list
        fails_with 2 "$path belongs to user 12345" "chown 0 '$path'"
        claim [ ! -s out ]
        chown 0 "$path"
    done
    rm -r tree
}
conformance_refuses_what_it_would_not_pass_on() {
    run --timeout 5s conformance --list
    fails_with 2 "conformance has a --timeout of its own, in seconds for each test"
    claim [ ! -s out ]
    run --verbose conformance --list
    fails_with 2 "'conformance' does not take --verbose"
    for option in --json -l --if-absent "--key k"; do
        # shellcheck disable=SC2086 # the last is two words
        run $option conformance --list
        fails_with 2 "'conformance' does not take --"
        claim [ ! -s out ]
    done
    run --config nowhere.yaml conformance
    fails_with 2 "nowhere.yaml: No such file or directory"
    run conformance --timeout 5 --list
    claim [ "$status" = 0 ]
    claim [ -s out ]
}
conformance_that_ran_nothing_has_failed() {
    run conformance --family presign
    fails_with 1
    claim grep -q '^0 passed, 0 failed' out
    run conformance --help
    prints "1 something failed or nothing ran"
}
# An installed command below a folder where anybody may make what a build folder has, such as /tmp.
tree_that_somebody_else_has_made_is_no_build_tree() {
    make_tree
    run_tree inspect Nowhere
    fails_with 2 "no Nowhere.so in $(realpath tree)/plugin"
    for name in meson-private plugin; do
        mv tree/$name tree/real
        ln -s real tree/$name
        run_tree inspect Nowhere
        fails_with 2 "no Nowhere.so in "
        claim [ "$(grep -cF "$(realpath tree)/plugin" err)" = 0 ]
        rm tree/$name
        mv tree/real tree/$name
    done
    for path in tree/meson-private tree/plugin tree; do
        [ "$(id -u)" = 0 ] || continue
        chown 12345 $path
        run_tree inspect Nowhere
        fails_with 2 "no Nowhere.so in "
        claim [ "$(grep -cF "$(realpath tree)/plugin" err)" = 0 ]
        chown 0 $path
    done
    # One who owns the program as well is no intruder: what the guard says of it helps more.
    if [ "$(id -u)" = 0 ]; then
        chown -R 12345 tree
        run_tree inspect Nowhere
        fails_with 2 "no Nowhere.so in $(realpath tree)/plugin"
    fi
    rm -r tree
}
policy_of_a_plugin_that_has_none_says_so() {
    run policy
    fails_with 1 "regstore: policy: TestStorage has none to show"
}
usage_is_explained() {
    run
    fails_with 2 "no command"
    run nonsense
    fails_with 2 "no command 'nonsense'"
    run upload nonsense
    fails_with 2 "no command 'upload nonsense'"
    run get
    fails_with 2 "usage: regstore get KEY"
    run get a b
    fails_with 2 "usage: regstore get KEY"
    run get a --json
    fails_with 2 "'get' does not take --json"
    run get a --nonsense
    fails_with 2 "unrecognized option"
    run --timeout x ls
    fails_with 2 "--timeout needs a duration"
    run --set nonsense ls
    fails_with 2 "--set needs key=value"
    run --location a ls
    fails_with 2 "--plugin goes with --set"
    run put --help
    prints "usage: regstore put"
    run --help
    prints "exit status: 0 done, 1 failed, 2 usage or configuration, 3 not found"
    run --version
    prints "ABI 1.0"
}
# name and usage of each command that has options of its own
commands() { "$regstore" --help | sed -n '/^commands:/,/^which store:/s/^  \([a-z].*\)$/\1/p' | grep -v ^conformance; }
help_of_each_command_shows_what_it_takes_and_nothing_else() {
    commands >known
    claim [ "$(wc -l <known)" -ge 15 ]
    while read -r line; do
        name=${line%% *}
        [ "$name" != upload ] || name=$(echo "$line" | cut -d ' ' -f 1,2)
        # shellcheck disable=SC2086 # 'upload begin' is two words, as 'o x' below
        "$regstore" $name --help >out 2>err
        claim [ "$?" = 0 ]
        claim [ "$(head -n 1 out)" = "usage: regstore $line" ]
        claim [ "$(wc -l <out)" -ge 2 ]
        for option in --json "-o x" "--range 0-1" "--digest d" --if-absent "--key k" --sha512 \
            "--length 1" --delimiter -l "--older-than 1d" --dry-run "--user-arn a"; do
            case "$line " in
            *" ${option%% *} "* | *"[${option%% *}"[\ \]]*) expected=0 ;;
            *) expected=2 ;;
            esac
            # shellcheck disable=SC2086
            "$regstore" $name $option --help >out 2>err </dev/null
            claim [ "$name $option: $?" = "$name $option: $expected" ]
        done
    done <known
    "$regstore" put --help >/dev/full 2>err
    status=$?
    fails_with 1 "cannot write to standard output"
    rm known
}
help_of_upload_shows_its_steps() {
    "$regstore" upload --help >out 2>err
    status=$?
    for step in begin append status commit abort; do
        prints "usage: regstore upload $step TOKENFILE"
    done
    "$regstore" upload >out 2>err
    status=$?
    fails_with 2 "usage: regstore upload begin TOKENFILE"
    claim [ ! -s out ]
}
readme_has_each_command() {
    commands >known
    while read -r line; do
        case $line in
        upload*) claim grep -qE "^\\|.*\`upload .*$(echo "$line" | cut -d ' ' -f 2)" "$readme" ;;
        *) claim grep -qE "^\|.*\`${line%% *}[ \`]" "$readme" ;;
        esac
    done <known
    rm known
}
log_shows_warnings_and_when_asked_infos() {
    run ls
    claim [ "$(cat err)" = "regstore: warning: store.small" ]
    run ls --verbose
    claim grep -qF "regstore: info: store.opened path=$scratch/f" err
}

tests=$(sed -n 's/^\([a-z_]*\)() {$/\1/p' "$0" |
    grep -vxE 'run|prints|it|fails_with|claim|json_of|make_tree|run_tree|commands')
for test in $tests; do
    it "$test"
done
echo "1..$count"
