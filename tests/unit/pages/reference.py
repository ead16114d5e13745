#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reference.py SOURCES BUILD PAGES PLUGIN LIBRARY COMPILER...: the pages of the headers and of who
writes a plugin say all that the headers say, name nothing else, and their programs run.  The headers
are read here by other means than by what makes the pages."""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import roff  # pylint: disable=wrong-import-position

RULE = r"[A-Z]+-\d+"
NO_RULES = {"UTF-8", "TAP-13"}
COLUMNS = 69  # of 80: the rest is the margin of a block that stands line by line

# Of dlopen(3), and of other programs.
STRANGERS = {"RTLD_NOW", "RTLD_LOCAL", "--cflags", "--libs", "--variable", "--exclude-libs"}

sources, build, man, plugin, library = (Path(one).resolve() for one in sys.argv[1:6])
compiler = sys.argv[6:]
claims = 0


def claim(holds, words, missing=()):
    global claims
    claims += 1
    print(f"{'ok' if holds else 'not ok'} {claims} - {words}")
    for one in () if holds else missing:
        print(f"# {one}")


# --- the headers ---

def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def tight(code):
    """C without the blanks that mean nothing."""
    return re.sub(r"\s*([^\w\s])\s*", r"\1", " ".join(code.split()))


def paragraphs(text):
    """What the comments say, as (name or "", words): a blank line, a rule and a heading of the
    column of names each begin anew."""
    for comment in re.findall(r"(?:[^\n]*(?=/\*))?/\*.*?\*/", text, flags=re.S):
        if re.match(r"#define REGSTORE_\w+ +\d+ ", comment) and is_status(comment.split()[1]):
            continue  # the page has the manual's words for these
        comment = comment[comment.index("/*"):]
        lines = [re.sub(r"^(/\*| *\*(?!/))? ?|\s*\\?$", "", line)
                 for line in re.sub(r"\s*\\?\s*\*/$", "", comment).split("\n")]
        said = []
        for line in [*lines, ""]:
            named = re.match(rf"({RULE}|[A-Z][a-z]+)  +", line)
            if (named or not line.strip()) and said:
                yield said[0], " ".join(" ".join(said[1:]).split())
                said = []
            if named:
                said = [named[1], line[named.end():]]
            elif said or re.match(r" ?\S", line): # else it is a drawing
                said = [*(said or [""]), line]


def is_status(name):
    return name in statuses


class Header:
    def __init__(self, path):
        self.text = path.read_text()
        self.code = without_comments(self.text)
        self.structs = {name: [one.strip() + ";" for one in body.split(";") if one.strip()] for
                        name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", self.code,
                                                 re.S | re.M)}
        self.functions = re.findall(r"^REGSTORE_EXPORT ([^;]*;)", self.code, re.M)
        self.numbers = dict(re.findall(r"^#define (REGSTORE_\w+)[ \t]+([0-9]\w*|\".*?\")", self.code,
                                       re.M))
        self.rules = re.findall(rf"^ *(?:/\*| \*|\*) +({RULE})  +\S", self.text, re.M)
        self.about = re.findall(r"/\*.*?\*/", self.text, re.S)[1]
        # Without the licence; and what the header is, the page says in its own words.
        self.body = re.sub(rf"^ \* {re.escape(path.name)}[:,].*?\n \*\n", " *\n",
                           self.text.split("*/", 1)[1], count=1, flags=re.S | re.M)


class Page:
    def __init__(self, name):
        path = man / name
        self.name, self.words, self.bold = name, roff.plain(path), roff.bold(path)
        self.literals = roff.literals(path)
        self.code = tight(without_comments(" ".join(self.literals)))
        self.sections = dict(re.findall(r"^\.SH (.*?)\n(.*?)(?=^\.SH |\Z)", roff.read(path),
                                        re.S | re.M))


abi_text = (sources / "abi/regstore.h").read_text()
statuses = re.findall(r"^#define (REGSTORE_\w+) +\d+",
                      abi_text[abi_text.index("#define REGSTORE_OK"):
                               abi_text.index("#define REGSTORE_LOG_")], re.M)
abi = Header(sources / "abi/regstore.h")
host = Header(sources / "host-shim/regstore-host.h")
policy = Header(sources / "host-shim/regstore-policy.h")
manual = (sources / "abi/README.md").read_text()
names = ["regstore.1", "regstore.h.3", "regstore-host.h.3", "STSS3Storage.5", "LocalStorage.5",
         "regstore-plugin.7"]
pages = {name: Page(name) for name in names}


# --- what the pages have ---

def claim_complete(page, header):
    name = f"{page.name} has "
    lost = [one for one in header.functions if tight(one) not in page.code]
    table = [one for one in header.structs.get("regstore_plugin", []) if "(*" in one]
    places = [page.code.find(tight(one)) for one in table]
    lost += [one for one, place in zip(table, places) if place < 0]
    if header.functions:
        claim(not lost, name + f"each of {len(header.functions) + len(table)} functions as its "
              "header declares it", lost)
    if table:
        claim(places == sorted(places), name + "the functions of the table in their order")

    lost = []
    for struct, fields in header.structs.items():
        if struct == "regstore_plugin":
            fields = fields[:len(fields) - len(table)]
        if tight(f"struct {struct} {{" + "".join(fields)) not in page.code:
            lost.append(struct)
    claim(not lost, name + f"each of {len(header.structs)} structs, field by field", lost)

    lost = [f"{one} {value}" for one, value in header.numbers.items()
            if f"{one} ({value.rstrip('u')})" not in page.words]
    claim(not lost, name + f"each of {len(header.numbers)} constants with its value", lost)

    lost = [one for one in header.rules if page.bold.count(one) == 0]
    if header.rules:
        claim(not lost, name + f"each of {len(header.rules)} rules", lost)

    said = [f"{one} {words}".strip() for one, words in paragraphs(header.body)]
    lost = [words for words in said if words not in page.words]
    claim(len(said) > 5 and not lost, name + f"each of {len(said)} paragraphs of its comments", lost)


claim(len(abi.structs) > 15 and len(abi.numbers) > 50 and len(abi.rules) > 40 and
      len(host.functions) > 10, "the headers were understood")
claim_complete(pages["regstore.h.3"], abi)
claim_complete(pages["regstore-host.h.3"], host)
claim_complete(pages["regstore-host.h.3"], policy)

life = roff.decoded(pages["regstore.h.3"].sections["THE LIFE OF AN UPLOAD"])
states = set(re.findall(r"\b[A-Z]{4,}\b", abi.about))
lost = sorted(one for one in states if not re.search(rf"\b{one}\b", life))
claim({"OPEN", "SEALED", "LOST"} < states and not lost, "regstore.h.3 draws the life of an upload "
      "with each state and status of the header's drawing", lost)

rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*?) \|", manual, re.M)
lost = [name for number, name, meaning in rows
        if f"REGSTORE_{name} ({number}) {meaning[0].upper()}{meaning[1:]}.".replace("`", "")
        not in pages["regstore.h.3"].words]
claim([f"REGSTORE_{name}" for _, name, _ in rows] == statuses and not lost,
      f"regstore.h.3 has each of {len(rows)} statuses with what the manual says of it", lost)


# --- what they must not have ---

def strange_names(page, known):
    """Names of the headers' kinds in the page that are in none."""
    words = "\n".join([page.words, *page.bold])
    for name in sorted(set(re.findall(r"\b[A-Za-z]\w*_\w*\w\b", words))):
        if not known & {name, f"REGSTORE_{name}", f"regstore_host_{name}"}:
            yield name
    for rule in sorted(set(re.findall(rf"\b{RULE}\b", words)) - set(abi.rules) - NO_RULES):
        yield rule


