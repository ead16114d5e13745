# shellcheck shell=dash disable=SC2034 # variables for the file that sources this one
# SPDX-License-Identifier: Apache-2.0
# For the tests of the regstore command from outside; each is a function whose name is its claim.
# Sourced with REGSTORE CONFORMANCE PLUGIN.so in $1 to $3; run_tests comes last.
set -u
umask 022
regstore=$(realpath "$1")
tests=$(realpath "$0")
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
helpers=
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

# All functions of the file that sources this one, but for its $helpers.
run_tests() {
    names=$(sed -n 's/^\([a-z_0-9]*\)() {.*/\1/p' "$tests")
    for test in $names; do
        case " $helpers " in
        *" $test "*) ;;
        *) it "$test" ;;
        esac
    done
    echo "1..$count"
}
