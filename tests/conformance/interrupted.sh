#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each family on LocalStorage, stopped at some moment: interrupted.sh REGSTORE PLUGIN INTERRUPTED.PY
# From the environment: TIMES, if other than once a family.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
LEFT="find '$folder'" python3 "$3" "${TIMES:-22}" "$1" --plugin "$2" --set storage_path="$folder" \
    conformance
