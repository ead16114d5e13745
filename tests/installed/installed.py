#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `meson install` leaves, used as its users would: installed.py SOURCE BUILD CC...

Two trees are looked at. The one under test is installed with DESTDIR, as a packager does it. But
the prefix is compiled into the command and the library (where plugins and the suite lie), so that
such a tree works only where it is meant to go, and a test writes neither to /usr/local nor, as
other than root, mounts anything there. So for the use of it the same sources are built once more,
with a temporary prefix, and only what is installed. From then on nothing but that tree is used:
its bin/ is first on PATH, its pkg-config files and libraries are those found, and the backends of
the tutorial are copied from its share/doc.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source, build = (pathlib.Path(arg) for arg in sys.argv[1:3])
compiler = sys.argv[3:]
COMPILERS = {'c': ('gcc', 'clang'), 'cc': ('g++', 'clang++')}
count = failed = 0


class Wrong(Exception):
    """What was seen, and should not have been."""


def expect(holds, words):
    if not holds:
        raise Wrong(words)


def claim(name, test, *arguments):
    """One line of TAP; what else was said goes below it."""
    global count, failed
    count += 1
    try:
        test(*arguments)
        print(f'ok {count} - {name}', flush=True)
    except (Wrong, OSError) as wrong:
        failed += 1
        print(f'not ok {count} - {name}')
        for line in str(wrong).splitlines()[-60:]:
            print('#', line)
        sys.stdout.flush()


def run(*command, cwd=None, env=None, status=0):
    """Its standard output. Wrong when it ends otherwise than with status."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != status:
        raise Wrong(f'{" ".join(map(str, command))}\nended with {done.returncode}, '
                    f'not {status}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
    return done.stdout


def files_in(tree):
    return {str(path.relative_to(tree)) for path in tree.rglob('*') if not path.is_dir()}


def expected_files(libdir):
    """What should be there, below the prefix. The pages are those that have a source."""
    names = {
        'bin/regstore', 'libexec/regstore/regstore-conformance',
        'include/regstore-1/regstore.h', 'include/regstore-1/regstore-host.h',
        'include/regstore-1/regstore-policy.h',
        'share/doc/regstore/README.md', 'share/doc/regstore/TUTORIAL.md',
    }
    names |= {f'{libdir}/{name}' for name in (
        'libregstore-host.a', 'libregstore-host.so', 'libregstore-host.so.1',
        'libregstore-host.so.1.0.0', 'pkgconfig/regstore.pc', 'pkgconfig/libregstore-host.pc',
        'regstore/plugins/STSS3Storage.so', 'regstore/plugins/LocalStorage.so')}
    if shutil.which('scdoc'):
        for folder in ('host-shim/man', 'plugin/sts-s3', 'plugin/local'):
            for page in (source / folder).glob('*.scd'):
                section = page.stem.rsplit('.', 1)[1]
                names.add(f'share/man/man{section}/{page.stem}')
    tutorial = source / 'abi' / 'tutorial'
    names |= {f'share/doc/regstore/tutorial/{name}' for name in files_in(tutorial)}
    quay = source / 'host-shim' / 'adapters' / 'quay' / 'regstore_quay'
    names |= {f'share/regstore/quay/regstore_quay/{page.name}' for page in quay.glob('*.py')}
    return names


def option(folder, name):
    for entry in json.loads(run('meson', 'introspect', '--buildoptions', folder)):
        if entry['name'] == name:
            return entry['value']
    raise Wrong(f'meson knows no option {name}')


def installed_targets(folder):
    """The files of those targets that meson would install, for ninja."""
    names = set()
    for target in json.loads(run('meson', 'introspect', '--targets', folder)):
        if target['installed']:
            names |= {os.path.relpath(name, folder) for name in target['filename']}
    return sorted(names)


def install_staged(stage):
    run('ninja', '-C', build, *installed_targets(build))
    run('meson', 'install', '-C', build, '--no-rebuild', '--destdir', stage)


def install_at(prefix, own_build):
    environment = dict(os.environ, CC=' '.join(compiler))
    run('meson', 'setup', own_build, source, f'-Dprefix={prefix}', '-Dlibdir=lib', '-Dwerror=true',
        env=environment)
    run('ninja', '-C', own_build, *installed_targets(own_build))
    run('meson', 'install', '-C', own_build, '--no-rebuild')


def has_these_files(tree, libdir):
    found, expected = files_in(tree), expected_files(libdir)
    expect(found == expected, f'missing: {sorted(expected - found)}\n'
                              f'not expected: {sorted(found - expected)}')


def nothing_is_open_to_others(tree):
    for path in tree.rglob('*'):
        mode = path.lstat().st_mode & 0o777
        expect(path.is_symlink() or mode & 0o022 == 0, f'{path} has mode {mode:o}')
    for name in ('bin/regstore', 'libexec/regstore/regstore-conformance'):
        expect(os.access(tree / name, os.X_OK), f'{name} cannot be run')


def user_of(prefix, shims):
    """The environment of somebody who has that prefix, and otherwise what any system has."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(('REGSTORE_', 'PKG_CONFIG', 'MESON', 'CFLAGS', 'LD_'))}
    env['PATH'] = f'{shims}:{prefix}/bin:{env["PATH"]}'
    env['PKG_CONFIG_PATH'] = f'{prefix}/lib/pkgconfig'
    env['LD_LIBRARY_PATH'] = f'{prefix}/lib'
    return env


