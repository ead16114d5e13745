#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: baseline.py header COMPILER FOLDER...          regstore.h and regstore-policy.h
          baseline.py host-header COMPILER FOLDER...     regstore-host.h
          baseline.py host-library LIBRARY               the library itself, as it was built
          baseline.py exact COMPILER FOLDER...           all of them: not even appended
          baseline.py make FOLDER...                     the baseline anew: README.md says when

abidiff against the baseline. What has changed in any way but by appending is printed, and fails.
The FOLDERs have the headers.

A header alone has no symbols, so a probe stands in for whoever implements it: a shared object with
a function for each that the header exports, which does nothing. So no path of a machine is in the
baseline, and no type but those that the header's functions lead to."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True # in the tree of the sources
import abidiff_report

BASELINE = Path(__file__).resolve().parent / 'baseline'
# What is judged: its header, its baseline, and how a program that is linked with it names it.
HEADERS = {'header': ('regstore.h', 'regstore.abi', None),
           'host-header': ('regstore-host.h', 'regstore-host.abi', 'libregstore-host.so.1')}
# An extension exports nothing; its table is handed out as the plugin's is.
EXTENSIONS = '#include "regstore-policy.h"\nconst struct regstore_policy *regstore_policy_v1(void);\n' \
             'const struct regstore_policy *regstore_policy_v1(void) { __builtin_trap(); }\n'


def without_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def functions(header):
    """The declarations that a header exports, each made a definition."""
    found = re.findall(r'^REGSTORE_EXPORT ([^;#]*?\));', without_comments(header), re.M)
    assert found, 'the header exports nothing'
    return ''.join('%s { __builtin_trap(); }\n' % declaration for declaration in found)


def probe(folders, name, soname, compiler, out):
    """Compiles a probe of one header; what the compiler says, when it does not compile."""
    header = next(path for path in (Path(folder) / name for folder in folders) if path.exists())
    source = '#include "%s"\n' % name + functions(header.read_text())
    if name == 'regstore.h':
        source += EXTENSIONS
    command = [compiler, '-x', 'c', '-std=c11', '-g', '-O0', '-w', '-fPIC', '-shared', '-nostdlib']
    command += ['-Wl,-soname,' + soname] if soname else []
    command += ['-I%s' % Path(folder).resolve() for folder in folders] + ['-o', str(out), '-']
    run = subprocess.run(command, input=source, text=True, capture_output=True, cwd=out.parent)
    return run.stderr if run.returncode else ''


def abidiff(baseline, found, *options):
    """What it says; nothing when there is no change at all. Its status is a mask, of which 1 and 2
    mean that it could not work, 4 and 8 that there are changes, of whatever kind. Version 2.2 does
    not survive some types that this header never had; that is a change, too. And its --headers-dir
    is not used: beside a baseline in XML it hides every change of a type."""
    command = ['abidiff', '--no-architecture', '--harmless', '--no-show-locs', '--no-added-syms',
               '--fail-no-debug-info', *options]
    run = subprocess.run(command + [str(BASELINE / baseline), str(found)], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode < 0 or run.returncode & 3:
        return 'abidiff could not tell: status %d\n' % run.returncode + run.stdout
    return run.stdout if run.returncode else ''


def differences(baseline, found, exact=False):
    """What has changed in any way but by appending; exact: in any way."""
    whole = abidiff(baseline, found)
    leaves = abidiff(baseline, found, '--leaf-changes-only')
    if exact:
        return whole + leaves
    return abidiff_report.other_changes(leaves, whole, BASELINE / baseline)


def judge_header(which, compiler, folders, exact=False):
    header, baseline, soname = HEADERS[which]
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / 'probe.so'
        return probe(folders, header, soname, compiler, out) or differences(baseline, out, exact=exact)


def make(folders):
    for header, baseline, soname in HEADERS.values():
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / 'probe.so'
            said = probe(folders, header, soname, 'gcc', out)
            if said:
                sys.exit(said)
            subprocess.run(['abidw', '--no-architecture', '--no-corpus-path', '--no-comp-dir-path',
                            '--no-show-locs', '--no-elf-needed', '--no-parameter-names',
                            '--out-file', str(BASELINE / baseline), str(out)], check=True)


def main(what, *rest):
    if what == 'make':
        make(rest)
        return ''
    if what == 'host-library':
        return differences('regstore-host.abi', rest[0])
    if what == 'exact':
        return ''.join(judge_header(which, rest[0], rest[1:], exact=True) for which in HEADERS)
    return judge_header(what, rest[0], rest[1:])


if __name__ == '__main__':
    said = main(*sys.argv[1:])
    print(said, end='')
    sys.exit(1 if said else 0)
