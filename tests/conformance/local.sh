#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite on LocalStorage, in a folder of its own: local.sh REGSTORE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
"$1" --plugin "$2" --set storage_path="$folder" conformance --jobs 2 --tap
left=$(find "$folder" -mindepth 1 | head -n 3)
[ -z "$left" ] || { echo "Bail out! files are left behind: $left"; exit 1; }
