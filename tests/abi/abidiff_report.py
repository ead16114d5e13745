# SPDX-License-Identifier: Apache-2.0
"""Reads abidiff's reports and says whether they tell of anything but what was appended.

abidiff's status does not: 4 is an appended field as well as a moved one. Nor do its suppressions:
in version 2.2 one for fields inserted at the end hides every other change of that struct, and so,
beneath the table, everything. So both of its reports are read. The one of leaves names each type
that changed, once; the other descends to what the first leaves out, as a const that went. A line
that is not understood is a change.

What may grow is read from the baseline: each struct that begins with struct_size (GROW-1)."""

import re
import xml.etree.ElementTree as ElementTree

CONTEXT = re.compile('|'.join((
    r"Functions changes summary: 0 Removed, \d+ Changed( \(\d+ filtered out\))?, \d+ Added functions?",
    r"Variables changes summary: 0 Removed, 0 Changed, 0 Added variable",
    r"\d+ functions? with some indirect sub-type change:",
    r"\[C\] 'function .*' has some indirect sub-type changes:",
    r"return type changed:",
    r"parameter \d+ of type '.*' (changed|has sub-type changes):",
    r"in (pointed to|unqualified underlying) type '.*':",
    r"(pointed to|unqualified underlying) type '.*' changed, as (reported earlier|being reported)",
    r"type size hasn't changed",
    r"type size changed from \d+ to \d+ \(in bits\)",
    r"\d+ data member insertions?:",
    r"'.*', at offset \d+ \(in bits\)",
    r"(\d+ data member changes?( \(\d+ filtered\))?|there are data member changes):",
    r"type of '.*' changed:",
    # A library knows what its handles are, a header does not say.
    r"type struct \w+ was a declaration-only type and is now a defined type",
)))
SUMMARY_OF_LEAVES = re.compile('|'.join((
    r"Leaf changes summary: \d+ artifacts? changed",
    r"Changed leaf types summary: \d+ leaf types? changed",
    r"Removed/Changed/Added functions summary: 0 Removed, 0 Changed, \d+ Added functions?.*",
    r"Removed/Changed/Added variables summary: 0 Removed, 0 Changed, 0 Added variable",
)))


def growing_structs(baseline):
    found = set()
    for struct in ElementTree.parse(baseline).iter('class-decl'):
        member = struct.find('data-member/var-decl')
        if member is not None and member.get('name') == 'struct_size':
            found.add(struct.get('name'))
    return found


def is_appended(leaf, growing):
    """Of one paragraph of the report of leaves, as lines: a struct that may grow, grown at its end."""
    head = re.fullmatch(r"'struct (\w+)' changed:", leaf[0])
    size = re.fullmatch(r"  type size changed from (\d+) to \d+ \(in bits\)", (leaf + [''])[1])
    fields = [re.fullmatch(r"    '.*', at offset (\d+) \(in bits\)", line) for line in leaf[3:]]
    return bool(head and size and head.group(1) in growing and fields and all(fields) and
                re.fullmatch(r"  \d+ data member insertions?:", leaf[2]) and
                all(int(field.group(1)) >= int(size.group(1)) for field in fields))


def other_changes(leaves, whole, baseline):
    """What the two reports tell, but for what was appended."""
    growing = growing_structs(baseline)
    found = []
    for paragraph in re.split(r'\n\s*\n', leaves.strip('\n')):
        lines = paragraph.split('\n')
        if not is_appended(lines, growing):
            found += [line for line in lines if line and not SUMMARY_OF_LEAVES.fullmatch(line)]
    found += [line for line in whole.split('\n')
              if line.strip() and not CONTEXT.fullmatch(line.strip())]
    return ''.join(line + '\n' for line in found)