def flags_of(env, *arguments):
    return run('pkg-config', *arguments, env=env).split()


def flags_are_right(prefix, env):
    version = run('regstore', '--version', env=env).split()[1].rstrip(',')
    for module in ('regstore', 'libregstore-host'):
        told = flags_of(env, '--modversion', module)
        expect(told == [version], f'{module} is {told}, the command {version}')
        cflags = flags_of(env, '--cflags', module)
        expect(cflags == [f'-I{prefix}/include/regstore-1'], f'{module}: --cflags is {cflags}')
    told = flags_of(env, '--variable=pluginsdir', 'regstore')
    expect(told == [f'{prefix}/lib/regstore/plugins'], f'pluginsdir is {told}')
    told = flags_of(env, '--libs', 'regstore')
    expect(told == [], f'a plugin links nothing of ours, and --libs is {told}')
    told = flags_of(env, '--libs', 'libregstore-host')
    expect(told == [f'-L{prefix}/lib', '-lregstore-host'], f'--libs is {told}')
    told = flags_of(env, '--static', '--libs', 'libregstore-host')
    expect('-lyaml' in told, f'--static --libs is {told}, and the library needs yaml')


def staged_flags_lead_into_the_stage(stage, prefix, libdir):
    env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(stage),
               PKG_CONFIG_PATH=f'{stage}{prefix}/{libdir}/pkgconfig')
    cflags = flags_of(env, '--cflags', 'libregstore-host')
    expect(f'-I{stage}{prefix}/include/regstore-1' in cflags and
           all(flag.startswith(f'-I{stage}/') for flag in cflags), f'--cflags is {cflags}')
    program = pathlib.Path(stage) / 'three.c'
    program.write_text('#include <regstore-host.h>\n'
                       'int main(void) { return !regstore_host_status_name(0); }\n')
    run('cc', program, *flags_of(env, '--cflags', '--libs', 'libregstore-host'), '-o',
        program.with_suffix(''))


def headers_serve_both_languages(prefix, env, work):
    for header in sorted((prefix / 'include' / 'regstore-1').glob('*.h')):
        for language, standard, name in (('c', 'c11', 'cc'), ('c++', 'c++17', 'c++')):
            run(name, f'-std={standard}', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
                '-fsyntax-only', *flags_of(env, '--cflags', 'regstore'), '-x', language, header,
                cwd=work, env=env)


def link_host(env, work, output, *libraries):
    shutil.copy(source / 'tests' / 'installed' / 'host.c', work)
    run('cc', '-std=c11', '-Wall', '-Wextra', '-Werror', 'host.c',
        *flags_of(env, '--cflags', 'libregstore-host'), '-o', output, *libraries, cwd=work, env=env)
    return run('ldd', work / output, env=env)


