#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite on LocalStorage, in a folder of its own: local.sh REGSTORE PLUGIN [ARG...]
set -eu
. "$(dirname "$0")/reports.sh"
regstore=$1
plugin=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
mkdir "$folder/blobs"
reports_into "$folder/reports"
status=0
"$regstore" --plugin "$plugin" --set storage_path="$folder/blobs" conformance --jobs 2 --tap "$@" ||
    status=1
no_reports || status=1
left=$(find "$folder/blobs" -mindepth 1 | head -n 3)
[ -z "$left" ] || { echo "Bail out! files are left behind: $left"; exit 1; }
exit "$status"
