#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""signals.py ROOT: what the plugins log and measure is what plugin/SIGNALS.md says, and the other
way round: names, levels, labels and fields. Prints TAP."""
import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
ROW = re.compile(r"^\| `([a-z_]+)` \| ([a-z, ]+) \| ([^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|$", re.M)
LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error"}
KINDS = {"plug_count": "count", "plug_time": "time", "plug_set": "gauge"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def arguments(text, start):
    """The text between a call's parentheses, of which start is behind the first."""
    depth, at = 1, start
    while depth:
        if text[at] == '"':
            at = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at).end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start:at - 1]


def keys(call):
    """The names of the pairs in PLUG_FIELDS; a pair by the name of `operation` has that name."""
    fields = call.partition("PLUG_FIELDS(")[2]
    found = re.findall(r'\{"([a-z_]+)"', fields)
    if re.search(r"\(operation,|&operation\b", call):
        found.insert(0, "operation")
    return found


def sources(plugin):
    folders = [root / "plugin" / plugin, root / "plugin" / "common"]
    for path in sorted(p for folder in folders for p in folder.glob("*.[ch]")):
        yield path, without_comments(path.read_text())


def told(plugin):
    """name -> (kinds or levels, labels or fields), as the code has them."""
    metrics, events = {}, {}
    names = {}
    for path, text in sources(plugin):
        names.update(re.findall(r'^#define (PLUG_[A-Z_]+)\s+"(regstore_[a-z_]+)"', text, re.M))
    for path, text in sources(plugin):
        for m in re.finditer(r"\b(plug_count|plug_time|plug_set)\(", text):
            call = arguments(text, m.end())
            name = re.search(r'"(regstore_[a-z_]+)"', call)
            if name:
                entry = metrics.setdefault(name.group(1), (set(), set()))
                entry[0].add(KINDS[m.group(1)])
                entry[1].update(keys(call))
        for m in re.finditer(r"\bplug_(gauge_init|tally_\w+)\(", text):
            call = arguments(text, m.end())
            for word in re.findall(r'"(regstore_[a-z_]+)"|\b(PLUG_[A-Z_]+)\b', call):
                name = word[0] or names.get(word[1])
                if name:
                    kind = "gauge" if m.group(1) == "gauge_init" else "count"
                    metrics.setdefault(name, (set(), set()))[0].add(kind)
        for m in re.finditer(r"\bplug_log(f?)\(", text):
            call = arguments(text, m.end())
            name = re.search(r'REGSTORE_LOG_\w+,\s*"([a-z_.]+)"', call)
            if name:
                entry = events.setdefault(name.group(1), (set(), set()))
                head = call[:name.start(1)]
                entry[0].update(LEVELS[w] for w in re.findall(r"REGSTORE_LOG_(\w+)", head))
                fields = keys(call) or re.findall(r'\{"([a-z_]+)",', call)
                entry[1].update(["message"] if m.group(1) else fields)
    return metrics, events


def written():
    """The same, as the document's two tables have it: name -> (kinds, labels, in S3, in files)."""
    section = (root / "plugin" / "SIGNALS.md").read_text()
    metrics, events = {}, {}
    for name, kinds, labels, s3, files in ROW.findall(section):
        table = metrics if name.startswith("regstore_") else events
        table[name] = (set(kinds.split(", ")), set(re.findall(r"`([a-z_]+)`", labels)),
                       s3.strip() == "yes", files.strip() == "yes")
    return metrics, events




def compare(what):
    found = {}
    for plugin, column in (("sts-s3", 2), ("local", 3)):
        for name, (kinds, labels) in told(plugin)[what].items():
            entry = found.setdefault(name, (set(), set(), set()))
            entry[0].update(kinds)
            entry[1].update(labels)
            entry[2].add(column)
    table = written()[what]
    if len(table) < 10 or len(found) < 10:
        yield "the tables, or the code, were not understood"
    for name in sorted(set(found) | set(table)):
        if name not in table:
            yield f"{name} is not in the table"
        elif name not in found:
            yield f"{name} is nowhere in the code"
        else:
            kinds, labels, columns = found[name]
            if kinds != table[name][0]:
                yield f"{name} is {sorted(kinds)}, and in the table {sorted(table[name][0])}"
            if labels != table[name][1]:
                yield f"{name} has {sorted(labels)}, and in the table {sorted(table[name][1])}"
            if columns != {c for c in (2, 3) if table[name][c]}:
                yield f"{name} is told by other plugins than the table says"


def names_are_prometheus():
    for name, (kinds, _, _, _) in written()[0].items():
        if ("count" in kinds) != name.endswith("_total"):
            yield f"{name}: _total is for counts, and for them alone"
        if "time" in kinds and not name.endswith("_seconds"):
            yield f"{name}: a time is in _seconds"


CLAIMS = [
    ("each metric stands in SIGNALS.md with its kind and labels", lambda: compare(0)),
    ("each event stands in SIGNALS.md with its levels and fields", lambda: compare(1)),
    ("names of metrics follow Prometheus", names_are_prometheus),
]

failed = 0
for number, (claim, check) in enumerate(CLAIMS, 1):
    wrong = list(check())
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {number} - {claim}")
    for line in wrong:
        print(f"# {line}")
print(f"1..{len(CLAIMS)}")
sys.exit(failed != 0)
