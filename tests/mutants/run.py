#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts each mutant through the conformance suite, which must fail it in its own rule.

    run.py REGSTORE TABLE FOLDER [MUTANT...]

TABLE prints the rows of mutants.def, FOLDER holds the plugins.  Each mutant runs with the tests of
its rule; the good twin runs with all of them.  Prints TAP, the matrix in comments.  With names of
mutants only these run, and what the suite said of them is shown.
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

AT_ONCE = 2 * os.cpu_count()  # many wait for something to become old
SECRET = "kept-in-the-vault-2718"
HANG_S = "6"  # in the mutant that hangs this is what a test gets; the others have a minute

Row = collections.namedtuple("Row", "name rule family shown_by words")
Test = collections.namedtuple("Test", "family claim rules verdict seen")

RESULT = re.compile(r"(not ok|ok) \d+ - ([a-z]+)/(\w+) \[([A-Z0-9 -]+)\]( # SKIP.*)?$")
# What is said of a test that did not come to a verdict of its own.
CRASHED = ("Received signal", "was ended by signal", "the plugin ended the process",
           "was ended by exit")
HUNG = ("its time was over", "Test timeout expired")


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


class Run:
    """One plugin's way through the suite, in a folder of its own."""

    def __init__(self, regstore, plugins, row):
        command = [regstore, "--plugin", str(plugins / (row.name + ".so"))]
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            command += ["--set", "storage_path=" + folder, "--set", "pass=" + SECRET,
                        "conformance", "--own-store", "--tap"]
            if row.rule:
                command += ["--rule", row.rule]
            if row.shown_by == "HANG":
                command += ["--timeout", HANG_S]
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, errors="replace",
                                     start_new_session=True)
            self.output = child.communicate()[0]
            self.status = child.returncode
            self.processes = processes_of(child.pid)
            self.blobs = [path for path in pathlib.Path(folder).rglob("*")
                          if path.is_file() and path.parent.name != "uploads"]
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
        if self.blobs and "could not be removed" not in self.output:
            return f"files are left and nothing is said of it: {self.blobs[0]}"
        is_good = count["fail"] == 0 and count["pass"] > 0 and not self.blobs
        if (self.status == 0) != is_good:
            return f"the exit status is {self.status}"
        return None


def judge(row, run):
    """None, or why this run does not show what the row claims."""
    dishonesty = run.dishonesty()
    if dishonesty:
        return dishonesty
    if not row.rule:
        return f"{len(run.failed)} failed" if run.failed else None
    own = [test for test in run.failed if row.rule in test.rules]
    if not own:
        return "it survived: no test of its rule failed"
    if not any(test.family == row.family for test in own):
        return "no test of its family failed: " + " ".join(sorted({t.family for t in own}))
    if not any(how(test) == row.shown_by for test in own):
        return "no test came to a verdict: " + " ".join(sorted({how(test) for test in own}))
    return None


def matrix_line(row, run, why):
    failed = [test for test in run.failed if not row.rule or row.rule in test.rules]
    families = " ".join(sorted({test.family for test in failed})) or "-"
    verdict = why or (row.shown_by.lower() if row.rule else "passed")
    return f"# {row.name:<26} {row.rule or 'all rules':<9} {families:<22} {verdict:<8} {row.words}"


def rules_of_suite(regstore, plugins):
    listed = subprocess.run([regstore, "--plugin", str(plugins / "Good.so"), "conformance", "--list"],
                            check=True, capture_output=True, text=True).stdout
    tests = re.findall(r"\[([A-Z0-9 -]+)\]$", listed, re.MULTILINE)
    return sorted({rule for rules in tests for rule in rules.split()})


def main():
    regstore, table, plugins = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    os.umask(0o022)
    every = read_table(table)
    rows = [row for row in every if len(sys.argv) == 4 or row.name in sys.argv[4:]]
    print(f"1..{len(rows)}", flush=True)
    matrix = []
    failed = 0
    all_well = True
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = pool.map(lambda row: Run(regstore, plugins, row), rows)
        for number, (row, run) in enumerate(zip(rows, runs), 1):
            why = judge(row, run)
            matrix.append(matrix_line(row, run, why))
            claim = f"fails in {row.rule}: {row.words}" if row.rule else row.words
            print(f"{'not ok' if why else 'ok'} {number} - {row.name} {claim}".replace("#", ""))
            if why or len(sys.argv) > 4:
                print("# " + "\n# ".join([why or "as it should"] + run.output.splitlines()[-60:]))
            sys.stdout.flush()
            failed += why is not None and row.rule != ""
            all_well = all_well and why is None
    print("\n".join(["#"] + matrix))
    mutated = {row.rule for row in every}
    missing = [rule for rule in rules_of_suite(regstore, plugins) if rule not in mutated]
    print("#\n# rules without a mutant: " + (" ".join(missing) or "none"))
    mutants = sum(row.rule != "" for row in rows)
    print(f"# mutants: {mutants - failed} of {mutants} failed in their own rule")
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main())
