#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: compiles.sh FOLDER-OF-THE-HEADER[:FOLDER] COMPILER STANDARD [FILE]
# FILE, or without one a file that holds nothing but the header, compiles without a warning. FILE may
# be a header itself.
set -eu

include=$1 compiler=$2 standard=$3 file=${4:-}

if ! command -v "$compiler" >/dev/null; then
    case $compiler in
    clang*) package=clang ;;
    *) package=$compiler ;;
    esac
    echo "$compiler is missing, and the header must be compiled with it: apt-get install $package"
    exit 1
fi

case $standard in
c++*) language=c++ ;;
*) language=c ;;
esac
set -- -x "$language" "-std=$standard" -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
    "-I${include%%:*}" "-I${include#*:}"
# clang's -Wpadded says nothing of a struct that nobody uses.
case $compiler in
gcc | g++) set -- "$@" -Wpadded ;;
esac
if [ -n "$file" ]; then
    exec "$compiler" "$@" "$file"
fi
echo '#include "regstore.h"' | "$compiler" "$@" -
