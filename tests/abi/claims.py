#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: claims.py CLAIM FOLDER-OF-THE-HEADER LAYOUT.C

Holds the header, its manual and the layout test against each other.  Each claim is a function of
that name, which returns what contradicts it; nothing: the claim holds."""

import re
import sys
from pathlib import Path

RULE = r'[A-Z]+-[0-9]+'
OTHER_NUMBERS = {'UTF-8'}
STATES = ['OPEN', 'SEALED', 'COMMITTED', 'SUSPENDED', 'ABORTED', 'ABORTING', 'LOST']
VERBS = ['write', 'suspend', 'commit', 'abort', 'offset', 'digest', 'close']


def without_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def structs():
    """The header's structs: name -> names of the fields, in order."""
    found = {}
    for name, body in re.findall(r'struct regstore_(\w+) \{(.*?)\n\};', code, re.S):
        fields = []
        for declaration in body.split(';'):
            function = re.search(r'\(\*(\w+)\)\s*\(', declaration)
            if function:
                fields.append(function.group(1))
                continue
            for declarator in declaration.split(','):
                word = re.search(r'(\w+)\s*(\[\w+\])?\s*$', declarator)
                if word:
                    fields.append(word.group(1))
        found[name] = fields
    return found


def numbers():
    return dict(re.findall(r'^#define (REGSTORE_[A-Z0-9_]+)[ \t]+([0-9]\w*)', code, re.M))


def rules_of_header():
    """The rules are defined where a comment's line begins with the name and two blanks or more."""
    return re.findall(r'^ *(?:/\*| \*|\*) +(%s)  +\S' % RULE, header, re.M)


def entries_of_manual():
    return re.findall(r'^\*\*(%s)\*\* ' % RULE, manual, re.M)


def every_number_and_field_of_the_header_is_in_the_layout():
    for name in numbers():
        if not re.search(r'^NUMBER\(%s, ' % name, layout, re.M):
            yield '%s is not asserted' % name
    if len(structs()) < 16 or len(numbers()) < 50:
        yield 'the header was not understood: %d structs' % len(structs())
    for name, fields in structs().items():
        asserted = re.findall(r'^FIELD\(%s, (\w+), ' % name, layout, re.M)
        if asserted != fields:
            yield 'regstore_%s: the header has %s, the layout %s' % (name, fields, asserted)


def every_rule_of_the_header_has_one_entry_in_the_manual():
    rules = rules_of_header()
    if len(rules) < 40:
        yield 'the header was not understood: %d rules' % len(rules)
    for rule in rules:
        if entries_of_manual().count(rule) != 1:
            yield '%s has %d entries' % (rule, entries_of_manual().count(rule))
    if entries_of_manual() != rules:
        yield "the manual's order is not the header's"


def manual_knows_no_rule_that_the_header_lacks():
    known = set(rules_of_header()) | OTHER_NUMBERS
    for rule in sorted(set(re.findall(r'\b%s\b' % RULE, manual)) - known):
        yield '%s is no rule of the header' % rule
    for rule in sorted(set(re.findall(r'\b%s\b' % RULE, header)) - known):
        yield 'the header speaks of %s but has no such rule' % rule


def every_status_stands_in_the_manual_with_its_number():
    statuses = re.search(r'#define REGSTORE_OK .*?(?=#define REGSTORE_LOG)', code, re.S).group()
    rows = re.findall(r'^\| ([0-9]+) \| `([A-Z_]+)` \|', manual, re.M)
    expected = re.findall(r'#define REGSTORE_(\w+)\s+([0-9]+)', statuses)
    if rows != [(number, name) for name, number in expected]:
        yield 'the header has %s, the table %s' % (expected, rows)


def every_function_and_feature_is_named_in_the_manual():
    plugin = structs()['plugin']
    for name in plugin[plugin.index('extension'):] + structs()['host'][2:]:
        if not re.search(r'`[^`]*\b%s\b[^`]*`' % name, manual):
            yield 'the function %s is not named' % name
    for name in numbers():
        # The manual may leave the prefix out, as the header's prose does.
        if not re.search(r'\b(REGSTORE_)?%s\b' % name[len('REGSTORE_'):], manual):
            yield '%s is not named' % name


def manual_names_nothing_that_the_header_lacks():
    known = set(numbers()) | {'REGSTORE_EXPORT', 'REGSTORE_H'}
    for name in sorted(set(re.findall(r'\bREGSTORE_[A-Z0-9_]+\b', manual)) - known):
        yield '%s is not in the header' % name
    for name in sorted(set(re.findall(r'\bregstore_[a-z0-9_]+\b', manual))):
        if name not in header:
            yield '%s is not in the header' % name
    fields = {field for names in structs().values() for field in names}
    for name in sorted(set(re.findall(r'`(\w+)\(', manual))):
        if name not in fields and name not in header:
            yield '%s() is not in the header' % name


def every_verb_has_an_outcome_in_every_state():
    table = re.search(r'^\| verb \|.*?\n\n', manual, re.M | re.S)
    if not table:
        yield 'there is no table that begins with "| verb |"'
        return
    rows = [[cell.strip(' `') for cell in line.strip('|').split('|')]
            for line in table.group().strip().split('\n')]
    if rows[0][1:] != STATES:
        yield 'its states are %s' % rows[0][1:]
    if [row[0] for row in rows[2:]] != VERBS:
        yield 'its verbs are %s' % [row[0] for row in rows[2:]]
    for row in rows[2:]:
        if len(row) != len(rows[0]) or not all(row):
            yield '%s has an empty outcome' % row[0]
    for state in STATES:
        if not re.search(r'\b%s\b' % state, header):
            yield 'the drawing in the header has no %s' % state


def header_of_a_frozen_minor_is_as_it_was_frozen():
    """But for comments and blanks. A minor that is not frozen yet has no such header."""
    minor = dict(re.findall(r'^#define (REGSTORE_ABI_MINOR) ([0-9]+)', code, re.M))
    folders = sorted(path.name for path in (Path(layout_file).parent / 'frozen').glob('1.*'))
    if '1.0' not in folders:
        yield 'minor 0 is not frozen'
    frozen = Path(layout_file).parent / 'frozen' / ('1.' + minor['REGSTORE_ABI_MINOR'])
    if frozen.name in folders:
        was = without_comments((frozen / 'regstore.h').read_text()).split()
        for one, other in zip(code.split(), was):
            if one != other:
                yield 'the header has %s where %s has %s' % (one, frozen.name, other)
                return
        if len(code.split()) != len(was):
            yield 'the header is longer or shorter than that of %s' % frozen.name


def header_and_manual_keep_to_100_columns():
    for what, text in ('header', header), ('manual', manual):
        for number, line in enumerate(text.split('\n'), 1):
            if len(line) > 100 and not line.startswith('|'):
                yield '%s, line %d: %d columns' % (what, number, len(line))


claim, folder, layout_file = sys.argv[1:]
header = (Path(folder) / 'regstore.h').read_text()
manual = (Path(folder) / 'README.md').read_text()
layout = Path(layout_file).read_text()
code = without_comments(header)

found = list(globals()[claim]())
for contradiction in found:
    print(contradiction)
sys.exit(1 if found else 0)
