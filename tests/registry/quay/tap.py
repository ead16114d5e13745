# SPDX-License-Identifier: Apache-2.0
"""Runs a unittest module and prints TAP: main(MODULE)."""
import sys
import unittest


class TapResult(unittest.TestResult):
    """One line a test; its name is the claim."""

    def __init__(self, prefix):
        super().__init__()
        self._prefix = prefix
        self._bad = None

    def startTest(self, test):
        super().startTest(test)
        self._bad = None

    def addError(self, test, err):
        super().addError(test, err)
        self._bad = self._exc_info_to_string(err, test)
        if not isinstance(test, unittest.TestCase):  # of setUpClass or setUpModule
            print("not ok -", test.id(), "\n#", self._bad.strip().replace("\n", "\n# "))

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addError(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._bad = "skipped"
        print(f"ok {self.testsRun} - {self._claim(test)} # SKIP {reason}", flush=True)

    def _claim(self, test):
        return self._prefix + test.id().rsplit(".", 1)[-1].replace("test_", "", 1).replace("_", " ")

    def stopTest(self, test):
        super().stopTest(test)
        if self._bad == "skipped":
            return
        print("not ok" if self._bad else "ok", f"{self.testsRun} - {self._claim(test)}", flush=True)
        if self._bad:
            print("#", self._bad.strip().replace("\n", "\n# "), flush=True)


def main(module, prefix=""):
    tests = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = TapResult(prefix)
    print(f"1..{tests.countTestCases()}")
    tests.run(result)
    sys.exit(0 if not result.errors and not result.failures and result.testsRun else 1)
