#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reference.py PAGE MANUAL HEADER...: prints PAGE, the source of a man page, with what the headers
and the manual say in the place of each line

    @FUNCTIONS NAME...@   functions, or slots of the table, with the words beside them
    @STRUCT NAME@         its declaration, and what its fields mean
    @FLAGS PREFIX...@     numbers whose names begin so, which belong to the struct above
    @CONSTANTS PREFIX...@ numbers whose names begin so
    @RULES KIND...@       numbered rules, as UP for UP-1 to UP-4; or one of the header's headings
    @OPAQUE NAME@         what is said of a struct that only the library sees into
    @ABOUT HEADER@        what the header says of itself, after its first sentence
    @STATUSES@            the manual's table of statuses
    @SOURCE FILE@         a program beside the page"""
import re
import sys
import textwrap
from pathlib import Path

sys.dont_write_bytecode = True
from header import Header  # pylint: disable=wrong-import-position

COLUMNS = 68  # of a declaration: what a terminal of 80 columns has left beside the margins


def marked_up(text):
    """A paragraph of a comment as scdoc wants it, with names in bold."""
    text = re.sub(r"[\\*_<>\[\]#~]", r"\\\g<0>", text)
    text = re.sub(r"\w(?:\w|\\_)*", lambda word: f"*{word.group()}*"
                  if word.group().replace("\\", "") in names else word.group(), text)
    return re.sub(r"^[-|;.!`@]", r"\\\g<0>", text)


def folded(declaration, indent=""):
    """One declaration, its parameters folded."""
    head, bracket, parameters = declaration.rpartition("(")
    lines = [indent + head + bracket]
    for word in re.findall(r"[^,]+,?", parameters) if bracket else []:
        word = word.strip()
        blank = "" if lines[-1].endswith("(") else " "
        if len(lines[-1]) + len(blank) + len(word) <= COLUMNS:
            lines[-1] += blank + word
        else:
            lines.append(indent + "    " + word)
    return lines if bracket else [indent + declaration]


def bold(name):
    return "*" + re.sub("_", r"\\_", name) + "*"


def literal(lines):
    return ["```", *(line.replace("\\", r"\\") for line in lines), "```", ""]


def defined(term, paragraphs, indent=""):
    """A term and what is said of it."""
    lines = [indent + term]
    for paragraph in paragraphs:
        lines += [indent + "\t" + marked_up(paragraph), ""]
    return lines if paragraphs else [indent + term, ""]


def functions(*wanted):
    for name in wanted:
        declaration, comment = callables[name]
        yield from [bold(name), *literal(folded(declaration))]
        for paragraph in comment.prose:
            yield from ["\t" + marked_up(paragraph), ""]


def opened(name, note):
    """The first lines of a struct, with the note behind its brace."""
    whole = f"struct {name} {{" + "".join(f" /* {words} */" for words in note)
    if len(whole) <= COLUMNS:
        return [whole]
    lines = textwrap.wrap(f"/* {note[0]} */", COLUMNS - 4, subsequent_indent=" * ")
    return [f"struct {name} {{", *("    " + line for line in lines)]


def struct(name):
    it = structs[name]
    for paragraph in it.comment.prose:
        yield from [marked_up(paragraph), ""]
    data = [field for field in it.fields if name != "regstore_plugin" or not field.is_function]
    lines = opened(name, it.note.prose)
    for field in data:
        lines += folded(field.declaration, "    ")
    if len(data) < len(it.fields):
        lines.append("    /* and the functions below, in their order */")
    yield from literal([*lines, "};"])
    for field in data:
        if field.comment.prose:
            yield from defined(", ".join(map(bold, field.names)), field.comment.prose, "\t")


def constants(*prefixes, indent=""):
    """Those without a comment come several in a line."""
    bare = []
    for name, (value, comment) in numbers.items():
        if not name.startswith(prefixes):
            continue
        term = f"{bold(name)} ({value.rstrip('u')})"
        if comment.prose:
            yield from defined(", ".join(bare), [], indent) if bare else []
            yield from defined(term, comment.prose, indent)
            bare = []
        else:
            bare.append(term)
    yield from defined(", ".join(bare), [], indent) if bare else []


def flags(*prefixes):
    return constants(*prefixes, indent="\t")


def rules(*kinds):
    for kind in kinds:
        found = [name for name in entries if name == kind or name.startswith(kind + "-")]
        for name in found:
            yield from defined(f"*{name}*", [entries[name]])
        if not found:
            raise KeyError(kind)


def about(name):
    for paragraph in abouts[name].prose[1:]:
        yield from [marked_up(paragraph), ""]


def opaque(name):
    for paragraph in hidden[name].prose:
        yield from [marked_up(paragraph), ""]


def statuses():
    with open(manual, encoding="utf-8") as file:
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", file.read(), re.M)
    for number, name, meaning, who, registry in rows:
        said = meaning[0].upper() + meaning[1:] + "."
        if who != "-":
            said += f" Who retries: {who}."
        if registry != "-":
            said += f" A registry: {registry}."
        yield from defined(f"{bold('REGSTORE_' + name)} ({number})", [said.replace("`", "")])
    if not rows:
        raise KeyError("the manual's table of statuses")


def source(name):
    text = (Path(page).parent / name).read_text(encoding="utf-8")
    text = re.sub(r"^/\* SPDX-License-Identifier: .* \*/\n", "", text)
    return literal(text.rstrip("\n").split("\n"))


def main():
    verbs = {"FUNCTIONS": functions, "STRUCT": struct, "FLAGS": flags, "CONSTANTS": constants,
             "RULES": rules, "OPAQUE": opaque, "ABOUT": about, "STATUSES": statuses, "SOURCE": source}
    with open(page, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            asked = re.fullmatch(r"@([A-Z]+)((?: [\w.-]+)*)@", line)
            if not asked:
                print(line)
                continue
            try:
                print("\n".join(verbs[asked[1]](*asked[2].split())).rstrip("\n"))
            except KeyError as missing:
                sys.exit(f"{page}: {line}: there is no {missing}")


page, manual, *paths = sys.argv[1:]
headers = [Header(path) for path in paths]
structs = {name: one for header in headers for name, one in header.structs.items()}
callables = {field.names[0]: (field.declaration, field.comment)
             for one in structs.values() for field in one.fields if field.is_function}
callables.update(pair for header in headers for pair in header.functions.items())
hidden = {name: one for header in headers for name, one in header.opaque.items()}
numbers = {name: one for header in headers for name, one in header.constants.items()}
entries = {name: one for header in headers for name, one in header.entries.items()}
abouts = {path.rpartition("/")[2]: header.about for path, header in zip(paths, headers)}
names = {name for header in headers for name in header.names()}
main()