def round_trip(prefix, env, work, program, driver):
    found = run(work / program, driver, work / f'blobs-{program}-{driver}', env=env).strip()
    expect(found == f'{prefix}/lib/regstore/plugins/{driver}.so', f'it loaded {found}')


def shared_host_works(prefix, env, work):
    needs = link_host(env, work, 'shared', *flags_of(env, '--libs', 'libregstore-host'))
    expect(f'{prefix}/lib/libregstore-host.so.1 ' in needs, needs)
    round_trip(prefix, env, work, 'shared', 'LocalStorage')


def static_host_works(prefix, env, work):
    libraries = ['-l:libregstore-host.a' if flag == '-lregstore-host' else flag
                 for flag in flags_of(env, '--static', '--libs', 'libregstore-host')]
    needs = link_host(env, work, 'static', *libraries)
    expect('regstore' not in needs, needs)
    round_trip(prefix, env, work, 'static', 'LocalStorage')


def command_finds_its_parts(prefix, env, work):
    for driver in ('STSS3Storage', 'LocalStorage'):
        told = run('regstore', 'inspect', driver, cwd=work, env=env)
        expect(f'{prefix}/lib/regstore/plugins/{driver}.so' in told, told)
    config = work / 'config.yaml'
    config.write_text('DISTRIBUTED_STORAGE_CONFIG:\n  files:\n    - LocalStorage\n'
                      f'    - storage_path: {work}/blobs-command\n')
    key = run('regstore', '--config', config, 'put', source / 'LICENSE', cwd=work, env=env)
    key = key.split()[0]
    text = run('regstore', '--config', config, 'get', key, cwd=work, env=env)
    expect(text == (source / 'LICENSE').read_text(), 'other bytes came back than were put')
    told = run('regstore', '--config', config, 'conformance', '--tap', '--family', 'load', cwd=work,
               env=env)
    expect('not ok' not in told and '\nok ' in told, told)


def blocks(language):
    """The code of the tutorial, as it is installed."""
    return re.findall(rf'^```{language}\n(.*?)^```$', tutorial.read_text(), re.M | re.S)


def commands_with(words):
    found = [block for block in blocks('sh') if words in block]
    expect(len(found) == 1, f'{len(found)} blocks of commands have "{words}"')
    return found[0]


def quotes_are_word_for_word():
    files = [path.read_text() for path in tutorial.with_name('tutorial').rglob('*')
             if path.is_file()]
    quoted = blocks('c') + blocks('cc')
    expect(len(quoted) >= 10, f'the tutorial quotes {len(quoted)} pieces')
    for piece in quoted:
        expect(any(piece in text for text in files), f'no file of tutorial/ has\n{piece}')


def author_of(name, env, work):
    """A folder with the tutorial's files, and an environment in which cc or c++ is this compiler."""
    folder, shims = work / name, work / f'cc-is-{name}'
    shutil.copytree(tutorial.with_name('tutorial'), folder)
    shims.mkdir()
    real = shutil.which(name)
    expect(real, f'{name} is not here')
    for plain in ('cc', 'c++'):
        (shims / plain).symlink_to(real)
    return folder, dict(env, PATH=f'{shims}:{env["PATH"]}')


def it_builds(language, folder, env):
    first = 'cc -std=c11' if language == 'c' else 'c++ -std=c++17'
    run('sh', '-euc', commands_with(first), cwd=folder, env=env)
    told = run('sh', '-euc', commands_with('inspect'), cwd=folder, env=env)
    expect('FolderStorage' in told and 'if-absent is atomic' in told, told)


def it_passes(running, folder, output):
    status = running.wait()
    text = output.read_text()
    words = [line for line in text.splitlines() if re.match(r'\d+ passed', line)]
    expect(status == 0 and words and ' 0 failed' in words[-1],
           f'it ended with {status}:\n' + '\n'.join(
               re.findall(r'(?:^  FAIL.*\n(?:       .*\n)*)', text, re.M)) + '\n' + text[-2000:])
    left = list((folder / 'blobs').iterdir())
    expect(not left, f'it left {left}')


