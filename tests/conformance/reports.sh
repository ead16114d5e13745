# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# For scripts whose programs may be built with a sanitizer: what it reports goes to files, one a
# process, so that a report is not lost with a process whose end nobody looks at.

# reports_into FOLDER: from here on; a report ends its process.
reports_into() {
    reports=$1
    mkdir -p "$reports"
    to="log_path=$reports/report:halt_on_error=1:print_summary=1"
    export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}$to"
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}$to:print_stacktrace=1"
    export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}$to:die_after_fork=0"
}

# Shows them as comments of TAP; fails when there are some.
no_reports() {
    set -- "$reports"/report*
    [ -e "$1" ] || return 0
    echo "# a sanitizer reports:"
    sed 's/^/# /' "$@"
    return 1
}
