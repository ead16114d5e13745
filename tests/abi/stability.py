#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: stability.py FOLDER-OF-THE-ABI FOLDER-OF-THE-HOST-LIBRARY LIBREGSTORE-HOST.A [WORD...]

Shows that the proofs of stability fail on what breaks the ABI and pass on what appends to it: each
edit of edits.py is made in a copy of the headers, and all proofs are put to it. TAP, one test an
edit; WORDs choose those that have them all in their name."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

sys.dont_write_bytecode = True # in the tree of the sources
import baseline
import edits
import next_minor

HERE = Path(__file__).resolve().parent
FROZEN = HERE / 'frozen' / '1.0'
HEADERS = [edits.ABI, edits.HOST, edits.POLICY]
PLUGIN = ['plugin.c', 'flat.c', 'uploads.c']
MODES = [('gcc', 'c99'), ('gcc', 'c11'), ('gcc', 'c17'), ('g++', 'c++11'), ('g++', 'c++17')]


def run(*command):
    """Nothing when it ends well, else what it said."""
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors='replace', timeout=60)
    except subprocess.TimeoutExpired:
        return 'still running after a minute: %s\n' % command[0]
    said = done.stdout or 'nothing was said\n'
    return '%s: status %d\n%s' % (command[0], done.returncode, said) if done.returncode else ''


def compiles(folder, compiler, standard, *file):
    return run('sh', HERE / 'compiles.sh', folder, compiler, standard, *file)


def build_pair(headers, place):
    """plugin.so and host in place, of these headers: what was written for minor 0 must still
    compile. A type that does not fit is a warning in C, and counts."""
    strict = ['-Werror=incompatible-pointer-types', '-Werror=int-conversion',
              '-Werror=discarded-qualifiers']
    if 'REGSTORE_F_NEXT' in (headers / edits.ABI).read_text():
        strict += ['-DIS_NEXT']
    common = ['gcc', '-std=gnu11', '-D_GNU_SOURCE', '-O0', *strict, '-I%s' % headers]
    return run(*common, '-fPIC', '-shared', '-fvisibility=hidden', '-o', place / 'plugin.so',
               *(HERE / 'pairs' / name for name in PLUGIN), '-lcrypto') or \
        run(*common, '-o', place / 'host', HERE / 'pairs' / 'host.c', '-ldl')


def work_together(host, plugin, place):
    folder = Path(tempfile.mkdtemp(dir=place))
    return run(host / 'host', plugin / 'plugin.so', folder)


# The proofs: nothing when it holds, else why not. Each is put to a folder with all the headers.

def header_by_abidiff(folder, _):
    return baseline.judge_header('header', 'gcc', [folder])


def host_library_by_abidiff(folder, _):
    return baseline.judge_header('host-header', 'gcc', [folder])


def layout(folder, edited):
    # A next minor says in the test that it is the newest; its own block is next_minor.py's.
    minor = next_minor.minor_of((folder / edits.ABI).read_text())
    text = (HERE / 'layout.c').read_text()
    (folder / 'layout.c').write_text(next_minor.NEWEST.sub(
        'NUMBER(REGSTORE_ABI_MINOR, %d);' % minor, text))
    for name in 'layout.h', 'layout_host.c':
        shutil.copy(HERE / name, folder)
    files = ['layout.c'] if edited == edits.ABI else ['layout_host.c']
    return ''.join(compiles(folder, compiler, standard, folder / file)
                   for compiler, standard in (('gcc', 'c11'), ('g++', 'c++11')) for file in files)


def pairs(folder, edited):
    if edited != edits.ABI:
        return '' # They include no other header.
    return build_pair(folder, folder) or \
        work_together(folder, OLD, folder) + work_together(OLD, folder, folder)


def language_modes(folder, edited):
    file = [] if edited == edits.ABI else [folder / edited]
    return ''.join(compiles(folder, *mode, *file) for mode in MODES)


PROOFS = {'h': header_by_abidiff, 'l': host_library_by_abidiff, 'a': layout, 'p': pairs,
          'm': language_modes}


def edit_headers(folder, header, changes):
    for name in HEADERS:
        source = next(top / name for top in (ABI, HOST) if (top / name).exists())
        shutil.copy(source, folder)
    text = (folder / header).read_text()
    for old, new in zip(changes[::2], changes[1::2]):
        if text.count(old) != 1:
            return '%r stands %d times in %s\n' % (old, text.count(old), header)
        text = text.replace(old, new)
    (folder / header).write_text(text)
    return ''


