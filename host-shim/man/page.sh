#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# page.sh SCDOC PAGE [SETTINGS PLUGIN]: a man page from its source; the line @SETTINGS@ in it becomes
# the plugin's own table, which `regstore inspect` prints too. No name is hyphenated at a line's end:
# scdoc says so before .TH, which makes groff forget it.
set -eu
table=
[ $# -eq 2 ] || table=$("$3" "$4") # in a pipe its failure would be lost
page=$({
    sed '/^@SETTINGS@$/,$d' "$2"
    printf '%s\n' "$table"
    sed '1,/^@SETTINGS@$/d' "$2"
} | "$1")
printf '%s\n' "$page" | sed '/^\.TH /a\
.nh'
