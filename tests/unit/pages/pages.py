#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pages.py REGSTORE README REGSTORE-PAGE (PLUGIN PAGE)...: the man pages, README.md, `regstore inspect`
and `regstore --help` speak of the same settings and options."""
import json
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from roff import plain  # pylint: disable=wrong-import-position

regstore, readme, command_page, *rest = sys.argv[1:]
pages = dict(zip(rest[::2], rest[1::2]))
claims = 0


def claim(holds, words, missing=()):
    global claims
    claims += 1
    print(f"{'ok' if holds else 'not ok'} {claims} - {words}")
    for one in missing:
        print(f"# {one}")


def settings(plugin):
    said = subprocess.run([regstore, "inspect", "--json", plugin], check=True, capture_output=True)
    return json.loads(said.stdout)["settings"]


known = set()
for plugin, page in pages.items():
    table = settings(plugin)
    keys = [one["key"] for one in table]
    known.update(keys)
    words = plain(page)
    absent = [one["key"] for one in table
              if not re.search(re.escape(one["key"]) + r"( \([^)]*\))? " +
                               re.escape(" ".join(one["help"].split())), words)]
    claim(not absent, f"{plugin}'s page has each of its {len(keys)} settings, and says of it what "
          "inspect says", absent)
    lost = [one["key"] for one in table if one["default"] and
            not re.search(re.escape(one["key"]) + r" \([^)]*default " +
                          re.escape(one["default"]) + r"\)", words)]
    claim(not lost, f"{plugin}'s page has each default", lost)

for plugin, page in pages.items():
    bold = re.findall(r"\\fB([a-z0-9]+(?:_[a-z0-9]+)+)\\fR", open(page, encoding="utf-8").read())
    strange = sorted(set(bold) - known)
    claim(not strange, f"{plugin}'s page names no setting that is none", strange)

rows = re.findall(r"^\| (`[^|]*) \|", open(readme, encoding="utf-8").read(), flags=re.M)
named = [key for row in rows for key in re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", row)]
strange = sorted(set(named) - known)
claim(len(named) > 5 and not strange, f"README.md's tables name {len(named)} settings that are some",
      strange)

def options(text):
    """Options, and commands where a line begins with one."""
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", text))


def commands(help_text):
    return set(re.findall(r"^  ([a-z]+)(?: [A-Z\[]|$)", help_text, flags=re.M))


help_text = subprocess.run([regstore, "--help"], check=True, capture_output=True,
                           text=True).stdout
suite_help = subprocess.run([regstore, "conformance", "--help"], check=True, capture_output=True,
                            text=True).stdout
known_options = options(help_text) | options(suite_help)
there = plain(command_page)
lacks = sorted(known_options - options(there)) + sorted(
    command for command in commands(help_text) if f" {command} " not in there)
claim(len(commands(help_text)) > 8 and not lacks, "regstore's page has each command and option of "
      "its --help and of the suite's", lacks)
strange = sorted(options(there) - known_options)
claim(not strange, "regstore's page has no option that --help lacks", strange)
print(f"1..{claims}")
