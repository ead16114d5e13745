#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: interrupted.py TIMES COMMAND...

COMMAND is the suite on some store, as text.  It is stopped TIMES times, at a moment of each family
in turn and by each signal in turn; afterwards nothing runs and LEFT, a command in the environment
that prints what lies in the store, prints what it did before.  Prints TAP."""

import os
import random
import re
import selectors
import signal
import subprocess
import sys

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def families(command):
    listed = subprocess.run(command + ['--list'], capture_output=True, text=True, check=True)
    found = dict.fromkeys(re.findall(r'^([a-z]+)/\w+ \[', listed.stdout, re.M))
    return {family: len(re.findall('^%s/' % family, listed.stdout, re.M)) for family in found}


def what_lies_there():
    return subprocess.run(os.environ['LEFT'], shell=True, capture_output=True, text=True,
                          check=True).stdout


def processes():
    """Those that say in their environment that they belong to this run."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/environ' % pid, 'rb') as environ:
                if b'INTERRUPTED_RUN=%d\0' % os.getpid() in environ.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def results_until(run, wanted, pause_ms):
    """Reads until so many results have been told, and for a moment more; returns what was said."""
    said, told = b'', 0
    selector = selectors.DefaultSelector()
    selector.register(run.stdout, selectors.EVENT_READ)
    while told < wanted:
        piece = os.read(run.stdout.fileno(), 65536)
        if not piece:
            return said
        said += piece
        told = len(re.findall(rb'^  (?:ok  |FAIL|skip) ', said, re.M))
    if selector.select(pause_ms / 1000):  # the next test ends, or its midst has been reached
        said += os.read(run.stdout.fileno(), 65536)
    return said


def interrupt(command, family, tests, number):
    """A contradiction, or None; and whether the run was stopped before its end."""
    before = what_lies_there()
    run = subprocess.Popen(command + ['--family', family, '--jobs', '2'], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                           env={**os.environ, 'INTERRUPTED_RUN': str(os.getpid())})
    said = results_until(run, random.randrange(tests), random.randrange(300))
    run.send_signal(SIGNALS[number % len(SIGNALS)])
    said += run.stdout.read()
    status = run.wait()
    was_stopped = re.search(rb'^stopped$|: stopped before', said, re.M) is not None
    if processes():
        return 'processes are left: %s' % processes(), was_stopped
    after = what_lies_there()
    if after != before:
        return 'left behind: %s, before: %s\n%s' % (after, before, said.decode()), was_stopped
    if was_stopped and status != 1:
        return 'exit status %d\n%s' % (status, said.decode()), was_stopped
    # Before it guards itself it has made nothing, and the signal ends it as any program.
    if not was_stopped and status not in (0, 1, -SIGNALS[number % len(SIGNALS)]):
        return 'exit status %d\n%s' % (status, said.decode()), was_stopped
    return None, was_stopped


def main():
    times, command = int(sys.argv[1]), sys.argv[2:]
    seed = int(os.environ.get('SEED', random.randrange(10 ** 9)))
    random.seed(seed)
    names = list(families(command).items())
    first = random.randrange(len(names))
    failed = stopped = 0
    print('# SEED=%d' % seed)
    for i in range(times):
        family, tests = names[(first + i) % len(names)]
        found, was_stopped = interrupt(command, family, tests, i)
        stopped += was_stopped
        failed += found is not None
        print('%sok %d - %s ended by %s leaves nothing%s' % (
            'not ' if found else '', i + 1, family, SIGNALS[i % len(SIGNALS)].name,
            '' if was_stopped else ' (it had ended)'), flush=True)
        for line in (found or '').split('\n')[:60] if found else []:
            print('# ' + line)
    print('%sok %d - at least a third were stopped before their end (%d of %d)' % (
        '' if stopped * 3 >= times else 'not ', times + 1, stopped, times))
    print('1..%d' % (times + 1))
    sys.exit(1 if failed or stopped * 3 < times else 0)


main()
