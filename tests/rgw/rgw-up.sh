#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rgw-up.sh DIR [OWNER]: a real S3 and STS server on this machine, about ten seconds.
#
# Ceph's monitor, one OSD that keeps everything in memory, and radosgw on free ports of 127.0.0.1;
# all their files are in DIR, so several can run side by side. It holds what chapter 12 of the Quay
# manual sets up: the user quay-user, the role example-role whose trust policy names that user, a
# bucket; beside them the user stranger, whom the role does not trust.
#
# rgw-more.sh adds another radosgw to it, with TLS or with a clock of its own.
#
# Leaves DIR/env for scripts and DIR/config.yaml with the locations s3 and local.
# rgw-down.sh DIR stops and removes all; with OWNER, a process id, that happens by itself as soon
# as that process is gone, however it died.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: rgw-up.sh DIR [OWNER]" >&2; exit 2; }
for tool in ceph-mon ceph-osd ceph radosgw radosgw-admin curl; do
    command -v "$tool" >/dev/null || {
        echo "rgw-up: no $tool: apt-get install ceph-mon ceph-osd ceph-common radosgw curl" >&2
        exit 1
    }
done
[ ! -e "$1/ceph.conf" ] || { echo "rgw-up: $1 is in use: rgw-down.sh $1 first" >&2; exit 1; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
owner=${2:-}
mkdir "$dir/mon" "$dir/osd" "$dir/log" "$dir/local"
export CEPH_CONF="$dir/ceph.conf"
ring=$dir/keyring
out=$dir/log/up.log

# Any failure from here on: show why, leave no process behind.
failed() {
    status=$?
    trap - EXIT
    [ "$status" -ne 0 ] || exit 0
    echo "rgw-up: failed while it did this: $step" >&2
    for log in "$out" "$dir"/log/*.log; do
        if [ -s "$log" ] && [ "$log" != "$out" ]; then
            echo "--- the end of $log" >&2
            tail -n 8 "$log" >&2
        fi
    done
    echo "--- what was said" >&2
    tail -n 15 "$out" >&2
    sh "$here/rgw-down.sh" "$dir"
    exit 1
}
trap failed EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step="find two free ports"
. "$here/port.sh"
rgw_port=$(free_port)
mon_port=$(free_port)

fsid=$(cat /proc/sys/kernel/random/uuid)
cat > "$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$mon_port
public addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
run dir = $dir
# No sockets: DIR may be too long for one.
admin socket =
log file = $dir/log/\$name.log
pid file = $dir/\$name.pid
keyring = $ring
mon data = $dir/mon
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 8589934592
[client.rgw]
# Without tcp_nodelay every answer with a body waits 44 ms for a delayed ACK.
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:$rgw_port
rgw sts key = abcdefghijklmnop
rgw s3 auth use sts = true
rgw crypt require ssl = false
# What is deleted is freed soon: everything lies in memory.
rgw gc obj min wait = 20
rgw gc processor period = 20
CONF

# A daemon keeps what it inherits, and who reads our output would wait for it for ever.
quietly() {
    "$@" </dev/null >>"$out" 2>&1
}
if [ -n "$owner" ]; then
    # shellcheck disable=SC2016 # the inner shell expands it
    setsid sh -c 'while [ -d "/proc/$1" ] && [ -e "$2" ]; do sleep 1; done
        exec sh "$3" "$4"' watch "$owner" "$CEPH_CONF" "$here/rgw-down.sh" "$dir" \
        </dev/null >>"$out" 2>&1 &
fi

step="start the monitor"
ceph_key() {
    quietly ceph-authtool "$ring" --gen-key -n "$1" --cap mon 'allow *' --cap osd 'allow *'
}
quietly ceph-authtool --create-keyring "$ring"
ceph_key mon.
ceph_key client.admin
ceph_key client.rgw
quietly monmaptool --create --addv a "[v2:127.0.0.1:$mon_port]" --fsid "$fsid" "$dir/monmap"
quietly ceph-mon --mkfs -i a --monmap "$dir/monmap" --keyring "$ring"
quietly ceph-mon -i a

step="start the OSD"
osd_key=$(ceph-authtool --gen-print-key)
osd_uuid=$(cat /proc/sys/kernel/random/uuid)
printf '{"cephx_secret":"%s"}\n' "$osd_key" |
    timeout 60 ceph osd new "$osd_uuid" -i - >>"$out" 2>&1
quietly ceph-authtool "$ring" -n osd.0 --add-key "$osd_key"
quietly ceph-osd -i 0 --mkfs --osd-uuid "$osd_uuid"
quietly ceph-osd -i 0

step="start radosgw"
endpoint=http://127.0.0.1:$rgw_port
setsid radosgw -n client.rgw -f </dev/null >>"$out" 2>&1 &
rgw=$!
deadline=$(($(date +%s) + 120))
until quietly curl -s -o /dev/null "$endpoint"; do
    kill -0 "$rgw" || { echo "radosgw died" >>"$out"; exit 1; }
    [ "$(date +%s)" -lt "$deadline" ] || { echo "no answer for 120 s" >>"$out"; exit 1; }
    sleep 0.2
done

step="make the users and the role of the Quay manual, sections 12.1 and 12.2"
user_key=AKIAQUAYUSER00000001
user_secret=quaysecretkey0000000000000000000000000001
stranger_key=AKIASTRANGER00000001
stranger_secret=strangersecret000000000000000000000000001
admin() {
    quietly timeout 60 radosgw-admin -n client.rgw "$@"
}
admin user create --uid quay-user --display-name quay-user \
    --access-key "$user_key" --secret-key "$user_secret"
admin user create --uid stranger --display-name stranger \
    --access-key "$stranger_key" --secret-key "$stranger_secret"
admin role create --role-name example-role --path / --assume-role-policy-doc '{
    "Version": "2012-10-17", "Statement": [{"Sid": "Statement1", "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam:::user/quay-user"]}, "Action": ["sts:AssumeRole"]}]}'
admin role-policy put --role-name example-role --policy-name AmazonS3FullAccess --policy-doc '{
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"],
    "Resource": "arn:aws:s3:::*"}]}'

step="make the bucket"
cat > "$dir/env" <<ENV
RGW_ENDPOINT=$endpoint
RGW_BUCKET=quay
RGW_ROLE_ARN=arn:aws:iam:::role/example-role
RGW_USER_ACCESS_KEY=$user_key
RGW_USER_SECRET_KEY=$user_secret
RGW_STRANGER_ACCESS_KEY=$stranger_key
RGW_STRANGER_SECRET_KEY=$stranger_secret
RGW_CONFIG=$dir/config.yaml
ENV
cat > "$dir/config.yaml" <<YAML
DISTRIBUTED_STORAGE_CONFIG:
  s3:
    - STSS3Storage
    - sts_role_arn: arn:aws:iam:::role/example-role
      s3_bucket: quay
      storage_path: /datastorage
      sts_user_access_key: $user_key
      sts_user_secret_key: $user_secret
      endpoint_url: $endpoint
      sts_endpoint_url: $endpoint
  local:
    - LocalStorage
    - storage_path: $dir/local
DISTRIBUTED_STORAGE_PREFERENCE:
  - s3
YAML
# shellcheck disable=SC1091 # written above
. "$dir/env"
. "$here/s3.sh"
quietly s3_request "/$RGW_BUCKET" -f -X PUT
trap - EXIT