def broken_twin_fails_as_told(env, work):
    """What the tutorial says of a failure is what an author sees."""
    folder, own = author_of('gcc', env, work / 'broken')
    run('sh', '-euc', commands_with('sed -i'), cwd=folder, env=own)
    run('sh', '-euc', commands_with('cc -std=c11'), cwd=folder, env=own)
    told = run('sh', '-euc', commands_with('--family digest'), cwd=folder, env=own, status=1)
    shown = blocks('text')
    expect(shown, 'the tutorial shows no failure')
    for line in shown[0].splitlines():
        pattern = re.escape(line.strip()).replace(r'\.\.\.', '.*')
        expect(re.search(pattern, told), f'no line is like\n{line}\nin\n{told[-6000:]}')


def plugin_is_found_by_name(prefix, env, work):
    folder, _ = authors['gcc']
    run('sh', '-euc', commands_with('--variable=pluginsdir'), cwd=folder, env=env)
    round_trip(prefix, env, work, 'shared', 'FolderStorage')


os.umask(0o022)  # what a group may write is refused by the loader
missing = [name for name in ('meson', 'ninja', 'pkg-config', *COMPILERS['c'], *COMPILERS['cc'])
           if not shutil.which(name)]
if missing:
    print(f'Bail out! these are not here: {" ".join(missing)}')
    sys.exit(1)
with tempfile.TemporaryDirectory(prefix='regstore-installed-') as temporary:
    top = pathlib.Path(os.path.realpath(temporary))
    base, stage_dir, work_dir, shim_dir = top / 'prefix', top / 'stage', top / 'work', top / 'shims'
    for made in (stage_dir, work_dir, work_dir / 'broken', shim_dir):
        made.mkdir()
    (shim_dir / 'cc').symlink_to(shutil.which('gcc'))
    (shim_dir / 'c++').symlink_to(shutil.which('g++'))
    tutorial = base / 'share' / 'doc' / 'regstore' / 'TUTORIAL.md'
    user = user_of(base, shim_dir)

    claim('meson installs into DESTDIR', install_staged, stage_dir)
    target, lib = option(build, 'prefix'), option(build, 'libdir')
    claim('DESTDIR has each file that should be there, and no other', has_these_files,
          pathlib.Path(f'{stage_dir}{target}'), lib)
    claim('pkg-config with a sysroot leads into DESTDIR', staged_flags_lead_into_the_stage,
          stage_dir, target, lib)
    claim('meson installs at a prefix', install_at, base, top / 'build')
    claim('the prefix has each file that should be there, and no other', has_these_files, base,
          'lib')
    claim('nobody else may write to what is installed', nothing_is_open_to_others, base)
    claim('pkg-config tells the right flags', flags_are_right, base, user)
    claim('each header serves C and C++', headers_serve_both_languages, base, user, work_dir)
    claim('a host on the shared library keeps a blob', shared_host_works, base, user, work_dir)
    claim('a host on the static library keeps a blob', static_host_works, base, user, work_dir)
    claim('the command finds its plugins and the suite', command_finds_its_parts, base, user,
          work_dir)
    claim('what the tutorial quotes is in its files, word for word', quotes_are_word_for_word)

    authors, suites = {}, {}
    for kind, names in COMPILERS.items():
        for compiler_name in names:
            def begin(kind=kind, name=compiler_name):
                authors[name] = author_of(name, user, work_dir)
                it_builds(kind, *authors[name])
                place, own = authors[name]
                text = open(place / 'told', 'w', encoding='utf-8')
                suites[name] = subprocess.Popen(
                    ['sh', '-euc', commands_with('--jobs 2')], cwd=place, env=own,
                    stdin=subprocess.DEVNULL, stdout=text, stderr=subprocess.STDOUT)
                text.close()
            claim(f'{compiler_name} builds the tutorial\'s backend as told', begin)
    # They wait more than they work, so they go side by side.
    for compiler_name, suite in suites.items():
        place = authors[compiler_name][0]
        claim(f'{compiler_name}\'s passes the whole suite', it_passes, suite, place, place / 'told')
    claim('a backend that breaks a rule fails as the tutorial tells', broken_twin_fails_as_told,
          user, work_dir)
    claim('a backend in pluginsdir is found by its name', plugin_is_found_by_name, base, user,
          work_dir)
print(f'1..{count}')
sys.exit(failed > 0)
