#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# page.sh SCDOC PAGE [SETTINGS PLUGIN]: a man page from its source; the line @SETTINGS@ in it becomes
# the plugin's own table, which `regstore inspect` prints too. What scdoc does not see to:
# - No name is torn at a line's end. It says .nh before .TH, which makes groff forget it, and a bold
#   name is torn at its own hyphens.
# - Code can be copied: everywhere but on Debian - and a quote are shown as typographers like them.
set -eu
table=
[ $# -eq 2 ] || table=$("$3" "$4") # in a pipe its failure would be lost
page=$({
    sed '/^@SETTINGS@$/,$d' "$2"
    printf '%s\n' "$table"
    sed '1,/^@SETTINGS@$/d' "$2"
} | "$1")
printf '%s\n' "$page" | sed '
/^\.TH /a\
.nh
/^\.nf$/,/^\.fi$/ {
    s/-/\\-/g
    s/'\''/\\(aq/g
}
: bold
s/\(\\fB\(\\[-&]\|[^\\-]\)*\)-/\1\\-/
t bold'
