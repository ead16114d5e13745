#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The regstore command from outside: how it is configured, run and explained.
# usage: command-usage.sh REGSTORE CONFORMANCE PLUGIN.so
set -u
# shellcheck source=tests/unit/host/command-lib.sh
. "$(dirname "$0")/command-lib.sh"

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
    run --metrics "$scratch/metrics" conformance --list
    fails_with 2 "'conformance' does not take --metrics"
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

helpers="make_tree run_tree commands"
run_tests
