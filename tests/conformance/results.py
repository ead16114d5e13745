#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: results.py CLAIM REGSTORE PLUGIN FOLDER-OF-BROKEN-PLUGINS S3-PLUGIN MANUAL

What the conformance suite tells of a plugin, good or broken, and that it leaves nothing.  Each
claim is a function of that name, which returns what contradicts it; nothing: the claim holds."""

import html.parser
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

TELLS_LENGTH = 'stat/stat_tells_length_time_digest_and_etag'


def run(*args, plugin=None, settings=None, env=None):
    """The suite on a plugin, LocalStorage unless told otherwise, in a fresh folder that must be
    empty again afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings or ['storage_path=' + folder]
        command = [regstore, '--plugin', plugin or local]
        for setting in settings:
            command += ['--set', setting]
        done = subprocess.run(command + ['conformance', *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        done.left = os.listdir(folder)
        return done


def broken(name):
    return str(Path(broken_folder) / (name + '.so'))


def document(done):
    return json.loads(done.stdout)


def named(told):
    return {test['family'] + '/' + test['claim']: test for test in told['tests']}


def verdicts(told):
    return {name: test['verdict'] for name, test in named(told).items()
            if test['seen'] != 'not asked for'}


def in_family(name, *args):
    """A run of the broken plugin of this name, as JSON, with what contradicts that it is whole."""
    done = run('--json', *args, plugin=broken(name))
    told = document(done)
    found = []
    if done.returncode != 1:
        found.append('exit status %d' % done.returncode)
    if done.left or told['leftover'] is not None:
        found.append('left behind: %s %s' % (done.left, told['leftover']))
    if sum(told['counts'].values()) != len(told['tests']):
        found.append('the counts are not those of the tests: %s' % told['counts'])
    if any(test['verdict'] == 'not run' for test in told['tests']
           if test['seen'] != 'not asked for'):
        found.append('it did not go on to the end')
    return told, found


def must_fail(told, words, but=()):
    """Tests that fail do so with these words, and some do; those of but pass."""
    failed = [test for test in told['tests'] if test['verdict'] == 'fail']
    if not failed:
        yield 'nothing has failed'
    for test in failed:
        if not re.search(words, test['seen']):
            yield '%s: %s' % (test['claim'], test['seen'])
    for name in but:
        if verdicts(told).get(name) != 'pass':
            yield '%s: %s' % (name, named(told)[name])


# --- a crash, a hang, an end ---

def a_crash_is_a_result():
    told, found = in_family('Crashes', '--family', 'read', '--family', 'stat', '--jobs', '2')
    yield from found
    yield from must_fail(told, r'signal 11 \(Segmentation fault\)|SEGV',
                         ['stat/stat_of_a_missing_key_is_not_found'])


def a_hang_is_a_result():
    told, found = in_family('Hangs', '--timeout', '1', '--jobs', '2',
                            '--test', 'commit/abort_after_commit_leaves_the_blob',
                            '--test', 'digest/both_digests_may_be_asked_for',
                            '--test', 'load/is_never_unloaded')
    yield from found
    yield from must_fail(told, 'it hung: its time was over after 1 s, its calls were cancelled',
                         ['load/is_never_unloaded'])


def a_test_that_hangs_is_stopped_like_any_other():
    with tempfile.TemporaryDirectory() as folder:
        suite = subprocess.Popen(
            [regstore, '--plugin', broken('Hangs'), '--set', 'storage_path=' + folder,
             'conformance', '--test', 'digest/both_digests_may_be_asked_for', '--timeout', '3600'],
            stdout=subprocess.PIPE, text=True)
        said = suite.stdout.readline() + suite.stdout.readline() + suite.stdout.readline()
        suite.send_signal(signal.SIGINT)
        suite.send_signal(signal.SIGTERM)  # whoever asks twice does not want to wait
        try:
            said += suite.communicate(timeout=200)[0]
        except subprocess.TimeoutExpired:
            suite.kill()
            yield 'it goes on: ' + said
            return
        if suite.returncode != 1 or '\nstopped\n' not in said or '0 passed, 0 failed' not in said:
            yield 'exit %d, %s' % (suite.returncode, said)
        if '  1 test had not ended when the run was stopped' not in said:
            yield 'what was left out is not told: ' + said
        if os.listdir(folder):
            yield 'left behind: %s' % os.listdir(folder)


def an_end_of_the_process_is_a_result():
    told, found = in_family('Exits', '--family', 'stat', '--family', 'load')
    yield from found
    yield from must_fail(told, r'the plugin ended the process|ended by exit\(0\)',
                         ['load/exports_exactly_one_symbol'])


def a_closed_output_spoils_nothing_but_its_own_test():
    told, found = in_family('ClosesOutput', '--family', 'commit', '--family', 'manners')
    yield from found
    yield from must_fail(told, '')
    done = run('--tap', '--family', 'manners', plugin=broken('ClosesOutput'))
    if len(re.findall(r'^(?:not )?ok \d+ - ', done.stdout, re.M)) != len(
            [t for t in told['tests'] if t['family'] == 'manners']):
        yield 'TAP is not whole: ' + done.stdout


def what_a_plugin_prints_is_no_part_of_the_report():
    told, found = in_family('Prints', '--family', 'manners', '--family', 'read')
    yield from found
    yield from must_fail(told, 'printed|output')
    done = run('--tap', '--family', 'manners', plugin=broken('Prints'))
    lines = [line for line in done.stdout.split('\n') if line and not line.startswith('#')]
    strange = [line for line in lines
               if not re.match(r'TAP version 13$|1\.\.\d+$|(not )?ok \d+ - manners/', line)]
    if strange:
        yield 'TAP with other lines: %s' % strange


def a_process_left_behind_is_ended():
    done = run('--family', 'copy', plugin=broken('LeavesAProcess'))
    for entry in Path('/proc').iterdir():
        try:
            if entry.name.isdigit() and b'LeavesAProcess' in (entry / 'cmdline').read_bytes():
                yield 'process %s is still there' % entry.name
        except OSError:
            pass
    if not re.search(r'\d+ passed', done.stdout):
        yield 'there is no end: ' + done.stdout


def a_test_that_fails_now_and_then_says_how_often():
    told, found = in_family('Sometimes', '--test', TELLS_LENGTH, '--seed', '40',
                            '--repeat', '3')
    yield from found
    yield from must_fail(told, r'^1 of 3 rounds failed, the first like this:\n')
    text = run('--test', TELLS_LENGTH, '--seed', '40', '--repeat', '3',
               plugin=broken('Sometimes')).stdout
    if '--test %s --seed 41\n' % TELLS_LENGTH not in text:
        yield 'the seed of the round that failed is not told: ' + text


# --- the same in each form ---

def json_tap_and_text_tell_the_same():
    args = ['--family', 'stat', '--family', 'read', '--family', 'presign', '--seed', '7']
    for plugin in local, broken('Exits'):
        told = document(run('--json', *args, plugin=plugin))
        text = run(*args, plugin=plugin).stdout
        tap = run('--tap', *args, plugin=plugin).stdout
        if told['seed'] != 7 or told['plugin']['name'] != 'LocalStorage':
            yield 'seed %s, plugin %s' % (told['seed'], told['plugin'])
        for name, verdict in verdicts(told).items():
            word = {'pass': 'ok  ', 'fail': 'FAIL', 'skip': 'skip'}[verdict]
            if not re.search(r'^  %s \S.* %s \(\d+ ms\)$' % (word, name.split('/')[1]), text,
                             re.M):
                yield 'text has no %s for %s' % (word, name)
            line = re.search(r'^(not )?ok \d+ - %s \[[^]]+\]( # SKIP .+)?$' % name, tap, re.M)
            if not line or bool(line.group(1)) != (verdict == 'fail') or \
                    bool(line.group(2)) != (verdict == 'skip'):
                yield 'TAP does not have %s for %s' % (verdict, name)
        counts = '%(passed)d passed, %(failed)d failed, %(skipped)d skipped\n' % told['counts']
        if not text.endswith('\n' + counts) or not tap.endswith('\n# ' + counts):
            yield 'the last line is not ' + counts


def a_failure_names_rule_and_sight_and_how_to_run_it_alone():
    text = run('--test', TELLS_LENGTH, plugin=broken('Exits')).stdout
    says = named_rules()['STAT-1']['says']
    if says not in re.sub(r'\s+', ' ', text):
        yield 'the rule is not there: ' + text
    if 'seen:\n         the plugin ended the process\n' not in text:
        yield 'what was seen is not there: ' + text
    alone = re.search(r'alone: (.*)\n', text)
    if not alone:
        yield 'how to run it alone is not there: ' + text
        return
    with tempfile.TemporaryDirectory() as folder:
        words = shlex.split(alone.group(1).replace('storage_path=...', 'storage_path=' + folder))
        words[0] = str(Path(regstore).parent / 'conformance' / words[0])
        again = subprocess.run(words, capture_output=True, text=True)
    if again.returncode != 1 or '0 passed, 1 failed, 0 skipped' not in again.stdout:
        yield 'run alone: ' + again.stdout + again.stderr


def what_was_left_out_is_told_with_its_reason():
    text = run('--family', 'presign', '--family', 'stat').stdout
    end = text.split('\nleft out:\n')[1]
    for wanted in ('  the plugin does not offer presign:\n    presign/get_url_gives',
                   ' tests: not asked for by --family, --rule or --test',
                   'FORK-4: no test can hold it: ', 'SIGN-1'):
        if wanted not in end:
            yield '%s is not in %s' % (wanted, end)


def no_value_of_a_setting_is_told():
    secret = 'kT9vQ2sW7rXy'
    settings = ['storage_path=/s', 's3_bucket=b', 'sts_role_arn=arn:aws:iam::123492922789:role/r',
                'sts_user_access_key=AKIA' + secret, 'sts_user_secret_key=' + secret]
    with tempfile.TemporaryDirectory() as folder:
        page = folder + '/page.html'
        for form in ['--json', '--html', page], ['--tap'], []:
            # Tests that send nothing; what is removed at the end would be, and is told not to be.
            done = run('--family', 'load', *form, plugin=s3, settings=settings +
                       ['endpoint_url=http://127.0.0.1:9', 'sts_endpoint_url=http://127.0.0.1:9',
                        's3_region=us-east-1'])
            if 'exports_exactly_one_symbol' not in done.stdout:
                yield 'it did not run: ' + done.stdout + done.stderr
            if secret in done.stdout + done.stderr:
                yield 'a secret is in what %s prints' % form
            if '--json' in form:
                told = document(done)['plugin']['settings']
                if not {'s3_bucket', 'sts_user_secret_key'} <= set(told):
                    yield 'the keys of the settings are not told: %s' % told
        if secret in Path(page).read_text():
            yield 'a secret is in the page'


# --- side by side ---

def jobs_change_no_order_and_no_verdict():
    args = ['--json', '--family', 'key', '--family', 'digest', '--family', 'purge', '--family',
            'list', '--seed', '3']
    one, two = document(run(*args)), document(run(*args, '--jobs', '3'))
    if verdicts(one) != verdicts(two) or list(verdicts(one)) != list(verdicts(two)):
        yield '%s\n%s' % (verdicts(one), verdicts(two))
    told = [re.findall(r'^  (?:ok  |FAIL|skip) \S.* (\w+) \(\d+ ms\)$',
                       run(*args[1:], *more).stdout, re.M) for more in ([], ['--jobs', '3'])]
    if told[0] != told[1] or len(told[0]) != len(verdicts(one)):
        yield 'the order of the text: %s\n%s' % (told[0], told[1])
    if overlaps(one):
        yield 'one job ran two at a time: %s' % overlaps(one)
    if not overlaps(two):
        yield 'three jobs ran one at a time'


def overlaps(told):
    """Pairs of tests, one of which began while the other ran."""
    tests = [test for test in told['tests'] if test['verdict'] in ('pass', 'fail', 'skip')
             and test['seen'] != 'not asked for']
    return [(a['claim'], b['claim']) for a in tests for b in tests
            if a is not b and a['at_ms'] < b['at_ms'] < a['at_ms'] + a['ms']]


def who_needs_to_be_alone_is():
    alone = {test['claim'] for test in listed()['tests'] if test['alone']}
    told = document(run('--json', '--family', 'purge', '--family', 'fork', '--family', 'stat',
                        '--jobs', '4'))
    if len(alone & {test.split('/')[1] for test in verdicts(told)}) < 8:
        yield 'few are: %s' % alone
    for pair in overlaps(told):
        if alone & set(pair):
            yield '%s and %s ran side by side' % pair


# --- the list ---

def listed():
    done = run('--list', '--json')
    return json.loads(done.stdout)


def named_rules():
    return {rule['rule']: rule for rule in listed()['rules']}


def the_rules_are_told_in_the_words_of_the_header():
    header = (Path(manual_file).parent / 'regstore.h').read_text()
    words = re.sub(r'^ *(/\*|\*/|\*(?!/))? ?', '', header.replace('*/', '\n'), flags=re.M)
    for rule in listed()['rules']:
        # To the next rule, a line without words, or one that begins at the margin.
        whole = re.search(r'^ *%s  +(.*?)(?=^ *[A-Z]+-\d+  |^ *$|^\S)' % rule['rule'], words,
                          re.M | re.S)
        if not whole or re.sub(r'\s+', ' ', whole.group(1)).strip() != rule['says']:
            yield '%s: the list says %s\nthe header %s' % (rule['rule'], rule['says'],
                                                          whole and whole.group(1))


def the_list_has_each_test_and_what_the_rules_say():
    text = run('--list').stdout
    for test in listed()['tests']:
        line = '%s/%s [%s]' % (test['family'], test['claim'], ' '.join(test['rules']))
        if not re.search('^' + re.escape(line), text, re.M):
            yield 'text has no ' + line
    for rule in listed()['rules']:
        if rule['says'] not in re.sub(r'\s+', ' ', text):
            yield '%s does not say %s' % (rule['rule'], rule['says'])
    one = run('--list', '--rule', 'DEL-1').stdout
    if 'COM-1' in one or not re.search(r'^DEL-1 \(delete\), \d+ tests?$', one, re.M):
        yield 'of one rule: ' + one


def every_rule_has_a_test_or_the_manual_says_why_not():
    rules = [rule['rule'] for rule in listed()['rules']]
    entries = re.findall(r'^\*\*([A-Z]+-[0-9]+)\*\* ', manual, re.M)
    if len(rules) < 40 or rules != entries:
        yield 'the list has %s, the manual %s' % (rules, entries)
    table = re.search(r'^The rules that no test .*?:\n\n\| rule \| why \|\n\|---\|---\|\n(.*?)\n\n',
                      manual, re.M | re.S)
    excused = dict(re.findall(r'^\| (\S+) \| (.*) \|$', table.group(1), re.M)) if table else {}
    for rule in listed()['rules']:
        if excused.get(rule['rule']) != rule['no_test_because']:
            yield '%s: the manual says %s, the list %s' % (
                rule['rule'], excused.get(rule['rule']), rule['no_test_because'])
        if (rule['tests'] == 0) != (rule['rule'] in excused):
            yield '%s has %d tests, and the manual says %s' % (
                rule['rule'], rule['tests'], excused.get(rule['rule'], 'nothing'))
    for test in listed()['tests']:
        for rule in test['rules']:
            if rule not in rules:
                yield '%s bears %s, which is no rule' % (test['claim'], rule)


# --- the page ---

class Page(html.parser.HTMLParser):
    """What the claims ask of a page: its tags, and the cells of each row of a rule."""

    VOID = {'meta', 'col', 'wbr'}

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.tags, self.faults = [], {}, set(), []
        self.row, self.depth, self.references = None, 0, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ('src', 'href', 'srcset', 'data', 'action') or name.startswith('on'):
                self.references.append((tag, name, value))
        attrs = dict(attrs)
        if tag == 'tr':
            self.row = attrs.get('id')
            if self.row:
                self.rows[self.row] = []
        if tag in ('td', 'th') and self.row:
            self.rows[self.row].append({'span': int(attrs.get('colspan', 1)), 'text': ''})

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append('</%s> closes something else' % tag)
        if tag == 'tr':
            self.row = None

    def handle_data(self, data):
        if self.row and self.rows[self.row]:
            self.rows[self.row][-1]['text'] += data


def page_of(*args, plugin=None):
    with tempfile.TemporaryDirectory() as folder:
        path = folder + '/page.html'
        done = run('--html', path, *args, plugin=plugin)
        text = Path(path).read_text()
        return done, text, Page(text)


def written(folder, name, told):
    path = Path(folder) / name
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return str(path)


def the_page_needs_nothing_else():
    _, text, page = page_of('--family', 'load')
    if page.faults or page.open:
        yield '%s, open at the end: %s' % (page.faults, page.open)
    if page.references or page.tags & {'script', 'link', 'img', 'iframe', 'object', 'base'}:
        yield 'it refers to something: %s %s' % (page.references, page.tags)
    if re.search(r'@import|url\(', text):
        yield 'its style refers to something'


def the_page_shows_each_rule_beside_each_run():
    with tempfile.TemporaryDirectory() as folder:
        args = ['--family', 'stat', '--family', 'presign', '--json', '--name', 'the other <run>']
        other = written(folder, 'a', run(*args, plugin=broken('Exits')).stdout)
        third = written(folder, 'b', run('--family', 'load', '--json').stdout)
        done, text, page = page_of('--family', 'stat', '--compare', other, '--compare', third)
        only = folder + '/only.html'
        page_only = run('--html', only, '--page-only', '--compare', other, '--compare', third)
        columns = Page(Path(only).read_text()).rows['STAT-1']
    if done.returncode or page_only.returncode or len(columns) != 3:
        yield 'exit %d and %d, %s' % (done.returncode, page_only.returncode, columns)
    for rule in listed()['rules']:
        row = page.rows.get(rule['rule'])
        if not row or sum(cell['span'] for cell in row) != 4 or rule['says'] not in row[0]['text']:
            yield '%s: %s' % (rule['rule'], row)
    cells = [cell['text'] for cell in page.rows['STAT-1']]
    if 'pass' not in cells[1] or 'fail' not in cells[2] or 'not run' not in cells[3]:
        yield 'STAT-1: %s' % cells
    if 'the plugin ended the process' not in cells[2]:
        yield 'what was seen is not there: ' + cells[2]
    if 'the plugin does not offer presign' not in page.rows['SIGN-1'][2]['text']:
        yield 'the reason of a skip is not there'
    if 'the other &lt;run&gt;' not in text:
        yield 'the name of the run is not there'


def nothing_in_a_document_becomes_markup():
    told = document(run('--family', 'load', '--json'))
    evil = '"><script>x</script><img src=x onerror=y>&amp;\''
    for key in 'name', 'location', 'began', 'works_under', 'leftover', 'ms', 'seed':
        told[key] = evil
    told['plugin'] = {**told['plugin'], 'name': evil, 'version': evil, 'abi_minor': evil,
                      'offers': [evil], 'settings': [evil]}
    for test in told['tests']:
        test.update(family=evil, claim=evil, seen=evil, verdict='fail')
    with tempfile.TemporaryDirectory() as folder:
        _, text, page = page_of('--page-only', '--compare', written(folder, 'evil', told))
    if 'script' in page.tags or 'img' in page.tags or page.references or page.faults:
        yield '%s %s %s' % (page.tags, page.references, page.faults)
    if '&quot;&gt;&lt;script&gt;x&lt;/script&gt;' not in text:
        yield 'it is not shown at all'


def a_document_that_is_none_is_refused_and_named():
    good = run('--family', 'stat', '--json').stdout.strip()
    bad = [good[:cut] for cut in range(0, len(good), 997)]
    bad += ['', '[]', '{}', 'null', '"a"', '{"regstore_conformance": 2}', good + '}', good + 'x',
            good.replace('"verdict": "pass"', '"verdict": "fine"', 1)]
    values = {'01': 0, '1,': 0, ',1': 0, '1 2': 0, 'tru': 0, '-': 0, '1.': 0, '1e': 0, '.5': 0,
              '"\\ud800"': 0, '"\\u0000"': 0, '"\\x"': 0, '"\x01"': 0, '[1 2]': 0, '[1,]': 0,
              '[}': 0, '{"a" 1}': 0, '{a: 1}': 0, '{"a": 1,}': 0, '[' * 20 + ']' * 20: 0,
              '-1.5e+3': 1, '0': 1, '"\\ud83d\\ude00\\n"': 1, '{}': 1, '[[], {"a": null}]': 1}
    fine = [good]
    for value, is_fine in values.items():
        (fine if is_fine else bad).append(good.replace('"jobs": 1,', '"jobs": %s,' % value))
    with tempfile.TemporaryDirectory() as folder:
        page = folder + '/page.html'
        for text in bad:
            path = written(folder, 'bad', text)
            done = run('--html', page, '--page-only', '--compare', path)
            if done.returncode != 2 or path not in done.stderr:
                yield 'exit %d, "%s" of %.60s ... %.60s' % (done.returncode, done.stderr, text,
                                                           text[-60:])
        for text in fine:
            done = run('--html', page, '--page-only', '--compare', written(folder, 'good', text))
            if done.returncode != 0:
                yield 'a good one: %s %.400s' % (done.stderr, text)


if __name__ == '__main__':
    claim, regstore, local, broken_folder, s3, manual_file = sys.argv[1:]
    manual = Path(manual_file).read_text()
    found = list(globals()[claim]())
    for contradiction in found:
        print(contradiction)
    sys.exit(1 if found else 0)
