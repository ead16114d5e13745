#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts each mutant through the conformance suite, which must fail it in its own rule.

    run.py REGSTORE TABLE FOLDER FAKE_S3 HEADER SANITIZERS [MUTANT...]

TABLE prints the rows of mutants.def, FOLDER holds the plugins, HEADER has the rules, SANITIZERS is
what the build has of them ("none").  Each mutant runs with the tests of its rule, with a sanitizer
only those of its family, since they cost more there; the good twin runs with all of them.  Prints
TAP, the matrix in comments.  With names of mutants only these run, and what the suite said of them
is shown.

What a sanitizer reports goes to files, one a process, so that none is lost with a process that nobody
looks at.  The good twins and the server may have no report; a mutant only one that otherwise.py lists.
"""
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import otherwise

AT_ONCE = 2 * os.cpu_count()  # many wait for something to become old
SECRET = "kept-in-the-vault-2718"
HANG_S = "6"  # in the mutant that hangs this is what a test gets; the others have a minute
SANITIZED_S = "180"  # with a sanitizer each has this

Row = collections.namedtuple("Row", "plugin name rule family shown_by words")
Test = collections.namedtuple("Test", "family claim rules verdict seen")

# The first line of a report's end says what it is about.
SUMMARY = re.compile(r"SUMMARY: \w+: (?:\d+ byte\(s\) )?"
                     r"(leaked|data race|lock-order-inversion|thread leak|[\w-]+)")
RESULT = re.compile(r"(not ok|ok) \d+ - ([a-z]+)/(\w+) \[([A-Z0-9 -]+)\]( # SKIP.*)?$")
# What is said of a test that did not come to a verdict of its own.
CRASHED = ("Received signal", "was ended by signal", "the plugin ended the process",
           "was ended by exit", "Early exit")
HUNG = ("its time was over", "Test timeout expired")

# Of these rules nobody can make a mutant that a test would see.
EXCUSED = {
    "FORK-4": "its means show only by their effects, which are FORK-2's and FORK-3's",
    "FORK-5": "likewise FORK-3's",
}


def is_good(row):
    return row.family == ""


def environment_with(reports):
    """Ours, in which sanitizers end a process that they have something to say of, in this folder."""
    added = f"log_path={reports}/report:halt_on_error=1:print_summary=1"
    ours = dict(os.environ)
    for name, more in (("ASAN", ""), ("UBSAN", ":print_stacktrace=1"), ("TSAN", ":die_after_fork=0")):
        name += "_OPTIONS"
        ours[name] = ":".join(filter(None, [os.environ.get(name), added + more]))
    return ours


def read_reports(folder):
    return [path.read_text(errors="replace") for path in sorted(pathlib.Path(folder).iterdir())]


def kind_of(report):
    found = SUMMARY.search(report) or re.search(r"Sanitizer: (CHECK failed)", report)
    return found[1] if found else "a report without a summary"


def read_table(program):
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return [Row(*line.split("\t")) for line in text.splitlines()]


def read_tests(output):
    """The tests in the order in which they ran, each with what was seen."""
    tests = []
    for line in output.splitlines():
        found = RESULT.match(line)
        if found:
            verdict = "skip" if found[5] else "fail" if found[1] == "not ok" else "pass"
            tests.append(Test(found[2], found[3], found[4].split(), verdict, []))
        elif line.startswith("# ") and tests:
            tests[-1].seen.append(line[2:])
    return tests


def how(test):
    seen = "\n".join(test.seen)
    if any(words in seen for words in CRASHED):
        return "CRASH"
    return "HANG" if any(words in seen for words in HUNG) else "VERDICT"


def processes_of(session):
    """What still runs of a session that we began."""
    left = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it has just ended
        if int(fields[3]) == session and fields[0] != "Z":
            left.append(path.parent.name)
    return left


@contextlib.contextmanager
def fake_s3(program, complaints):
    """Its config.yaml, while the server is up; complaints: what there is to say of its end."""
    with tempfile.TemporaryDirectory(prefix="mutants-s3-") as folder:
        reports = os.path.join(folder, "reports")
        os.mkdir(reports)
        with open(os.path.join(folder, "said"), "w+", encoding="utf-8") as said:
            server = subprocess.Popen([program, "--dir", folder, "--spool", folder], stdout=said,
                                      stderr=said, env=environment_with(reports))
            try:
                while not os.path.exists(os.path.join(folder, "env")):  # it is written last
                    if server.poll() is not None:
                        said.seek(0)
                        sys.exit("Bail out! the server did not come up: " + said.read())
                    time.sleep(0.05)
                yield os.path.join(folder, "config.yaml")
            finally:
                server.terminate()
                if server.wait() != 0:
                    complaints.append(f"its exit status is {server.returncode}")
                complaints += read_reports(reports)


class Run:
    """One plugin's way through the suite; on files in a folder of its own."""

    def __init__(self, regstore, plugins, row, config, is_sanitized):
        self.blobs = []
        self.reports = []
        command = [regstore, "--plugin", str(plugins / (row.name + ".so"))]
        ending = ["conformance", "--tap"]
        ending += ["--rule", row.rule] if row.rule != "all" else []
        if row.shown_by == "HANG":
            ending += ["--timeout", HANG_S]
        elif is_sanitized:
            ending += ["--timeout", SANITIZED_S]
        ending += ["--family", row.family] if is_sanitized and not is_good(row) else []
        if row.plugin == "s3":
            self.go(command + ["--config", config, "--location", "s3"] + ending)
            return
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            self.go(command + ["--set", "storage_path=" + folder, "--set", "pass=" + SECRET] +
                    ending + ["--own-store"])
            self.blobs = [path for path in pathlib.Path(folder).glob("conformance-*/**/*")
                          if path.is_file()]

    def go(self, command):
        with tempfile.TemporaryDirectory(prefix="mutant-reports-") as reports:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, errors="replace",
                                     start_new_session=True, env=environment_with(reports))
            self.output = child.communicate()[0]
            self.reports = read_reports(reports)
        self.status = child.returncode
        self.processes = processes_of(child.pid)
        self.tests = read_tests(self.output)
        self.failed = [test for test in self.tests if test.verdict == "fail"]

    def dishonesty(self):
        """What the suite's account of the run does not tell, or tells wrongly."""
        count = collections.Counter(test.verdict for test in self.tests)
        line = f"# {count['pass']} passed, {count['fail']} failed, {count['skip']} skipped"
        lines = self.output.splitlines()
        if not lines or lines[-1] != line:
            return f"the closing line is '{lines[-1] if lines else ''}', due was '{line}'"
        if f"1..{len(self.tests)}" not in lines:
            return "the plan is not the number of tests"
        if self.processes:
            return "processes are left: " + " ".join(self.processes)
        is_told = "could be removed:" in self.output
        if self.blobs and not is_told:
            return f"files are left and nothing is said of it: {self.blobs[0]}"
        is_well = count["fail"] == 0 and count["pass"] > 0 and not is_told
        if (self.status == 0) != is_well:
            return f"the exit status is {self.status}"
        return None

    def kinds(self):
        return sorted({kind_of(report) for report in self.reports})


