#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh [COMPILER...]: what can be said of the sources without running them. Prints TAP.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- cc
command -v shellcheck >/dev/null || { echo "Bail out! apt-get install shellcheck"; exit 1; }

# files NAME-PATTERN...: of the project, without what is built.
files() {
    for pattern; do
        find . \( -name .git -o -path './build*' \) -prune -o -type f -name "$pattern" -print
    done | sort
}

count=0
failed=0
# claim TEXT FINDINGS: it holds when nothing was found.
claim() {
    count=$((count + 1))
    if [ -z "$2" ]; then
        echo "ok $count - $1"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $count - $1"
    printf '%s\n' "$2" | head -n 30 | sed 's/^/# /'
}

scripts="$(files '*.sh') ./.ci/run"
c_files=$(files '*.c' '*.h' '*.cc' '*.hh')
sources="$c_files $scripts $(files 'meson.build')"

# lines_with REGEX FILE...
lines_with() {
    LC_ALL=C.UTF-8 grep -nE "$@" /dev/null | cut -c 1-90 || true
}

without_licence() {
    for file in $sources; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
    done
}
claim "each source names its licence in its first lines" "$(without_licence)"

too_long() {
    for file in $sources; do
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || echo "$file: $lines lines"
    done
}
claim "no source has more than 600 lines" "$(too_long)"

# shellcheck disable=SC2086 # several files, here and below
claim "no line of C has more than 100 columns" "$(lines_with '^.{101,}' $c_files)"
# shellcheck disable=SC2086
claim "no tab indents, and no blank ends a line" \
    "$(lines_with "[[:blank:]]\$|^ *$(printf '\t')" $sources)"
unsafe='\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|alloca|localtime|gets)\('
# shellcheck disable=SC2086
claim "no function that cannot be used safely" "$(lines_with "$unsafe" $c_files)"

strangers() {
    for entry in * .[!.]*; do
        case $entry in
        abi | plugin | host-shim | tests | build* | .*) ;;
        meson.build | meson_options.txt | README.md | LICENSE) ;;
        *) echo "$entry" ;;
        esac
    done
}
claim "the top level has only the agreed entries" "$(strangers)"

refused_by_sh() {
    for script in $scripts; do
        sh -n "$script" 2>&1 || echo "$script"
    done
}
claim "sh reads each script" "$(refused_by_sh)"

# shellcheck disable=SC2086
claim "shellcheck has nothing to say" \
    "$(shellcheck -s dash -x -P SCRIPTDIR -f gcc $scripts 2>&1 || true)"

# Both plugins have a store.h: what speaks of local files sees theirs.
not_alone() {
    for header in $(files '*.h'); do
        plugin=plugin/sts-s3
        case $header in */local/* | */mutants/*) plugin=plugin/local ;; esac
        "$@" -std=gnu11 -fsyntax-only -D_GNU_SOURCE -Iabi -Ihost-shim -Iplugin/common -I$plugin \
            -Itests/unit/http -x c "$header" 2>&1 || echo "$header"
    done
    for header in $(files '*.hh'); do
        "$@" -std=c++17 -fsyntax-only -Iabi -x c++ "$header" 2>&1 || echo "$header"
    done
}
claim "each header compiles alone" "$(not_alone "$@")"

missing_in_readme() {
    # shellcheck disable=SC2016 # these are backticks
    paths=$(grep -oE '`(abi|plugin|host-shim|tests)/[A-Za-z0-9_./-]*' README.md | tr -d '`')
    for path in $paths; do
        [ -e "$path" ] || echo "$path"
    done
}
claim "README.md names only files that there are" "$(missing_in_readme)"

echo "1..$count"
[ "$failed" -eq 0 ]
