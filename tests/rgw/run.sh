#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [PART...]: the suite rgw. Brings up a real S3 and STS server once, runs the parts against
# it, prints TAP and takes it down again, whatever happens.
#
# From the environment: REGSTORE, the command, and REGSTORE_SWEEP, the sweep of faults (else those in
# build/), and REGSTORE_IMAGE, a folder in which the test image stays (else it is made anew).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
every="conformance conformance-tls faults-tls sessions web-identity check policy secrets writing push-s3 push-local kill9-s3 kill9-local"
REGSTORE=${REGSTORE:-$here/../../build/host-shim/regstore}
REGSTORE_SWEEP=${REGSTORE_SWEEP:-$(dirname "$REGSTORE")/../tests/faults/sweep}
work=$(mktemp -d)
export REGSTORE REGSTORE_IMAGE="${REGSTORE_IMAGE:-$work/image}"

finish() {
    sh "$here/rgw-down.sh" "$work/rgw"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

bail_out() {
    echo "Bail out! $*"
    exit 1
}
for tool in ceph-mon ceph-osd ceph radosgw radosgw-admin curl faketime python3 umoci openssl; do
    command -v "$tool" >/dev/null || bail_out "$tool is missing:" \
        "apt-get install ceph-mon ceph-osd ceph-common radosgw curl faketime python3 umoci openssl," \
        "or leave this suite out: meson configure -Dleave_out=rgw"
done
[ -x "$REGSTORE" ] || bail_out "no command at $REGSTORE: meson compile first"
{ sh "$here/rgw-up.sh" "$work/rgw" $$ && sh "$here/make-image.sh" "$REGSTORE_IMAGE" 300; } 2>&1 |
    sed 's/^/# /'
[ -r "$work/rgw/env" ] || bail_out "no server: see above"
[ -e "$REGSTORE_IMAGE/complete" ] || bail_out "no image: see above"
set -a
# shellcheck disable=SC1091 # written by rgw-up.sh
. "$work/rgw/env"
set +a

# Another radosgw, with a certificate that ca_bundle alone makes good; one for all parts.
over_https() {
    grep -q '^RGW_TLS_ENDPOINT=' "$work/rgw/env" ||
        sh "$here/rgw-more.sh" "$work/rgw" tls || return 1
    # shellcheck disable=SC1091 # rgw-more.sh has added to it
    . "$work/rgw/env"
}

# The whole suite over https.
conformance_tls() {
    over_https || return 1
    (umask 077 && sed -e "s,^\( *\)endpoint_url: .*,&\n\1ca_bundle: $RGW_TLS_CA," \
        -e "s,$RGW_ENDPOINT,$RGW_TLS_ENDPOINT," "$RGW_CONFIG" >"$work/tls.yaml")
    conforms "$work/tls.yaml"
}

# A proxy before it that cuts, holds and splits what goes through: of TLS it sees records alone.
faults_tls() {
    over_https || return 1
    leaving_nothing env REGSTORE_TEST_ENDPOINT="$RGW_TLS_ENDPOINT" REGSTORE_TEST_CA="$RGW_TLS_CA" \
        REGSTORE_TEST_ROLE="$RGW_ROLE_ARN" "$REGSTORE_SWEEP" --workers 8 \
        --journey '@(small|large|pull|list|delete many|copy)' || return 1
    echo "ok - whatever is cut, held or split below TLS, each journey ends well"
}

conforms() {
    leaving_nothing "$REGSTORE" --config "$1" --location s3 conformance --own-store --tap
}

# What the conformance suite's calls that are cut off may have left (COM-3) is none of the next
# part's.
leaving_nothing() {
    status=0
    "$@" || status=$?
    sleep 2 # then all of it is older than a second
    "$REGSTORE" --config "$RGW_CONFIG" --location s3 purge --older-than 1s || status=$?
    return "$status"
}

part() {
    case $1 in
    conformance) conforms "$RGW_CONFIG" ;;
    conformance-tls) conformance_tls ;;
    faults-tls) faults_tls ;;
    sessions) sh "$here/sessions.sh" ;;
    web-identity) leaving_nothing sh "$here/web-identity.sh" ;;
    check) sh "$here/check-explains.sh" ;;
    policy) leaving_nothing sh "$here/policy.sh" ;;
    secrets) sh "$here/secrets.sh" ;;
    writing) sh "$here/writing.sh" ;;
    push-*) sh "$here/push-image.sh" "${1#push-}" ;;
    kill9-*) sh "$here/kill9.sh" "${1#kill9-}" ;;
    *) echo "no part is called '$1'; there are: $every" && false ;;
    esac
}

# The claims of all parts become one numbered sequence; all else that they say is a comment.
# shellcheck disable=SC2086 # several words
[ $# -gt 0 ] || set -- $every
for name; do
    echo "# $name"
    start=$(date +%s)
    { part "$name" </dev/null || echo "not ok - $name came to its end"; } 2>&1 |
        sed -u -E -e '/^1\.\.[0-9]/d' -e 's/^((not )?ok)( [0-9]+)? (- )?/\1 - /' \
            -e '/^(not )?ok /!s/^/# /' | tee -a "$work/tap"
    echo "# $name took $(($(date +%s) - start)) s"
done
echo "1..$(grep -cE '^(not )?ok ' "$work/tap")"
! grep -q '^not ok ' "$work/tap"