def judge(row, run, listed):
    """None, or why this run does not show what the row claims; listed: what otherwise.py says."""
    dishonesty = run.dishonesty()
    if dishonesty:
        return dishonesty
    unlisted = [kind for kind in run.kinds() if kind not in listed.kinds]
    if unlisted:
        return "a sanitizer reports what is not listed: " + ", ".join(unlisted)
    if is_good(row):
        return f"{len(run.failed)} failed" if run.failed else None
    own = [test for test in run.failed if row.rule in test.rules]
    if not own:
        return "it survived: no test of its rule failed"
    own = [test for test in own if test.family == row.family]
    if not own:
        return "no test of its family failed"
    shown = {how(test) for test in own}
    if row.shown_by not in shown and not (run.reports and "CRASH" in shown):
        return "no test came to a verdict: " + " ".join(sorted(shown))
    return None


def judge_unseen(row, run):
    """None, or why this run does not show that its tests are left out in this build."""
    dishonesty = run.dishonesty() if any(test.verdict == "pass" for test in run.tests) else None
    if dishonesty or run.reports or run.failed:
        return dishonesty or "it is listed as unseen, and was seen"
    is_left_out = any(test.verdict == "skip" and test.family == row.family and
                      row.rule in test.rules for test in run.tests)
    return None if is_left_out else "it is listed as unseen, and no test of its rule is left out"


