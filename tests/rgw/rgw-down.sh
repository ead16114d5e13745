#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rgw-down.sh DIR: ends what rgw-up.sh started in DIR and removes DIR.
#
# Nothing in it is worth keeping, so the daemons are killed and not asked.
set -eu
[ $# -eq 1 ] || { echo "usage: rgw-down.sh DIR" >&2; exit 2; }
[ -e "$1/ceph.conf" ] || exit 0
dir=$(cd "$1" && pwd)

# All processes whose environment names this cluster, whether they got as far as a pid file or not.
daemons() {
    for proc in /proc/[0-9]*; do
        case $(cat "$proc/comm" 2>/dev/null) in
        ceph-mon | ceph-osd | radosgw | radosgw-admin | ceph) ;;
        *) continue ;;
        esac
        { tr "\0" "\n" <"$proc/environ" | grep -qxF "CEPH_CONF=$dir/ceph.conf"; } 2>/dev/null &&
            echo "${proc#/proc/}"
    done
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
    pids=$(daemons) || true
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086 # several numbers
    kill -KILL $pids 2>/dev/null || true
    sleep 0.2
done
rm -rf "$dir"
