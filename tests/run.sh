#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The whole test of regstore: installs what is missing, builds, runs every suite.
#
#   sh tests/run.sh [--cc CC] [--sanitize LIST] [SUITE...]
#
# Without options it runs every suite built by gcc, those with servers in two rows side by side; those
# that need no server built by clang; and under address and undefined sanitizers, and the thread
# sanitizer, these and the conformance suite with its mutants.
# With an option or a suite it is one build: gcc, or CC; plain, or with the sanitizers of LIST
# (as "address,undefined"), which take clang. Builds stay in build-test/, so a second run is short.
set -eu
umask 022 # a group that may write the plugins would make them refused

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/host-shim/packages.sh"
serverless="lint abi unit fuzz conformance"
every="$serverless mutants installed fake-s3 faults distribution rgw minio registry"

usage() {
    echo "usage: sh tests/run.sh [--cc CC] [--sanitize LIST] [SUITE...]" >&2
    echo "suites: $every" >&2
    exit 2
}

cc=
sanitize=none
while [ $# -gt 0 ]; do
    case $1 in
    --cc | --sanitize)
        [ $# -ge 2 ] || usage
        if [ "$1" = --cc ]; then cc=$2; else sanitize=$2; fi
        shift
        ;;
    -*) usage ;;
    *) break ;;
    esac
    shift
done
for suite; do
    case " $every " in
    *" $suite "*) ;;
    *) echo "no suite is called '$suite'" >&2; usage ;;
    esac
done

# A line each for what was built and each suite: BUILD SUITE PASSED FAILED SKIPPED SECONDS. A file,
# since suites that run side by side are processes of their own.
results=$(mktemp)
# What failed, for the end: where it was first told is far above by then.
failures=$(mktemp)
trap 'rm -f "$results" "$failures"' EXIT
# To the whole group: a row in the background does not hear Ctrl-C.
trap 'trap "" TERM; kill 0; exit 143' HUP INT TERM

