#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rgw-more.sh DIR late|tls: another radosgw on the cluster that rgw-up.sh brought up in DIR, with the
# same users, role and bucket. rgw-down.sh DIR ends it too. Adds to DIR/env:
#
#   late  RGW_LATE_ENDPOINT: its clock is 892 s behind, so that a session of 900 s that it issues is
#         over 8 s later at the first one
#   tls   RGW_TLS_ENDPOINT: https, and RGW_TLS_CA: its certificate
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 2 ] || [ ! -e "$1/ceph.conf" ]; then
    echo "usage: rgw-more.sh DIR late|tls" >&2
    exit 2
fi
dir=$(cd "$1" && pwd)
kind=$2
. "$here/port.sh"
port=$(free_port)
out=$dir/log/$kind.log
export CEPH_CONF="$dir/ceph.conf"

frontend="beast tcp_nodelay=1 endpoint=127.0.0.1:$port"
endpoint=http://127.0.0.1:$port
set --
case $kind in
late) set -- env FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f -892s ;;
tls)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=rgw \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/tls-key.pem" -out "$dir/tls.pem" \
        >>"$out" 2>&1
    frontend="beast tcp_nodelay=1 ssl_endpoint=127.0.0.1:$port"
    frontend="$frontend ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls-key.pem"
    endpoint=https://127.0.0.1:$port
    ;;
*) echo "rgw-more: '$kind' is neither late nor tls" >&2; exit 2 ;;
esac

setsid "$@" radosgw -n client.rgw -f --rgw-frontends "$frontend" --log-file "$dir/log/rgw-$kind.log" \
    --pid-file "$dir/rgw-$kind.pid" </dev/null >>"$out" 2>&1 &
rgw=$!
deadline=$(($(date +%s) + 120))
until curl -sk -o "$dir/log/$kind.answer" "$endpoint" >>"$out" 2>&1; do
    kill -0 "$rgw" || { echo "rgw-more: radosgw died:" >&2; tail -n 15 "$out" >&2; exit 1; }
    [ "$(date +%s)" -lt "$deadline" ] || { echo "rgw-more: no answer for 120 s" >&2; exit 1; }
    sleep 0.2
done
case $kind in
late) echo "RGW_LATE_ENDPOINT=$endpoint" ;;
tls) printf 'RGW_TLS_ENDPOINT=%s\nRGW_TLS_CA=%s\n' "$endpoint" "$dir/tls.pem" ;;
esac >>"$dir/env"
