#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# service.sh start|stop DIR: the stand-in under gunicorn, with its state in DIR. start returns when it
# listens; DIR/port then has its port. QUAY_PYTHON and QUAY_TEST_LOCATION come from run.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$2

case $1 in
start)
    rm -f "$dir/port" "$dir"/database*
    STANDIN_LOCATION=$QUAY_TEST_LOCATION STANDIN_DATABASE=$dir/database STANDIN_PORT=$dir/port \
        "$QUAY_PYTHON" -m gunicorn.app.wsgiapp -c "$here/gunicorn.conf.py" --chdir "$here" \
        standin:application >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    until [ -e "$dir/port" ]; do
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
        sleep 0.1
    done
    ;;
stop)
    [ -e "$dir/pid" ] || exit 0
    pid=$(cat "$dir/pid")
    rm -f "$dir/pid"
    kill "$pid" 2>/dev/null || exit 0
    while [ -d "/proc/$pid" ]; do
        sleep 0.1
    done
    ;;
esac