def names_in(text):
    found = set(re.findall(r"\w+", text))
    # Sentences of the headers leave the beginning of a constant away: AFTER_SUBTREE.
    return found | {tail for one in found if one.startswith("REGSTORE_")
                    for tail in (one.split("_", at)[-1] for at in range(1, one.count("_")))}


def examples(page):
    return {block for block in page.literals if "int main(" in block}


for name, texts in {"regstore.h.3": [abi.text, manual], "regstore-host.h.3":
                    [abi.text, host.text, policy.text], "regstore-plugin.7": [abi.text, host.text]
                    }.items():
    page = pages[name]
    for block in examples(page): # a compiler looks at these
        page.words = page.words.replace(" ".join(block.split()), "")
    strange = list(strange_names(page, names_in(" ".join(texts)) | STRANGERS))
    claim(not strange, f"{name} names nothing that the headers lack", strange)

odd = [f"{page.name}: {word}" for page in pages.values() for word in
       re.findall(r"\S*__\S*|\S*\w_(?=[\s.,:;)])", page.words)]
claim(not odd, "no page shows its markup", odd)
texts = {name: roff.read(man / name) for name in names}
torn = [name for name, text in texts.items() if not re.search(r"^\.TH .*\n\.nh$", text, re.M) or
        re.search(r"\\fB(\\[^f]|[^\\])*?(?<!\\)-", text)]
claim(not torn, "no name is torn at a line's end", torn)
dressed = [name for name, text in texts.items() for block in
           re.findall(r"^\.nf\n(.*?)^\.fi$", text, re.S | re.M) if re.search(r"'|(?<!\\)-", block)]
claim(not dressed, "what stands line by line can be copied", dressed)
wide = [f"{page.name}: {line}" for page in pages.values() for block in page.literals
        for line in block.split("\n") if len(line) > COLUMNS]
claim(not wide, "what stands line by line fits a terminal of 80 columns", wide)

