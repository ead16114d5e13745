# SPDX-License-Identifier: Apache-2.0
"""What a header of regstore's says: its structs, functions, constants and numbered rules, each with
the words of the comment beside it.  It reads the one style in which these headers are written."""
import re

# "KEY-1    1 to ..." and "Arguments     No pointer ...": a name, then what it says, in a column.
ENTRY = re.compile(r"([A-Z]+-\d+|[A-Z][a-z]+) {2,}(\S.*)")
COLUMN = " " * 8
TOKEN = re.compile(r"(?P<comment>/\*.*?\*/)|(?P<code>[^;/]+;)", re.S)


class Comment:
    """entries: (name, text) in order.  prose: the paragraphs that are no entry.  Drawings, which
    are indented, are in neither."""

    def __init__(self, text=""):
        self.entries, self.prose = [], []
        into = None  # "entry" or "prose" that the next line may go on with
        for line in re.sub(r"\\\n", "\n", text[2:-2]).split("\n"):
            line = re.sub(r"^\s*\* ?|^ (?=\S)", "", line).rstrip()
            entry = ENTRY.fullmatch(line)
            if entry:
                if into == "prose" and self.prose[-1].endswith(":"):
                    self.prose.pop()  # a heading of what follows
                self.entries.append(entry.groups())
                into = "entry"
            elif into == "entry" and line.startswith(COLUMN):
                name, said = self.entries[-1]
                self.entries[-1] = (name, said + " " + line.strip())
            elif not line.strip() or line.startswith("  "):
                into = ""
            elif into == "prose":
                self.prose[-1] += " " + line.strip()
            else:
                self.prose.append(line.strip())
                into = "prose"

    def take(self, other):
        self.entries += other.entries
        self.prose += other.prose


def one_line(declaration):
    return re.sub(r"(?<=\*) (?=\w)|(?<=\() ", "", " ".join(declaration.split()))


class Field:
    def __init__(self, declaration, comment):
        self.declaration, self.comment = one_line(declaration), comment
        function = re.search(r"\(\*(\w+)\)\(", self.declaration)
        self.is_function = bool(function)
        self.names = [function.group(1)] if function else [
            re.search(r"(\w+)(\[\w+\])?$", one.strip()).group(1)
            for one in self.declaration.rstrip(";").split(",")]


class Struct:
    """note: what stands behind its opening brace.  comment: what stands before it."""

    def __init__(self, name, body, comment):
        self.name, self.comment, self.fields, self.note = name, comment, [], Comment()
        waiting = Comment()
        for token in TOKEN.finditer(body):
            line = body[:token.start()].rpartition("\n")[2]
            if token["code"]:
                self.fields.append(Field(token["code"], waiting))
                waiting = Comment()
            elif ";" in line:
                self.fields[-1].comment.take(Comment(token["comment"]))
            elif "\n" not in body[:token.start()]:
                self.note = Comment(token["comment"])
            else:
                waiting.take(Comment(token["comment"]))


class Header:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        before = r"(?:^(/\*(?:(?!\*/).)*\*/)\s*)?"
        about = re.findall(r"/\*.*?\*/", text, re.S)[1]
        self.about = Comment(about)
        self.structs = {
            name: Struct(name, body, Comment(said))
            for said, name, body in re.findall(before + r"^struct (\w+) \{(.*?)^\};", text,
                                               re.S | re.M)}
        self.opaque = {name: Comment(said) for said, name in
                       re.findall(before + r"^struct (\w+);", text, re.S | re.M)}
        self.functions = {}
        for said, declaration in re.findall(before + r"^REGSTORE_EXPORT ([^;]+;)", text,
                                            re.S | re.M):
            name = re.search(r"(\w+)\(", declaration).group(1)
            self.functions[name] = (one_line(declaration), Comment(said))
        self.constants = {
            name: (value, Comment(said)) for name, value, said in
            re.findall(r"^#define (REGSTORE_\w+)[ \t]+([0-9]\w*|\"[^\"]*\")[ \t]*(/\*.*?\*/)?",
                       text, re.S | re.M)}
        self.entries = {}
        for said in re.findall(r"/\*.*?\*/", text, re.S):
            if said != about:
                self.entries.update(Comment(said).entries)

    def names(self):
        """What the page shows as names in running text: what no word of a sentence looks like."""
        of_fields = {name for struct in self.structs.values() for field in struct.fields
                     for name in field.names if "_" in name}
        return of_fields | {*self.functions, *self.constants, *self.structs, *self.opaque}
