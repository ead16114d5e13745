#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: next_minor.py REGSTORE.H OUT-REGSTORE.H [LAYOUT.C OUT-LAYOUT.C]

Writes the header that a next minor could have: today's, with everything appended that "Growth and
versions" allows, under names that no real minor will use.  And the layout test with its block."""

import re
import sys
from pathlib import Path


NEWEST = re.compile(r'^NUMBER\(REGSTORE_ABI_MINOR, \d+\);', re.M) # in the layout test


def minor_of(header):
    return int(re.search(r'^#define REGSTORE_ABI_MINOR (\d+)', header, re.M).group(1))


def append_field(header, struct, field):
    """At the end of a struct; one of that name must be there."""
    found, n = re.subn(r'(struct regstore_%s \{.*?)(\n\};)' % struct, r'\1\n    %s\2' % field, header,
                       count=1, flags=re.S)
    assert n == 1, 'no struct regstore_' + struct
    return found


def append_line(header, anchor, line):
    """After the last line that matches."""
    last = list(re.finditer(anchor, header, re.M))[-1]
    return header[:last.end()] + '\n' + line + header[last.end():]


def next_header(header):
    statuses = re.search(r'#define REGSTORE_OK .*?(?=#define REGSTORE_LOG)', header, re.S).group()
    status = max(int(n) for n in re.findall(r'^#define \w+\s+(\d+)', statuses, re.M)) + 1
    header = re.sub(r'^(#define REGSTORE_ABI_MINOR) \d+', r'\1 %d' % (minor_of(header) + 1), header, flags=re.M)
    header = header.replace(statuses, append_line(
        statuses, r'^#define REGSTORE_.*$', '#define REGSTORE_NEXT %d' % status))
    features = re.findall(r'^#define REGSTORE_F_\w+\s+(0x\w+)u', header, re.M)
    header = append_line(header, r'^#define REGSTORE_F_.*$', '#define REGSTORE_F_NEXT 0x%xu' % (
        2 * int(features[-1], 16)))
    header = append_line(header, r'^#define REGSTORE_COMMIT_.*$',
                         '#define REGSTORE_COMMIT_NEXT 0x40000000u')
    for struct in 'call', 'stat', 'upload_opts', 'purged':
        header = append_field(header, struct, 'uint64_t next_field;')
    header = append_field(header, 'host', 'void (*next_callback)(void *ctx, int32_t level, const '
                          'char *event,\n        const struct regstore_pair *fields, size_t n);')
    return append_field(header, 'plugin', 'regstore_status (*next_slot)(struct regstore_store *store,'
                        '\n        const struct regstore_call *call);')


def next_layout(layout, header):
    """Its block, and the line that says which minor is the newest."""
    minor = minor_of(header)
    value = dict(re.findall(r'^#define (REGSTORE_\w+)\s+(\w+)', header, re.M))
    was = dict(re.findall(r'^SIZE\(\d+, (\w+), (\d+)\);', layout, re.M)) # the newest one's
    block = ['NUMBER(%s, %s);' % (name, value[name])
             for name in ('REGSTORE_NEXT', 'REGSTORE_F_NEXT', 'REGSTORE_COMMIT_NEXT')]
    for struct, field, kind in (
            ('call', 'next_field', 'uint64_t'), ('stat', 'next_field', 'uint64_t'),
            ('upload_opts', 'next_field', 'uint64_t'), ('purged', 'next_field', 'uint64_t'),
            ('host', 'next_callback', 'void (*)(void *, int32_t, const char *,\n'
             '      const struct regstore_pair *, size_t)'),
            ('plugin', 'next_slot', 'STATUS (*)(STORE, CALL)')):
        block.append('SIZE(%d, %s, %d);' % (minor, struct, int(was[struct]) + 8))
        block.append('FIELD(%s, %s, %s, %s);' % (struct, field, was[struct], kind))
    return NEWEST.sub('\n'.join(block + ['NUMBER(REGSTORE_ABI_MINOR, %d);' % minor]), layout)


if __name__ == '__main__':
    written = next_header(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(written)
    if len(sys.argv) > 3:
        Path(sys.argv[4]).write_text(next_layout(Path(sys.argv[3]).read_text(), written))