# Adds up what meson wrote about one suite; the subtests of TAP count one by one. What it does not
# count there (a test out of time, TAP cut short, no test at all) is one failure.
count() {
    junit=$1
    verdict=$2
    # shellcheck disable=SC2046 # three numbers
    set -- $(awk '
        function number(name) {
            if (!match($0, " " name "=\"[0-9]+"))
                return 0
            return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
        }
        BEGIN { RS = "<" }
        /^testsuite / {
            tests += number("tests")
            bad += number("failures") + number("errors")
            left_out += number("skipped")
        }
        END { print tests + 0, bad + 0, left_out + 0 }' "$junit")
    bad=$2
    left_out=$3
    good=$(($1 - bad - left_out))
    if [ "$bad" -eq 0 ] && { [ "$verdict" -ne 0 ] || [ "$1" -eq 0 ]; }; then
        bad=1
        [ "$good" -eq 0 ] || good=$((good - 1))
    fi
}

# Names what failed of one suite, and has what was said of it: of a test the end, of a program that
# speaks TAP what stands around each failure.
tell_failures() {
    awk -v RS='<' -v suite="$name $suite" '
        function value(name) {
            if (!match($0, " " name "=\"[^\"]*"))
                return ""
            return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
        }
        /^testcase / { test = value("classname") " / " value("name") }
        /^(failure|error)/ { print suite ": " test; has_failed = 1 }
        /^\/testcase/ { has_failed = 0 }
        has_failed && /^system-(out|err)>/ {
            from = (n = split($0, line, "\n")) > 30 ? n - 29 : 1
            for (i = from; i <= n; i++)
                print line[i]
        }' "$junit"
    grep -B 15 -A 15 '^not ok' "$build/meson-logs/$suite.txt" | head -n 100
}

build() {
    if [ ! -e "$build/build.ninja" ]; then
        rm -rf "$build"
        lundef=true
        [ "$sanitizers" = none ] || lundef=false # clang resolves its sanitizers when loading
        CC=$compiler meson setup "$build" "$top" -Dwerror=true \
            -Db_sanitize="$sanitizers" -Db_lundef="$lundef" || return 1
    fi
    meson compile -C "$build"
}

# set_up NAME CC SANITIZERS: builds in build-test/NAME, where run_suites then runs.
set_up() {
    name=$1
    build=$top/build-test/$name
    log=$build.log
    compiler=$2
    sanitizers=$3
    echo
    echo "=== $name: $compiler, sanitizers: $sanitizers"
    mkdir -p "$top/build-test"
    start=$(date +%s)
    if ! build >"$log" 2>&1; then
        tail -n 40 "$log" | tee -a "$failures"
        note build 0 1 0
        return 1
    fi
    note build 0 0 0
}

run_suites() {
    for suite; do
        start=$(date +%s)
        verdict=0
        : >"$build/meson-logs/$suite.junit.xml"
        # A meson newer than Debian 12's builds its two hundred plugins only when they are asked for.
        rebuild=--no-rebuild
        [ "$suite" != mutants ] || rebuild=
        # What waits for deadlines and pauses waits side by side.
        processes=
        [ "$suite" != faults ] || processes="--num-processes 8"
        # shellcheck disable=SC2086 # two words, or none
        meson test -C "$build" $rebuild --print-errorlogs --suite "$suite" --logbase "$suite" \
            $processes </dev/null || verdict=$?
        # How many cases the sweeps of faults had, and how many of them held.
        grep '^faults: ' "$build/meson-logs/$suite.txt" || true
        count "$build/meson-logs/$suite.junit.xml" "$verdict"
        [ "$bad" -eq 0 ] || tell_failures >>"$failures"
        note "$suite" "$good" "$bad" "$left_out"
    done
}

# run_rows "SUITE..." "SUITE...": the rows side by side, since what has a server mostly waits for it.
# What shares a Ceph or programs of Go stands in one row.
run_rows() {
    for row; do
        # shellcheck disable=SC2086 # several suites
        run_suites $row 2>&1 | sed -u "s/^/${row%% *}: /" &
    done
    wait
    # shellcheck disable=SC2048 # each of several words
    for suite in $*; do
        grep -q "^$name $suite " "$results" || note "$suite" 0 1 0
    done
}

note() {
    echo "$name $1 $2 $3 $4 $(($(date +%s) - start))" >>"$results"
}

# A report ends the test.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:die_after_fork=0}"

# shellcheck disable=SC2154,SC2086 # packages.sh has the lists, each of several words
install_missing $packages_build $packages_image $packages_rgw $packages_test $packages_registry
case " ${*:-$every} " in
*" distribution "* | *" minio "* | *" registry "*) install_go "$top/host-shim/adapters/distribution/go.mod" ;;
esac
began=$(date +%s)
if [ $# -gt 0 ] || [ -n "$cc" ] || [ "$sanitize" != none ]; then
    if [ "$sanitize" = none ]; then
        suites=${*:-$every}
        cc=${cc:-gcc}
        name=$cc
    else
        suites=${*:-$serverless}
        cc=${cc:-clang}
        name=$cc-$(echo "$sanitize" | tr , -)
    fi
    # shellcheck disable=SC2086 # several suites
    ! set_up "$name" "$cc" "$sanitize" || run_suites $suites
else
    if set_up gcc gcc none; then
        # shellcheck disable=SC2086 # several suites
        run_suites $serverless mutants
        run_rows "fake-s3 installed faults minio" "distribution registry rgw"
    fi
    # shellcheck disable=SC2086 # several suites
    ! set_up clang clang none || run_suites $serverless
    if set_up clang-address-undefined clang address,undefined; then
        run_suites abi unit fuzz conformance
        run_rows mutants conformance-on-s3
    fi
    if set_up clang-thread clang thread; then
        run_suites unit conformance
        run_rows mutants conformance-on-s3
    fi
fi

seconds=$(($(date +%s) - began))
echo
cat "$failures"
echo
awk '{ printf "%-24s %-12s %5d passed %3d failed %3d skipped %3d min %02d s\n", $1, $2, $3, $4, $5,
    $6 / 60, $6 % 60 }' "$results"
echo "$((seconds / 60)) min $((seconds % 60)) s in all"
awk '{ passed += $3; failed += $4; skipped += $5 }
    END {
        printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
        exit failed > 0 || passed == 0
    }' "$results"