lost = []
for page in pages.values():
    seen = {f"{one}.{section}" for one, section in
            re.findall(r"([\w.-]+)\((\d)\)", roff.decoded(page.sections["SEE ALSO"]))}
    lost += [f"{page.name} does not name {one}" for one in names if one not in seen | {page.name}]
claim(not lost, "each page names the others under SEE ALSO", lost)


# --- the page of who writes a plugin ---

author = pages["regstore-plugin.7"]
rules = [roff.decoded(one) for one in re.findall(r"^\\fB(.*)\\fR$", author.sections["RULES"], re.M)]
claim(rules == abi.rules, "regstore-plugin.7 has one line for each rule, in their order",
      sorted(set(rules) ^ set(abi.rules)))

said = subprocess.run([build / "host-shim/regstore", "conformance", "--list", "--json"], check=True,
                      capture_output=True)
families = list(dict.fromkeys(test["family"] for test in json.loads(said.stdout)["tests"]))
told = re.findall(r"\\fI(\w+)\\fR", author.sections["PROOF"].split("families are:")[1]
                  .split("\n.P\n")[1])
claim(told == families, f"regstore-plugin.7 names the {len(families)} families of the suite in "
      "their order", sorted(set(told) ^ set(families)))

helps = "".join(subprocess.run([build / "host-shim/regstore", *words, "--help"], check=True,
                               capture_output=True, text=True).stdout
                for words in ([], ["conformance"]))
option = r"(?<![\w-])--[a-z][a-z-]*"
strange = sorted(set(re.findall(option, author.words)) - set(re.findall(option, helps)) - STRANGERS)
claim(not strange, "regstore-plugin.7 has no option that --help lacks", strange)


# --- their programs ---

def bounded():
    """A program that has no end fills no disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))


def run(command, **more):
    with open("said", "w+", encoding="utf-8") as said, open("told", "w+", encoding="utf-8") as told:
        done = subprocess.run(command, stdout=said, stderr=told, check=False, preexec_fn=bounded,
                              **more)
        said.seek(0)
        told.seek(0)
        return done.returncode, said.read(), told.read()


def program(page, name, *arguments):
    """The page's example, made by the compiler of this build; what the compiler said of it."""
    (block,) = examples(page)
    source = Path(f"{name}.c")
    source.write_text(block)
    return run([*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{sources / 'abi'}",
                f"-I{sources / 'host-shim'}", "-o", name, str(source), *arguments])


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.mkdir("blobs")
    made = program(pages["regstore.h.3"], "host")
    claim(made[0] == 0, "the host of regstore.h.3 compiles without a warning", made[2].split("\n"))
    ran = run(["./host", plugin, f"{folder}/blobs"]) if made[0] == 0 else made
    claim(ran == (0, "Hello, world\n", ""), "it stores a blob in two steps, and reads it back",
          [repr(ran)[:200]])
    ran = run(["./host", plugin, f"{folder}/nowhere/at/all"]) if made[0] == 0 else made
    claim(ran[0] == 1 and "status" in ran[2], "it says what fails", [repr(ran)[:200]])

    made = program(pages["regstore-host.h.3"], "keys", str(library), f"-Wl,-rpath,{library.parent}")
    claim(made[0] == 0, "the program of regstore-host.h.3 compiles without a warning",
          made[2].split("\n"))
    Path("config.yaml").write_text("DISTRIBUTED_STORAGE_CONFIG:\n  files:\n    - LocalStorage\n"
                                   f"    - storage_path: {folder}/blobs\n")
    ran = run(["./keys", "config.yaml"], env={**os.environ, "REGSTORE_PLUGIN_DIR":
                                              str(plugin.parent)}) if made[0] == 0 else made
    claim(ran == (0, "13 example/hello\n", ""), "it lists what the host of regstore.h.3 has stored",
          [repr(ran)[:200]])

    Path("only.c").write_text('#include <regstore.h>\nint other(void);\n'
                              'int other(void) { return 0; }\n'
                              'REGSTORE_EXPORT const struct regstore_plugin *regstore_plugin_v1(void)'
                              '\n{ return (void *)0; }\n')
    block = next(one for one in author.literals if "-shared" in one)
    line = re.sub(r"^cc\b", " ".join(compiler), block).replace(
        "$(pkg-config --cflags regstore)", f"-I{sources / 'abi'}").replace("*.c", "only.c")
    made = run(["sh", "-c", line])
    exported = run(["nm", "-D", "--defined-only", "Name.so"])[1].split()[2::3]
    flags = run(["readelf", "-d", "Name.so"])[1]
    claim(made[0] == 0 and exported == ["regstore_plugin_v1"] and "NODELETE" in flags,
          "the command of regstore-plugin.7 makes a module that exports its entry alone and stays",
          [made[2], " ".join(exported)])
    os.chdir("/")
print(f"1..{claims}")