def judge(edit):
    """The proofs that judged otherwise than the edit says, each with its words."""
    _, must_fail, header, *changes = edit
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        folder = Path(name)
        wrong = edit_headers(folder, header, changes)
        if wrong:
            return wrong
        for letter, proof in PROOFS.items():
            said = proof(folder, header)
            if said and letter not in must_fail:
                wrong += '%s fails:\n%s' % (proof.__name__, said)
            elif not said and letter in must_fail:
                wrong += '%s should fail and passes\n' % proof.__name__
        return wrong


def built_library_without_a_function(_):
    """Not the header: the library itself, linked once as it is and once with one function hidden."""
    wrong = ''
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        place = Path(name)
        for hidden, must_fail in ('regstore_none', False), ('regstore_host_path', True):
            (place / 'map').write_text('{ global: regstore_*; local: *; };' if not must_fail else
                                       '{ local: %s; };' % hidden)
            wrong += run('gcc', '-shared', '-Wl,-soname,libregstore-host.so.1', '-Wl,--whole-archive',
                         LIBRARY, '-Wl,--no-whole-archive', '-Wl,--version-script,%s' % (place / 'map'),
                         '-o', place / 'lib.so')
            said = baseline.differences('regstore-host.abi', place / 'lib.so')
            if said and not must_fail:
                wrong += said
            elif must_fail and hidden not in said:
                wrong += 'abidiff does not miss %s: %s\n' % (hidden, said)
    return wrong


def built_library_with_another_struct(_):
    """One source of the library, compiled with a header in which the struct of an event has grown."""
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        folder = Path(name)
        wrong = edit_headers(folder, edits.HOST, ['    char text[2048];', '    char text[4096];'])
        wrong += run('gcc', '-g', '-w', '-D_GNU_SOURCE', '-fPIC', '-shared', '-I%s' % folder,
                     HOST / 'host' / 'ring.c', '-o', folder / 'lib.so')
        if "'struct regstore_host_event' changed:" not in \
                baseline.differences('regstore-host.abi', folder / 'lib.so'):
            wrong += 'abidiff does not see it\n'
        return wrong


def all_of_the_next_minor(_):
    """Everything that may be appended, at once, and with its own block in the layout test."""
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        folder = Path(name)
        wrong = edit_headers(folder, edits.ABI, [])
        header = next_minor.next_header((folder / edits.ABI).read_text())
        (folder / edits.ABI).write_text(header)
        for proof in PROOFS.values():
            said = proof(folder, edits.ABI)
            wrong += '%s fails:\n%s' % (proof.__name__, said) if said else ''
        (folder / 'layout.c').write_text(
            next_minor.next_layout((HERE / 'layout.c').read_text(), header))
        for mode in ('gcc', 'c11'), ('g++', 'c++11'):
            wrong += compiles(folder, *mode, folder / 'layout.c')
        return wrong


def verdict(test):
    """A pool's thread says nothing of what it threw, or of all that it waits for."""
    try:
        return test[1](test[2])
    except Exception as thrown:
        return 'could not be judged: %r\n' % thrown


def tests():
    for edit in edits.BREAKING:
        names = ', '.join(PROOFS[letter].__name__ for letter in edit[1])
        yield 'breaks: %s (seen by %s)' % (edit[0], names), judge, edit
    yield 'breaks: the built host library lacks a function', built_library_without_a_function, None
    yield 'breaks: the built host library has another struct', built_library_with_another_struct, None
    for edit in edits.APPENDING:
        yield 'appends: ' + edit[0], judge, edit
    yield 'appends: all that a next minor may have', all_of_the_next_minor, None


def main():
    chosen = [test for test in tests() if all(word in test[0] for word in sys.argv[4:])]
    said = build_pair(FROZEN, OLD)
    if said:
        print('Bail out! the pair of minor 0 does not compile\n' + said)
        return 1
    print('1..%d' % len(chosen), flush=True)
    failed = 0
    with ThreadPool(len(os.sched_getaffinity(0))) as pool:
        results = pool.imap(verdict, chosen)
        for number, (name, wrong) in enumerate(zip((test[0] for test in chosen), results), 1):
            print('%s %d - %s' % ('not ok' if wrong else 'ok', number, name.replace('#', '')))
            print(re.sub('^', '# ', wrong.rstrip(), flags=re.M) + '\n' if wrong else '', end='',
                  flush=True)
            failed += bool(wrong)
    return 1 if failed else 0


if __name__ == '__main__':
    ABI, HOST, LIBRARY = (Path(word).resolve() for word in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as scratch:
        PLACE = Path(scratch)
        OLD = PLACE / 'old'
        OLD.mkdir()
        sys.exit(main())