def matrix_line(row, run, why, listed):
    failed = [test for test in run.failed if is_good(row) or row.rule in test.rules]
    families = " ".join(sorted({test.family for test in failed})) or "-"
    verdict = why or ("passed" if is_good(row) else "failed, by a " + row.shown_by.lower())
    if why is None and listed.is_unseen:
        verdict = "is not seen"
    elif why is None and run.reports:
        verdict += ", reported: " + ", ".join(run.kinds())
    return f"# {row.name:<24} {row.rule:<8} {families:<24} {verdict:<18} {row.words}"


def rules_of(header):
    text = pathlib.Path(header).read_text(encoding="utf-8")
    return re.findall(r"^ +\* ([A-Z]+-[0-9])  ", text, re.MULTILINE)


def tell_others(rows, runs, listed):
    """What this build shows in another way than the plain one, each with the reason."""
    print("# in another way than without a sanitizer:")
    for row, run in zip(rows, runs):
        one = listed[row.name]
        if run.reports or one.is_unseen:
            print(f"#   {row.name:<24} {', '.join(run.kinds()) or 'not seen':<24} {one.why}")


def main():
    regstore, table, folder, server, header, sanitizers = sys.argv[1:7]
    plugins, chosen = pathlib.Path(folder), sys.argv[7:]
    os.umask(0o022)
    every = read_table(table)
    rows = [row for row in every if not chosen or row.name in chosen]
    listed = otherwise.listed(sanitizers, [row.name for row in every])
    mutants = sum(not is_good(row) and not listed[row.name].is_unseen for row in rows)
    unseen = sum(listed[row.name].is_unseen for row in rows)
    matrix, done, complaints = [], [], []
    survivors = bad = 0
    is_on_s3 = any(row.plugin == "s3" for row in rows)
    print(f"1..{len(rows) + is_on_s3}", flush=True)
    with contextlib.ExitStack() as stack:
        config = stack.enter_context(fake_s3(server, complaints)) if is_on_s3 else None
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(AT_ONCE))
        runs = pool.map(lambda row: Run(regstore, plugins, row, config, sanitizers != "none"), rows)
        for number, (row, run) in enumerate(zip(rows, runs), 1):
            one = listed[row.name]
            why = judge_unseen(row, run) if one.is_unseen else judge(row, run, one)
            bad += why is not None
            survivors += why is not None and not is_good(row) and not one.is_unseen
            done.append(run)
            matrix.append(matrix_line(row, run, why, one))
            words = row.words if is_good(row) else f"fails in {row.rule}: {row.words}"
            print(f"{'not ok' if why else 'ok'} {number} - {row.name} {words}")
            if why or chosen:
                said = run.output.splitlines()[-80:]
                said += [line for text in run.reports for line in text.splitlines()[:40]]
                print("# " + "\n# ".join([why or "as it should"] + said))
            sys.stdout.flush()
    if is_on_s3:
        print(f"{'not ok' if complaints else 'ok'} {len(rows) + 1} - the server ends well")
        print("".join(f"# {line}\n" for text in complaints for line in text.splitlines()), end="")
        bad += len(complaints)
    print("\n".join(["#"] + matrix + ["#"]))
    if sanitizers != "none":
        tell_others(rows, done, listed)
    print("# rules without a mutant:")
    for rule in rules_of(header):
        if rule not in {row.rule for row in every}:
            print(f"#   {rule}  {EXCUSED.get(rule, 'nobody has made one yet')}")
    left_out = f"; {unseen} cannot be seen in this build" if unseen else ""
    print(f"# mutants: {mutants - survivors} of {mutants} failed in their own rule{left_out}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
