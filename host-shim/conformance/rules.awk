# SPDX-License-Identifier: Apache-2.0
# regstore.h -> the initialisers of suite_rules: each rule with the header's own words.
function put() {
    if (name == "")
        return
    gsub(/"/, "\\\"", text)
    printf "{\"%s\", \"%s\"},\n", name, text
    name = ""
}
{
    line = $0
    is_last = sub(/ *\*\/ *$/, "", line)
}
# A rule begins a line of a comment, with two blanks or more behind its name.
line ~ /^ *(\/\*|\*) +[A-Z]+-[0-9]+  +[^ ]/ {
    put()
    match(line, /[A-Z]+-[0-9]+/)
    name = substr(line, RSTART, RLENGTH)
    text = substr(line, RSTART + RLENGTH)
    sub(/^ +/, "", text)
    if (is_last)
        put()
    next
}
# It goes on where the words are as far to the right.
name != "" && line ~ /^ *\*          +[^ ]/ {
    sub(/^ *\* +/, "", line)
    text = text " " line
    if (is_last)
        put()
    next
}
{ put() }
END { put() }
