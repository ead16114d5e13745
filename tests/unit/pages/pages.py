#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pages.py REGSTORE README (PLUGIN PAGE)...: the man pages, README.md and `regstore inspect` speak
of the same settings."""
import json
import re
import subprocess
import sys

regstore, readme, *rest = sys.argv[1:]
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


def plain(roff):
    """The page's words, without roff's markup."""
    text = re.sub(r"^\.[A-Z]+.*$", " ", open(roff, encoding="utf-8").read(), flags=re.M)
    text = re.sub(r"\\f[BIR]", "", text)
    for escape, character in {r"\-": "-", r"\&": "", r"\(aq": "'", r"\(dq": '"', r"\\": "\\",
                              r"\e": "\\", r"\(ti": "~", r"\(ha": "^"}.items():
        text = text.replace(escape, character)
    return " ".join(re.sub(r"\\(?=[.*_<>\[\]#~'])", "", text).split())


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
print(f"1..{claims}")
