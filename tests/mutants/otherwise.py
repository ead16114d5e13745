# SPDX-License-Identifier: Apache-2.0
"""The mutants that a build with sanitizers shows in another way than a plain one, and why.

A mutant that a sanitizer reports has to be here with what the report is about, else its run fails;
the report ends the process of a test of its own rule, and so the suite fails it there.
"""
import collections

# kinds: what its reports may be about; is_unseen: its tests are left out in this build.
Listed = collections.namedtuple("Listed", "kinds is_unseen why")

AS_USUAL = Listed((), False, "")


def reported(why, *kinds):
    return Listed(kinds, False, why)


def unseen(why):
    return Listed((), True, why)


NULL_IS_USED = "it goes through the null pointer, which is reported before the signal ends the test"

ANY = {
    "LargeBufferOnTheStack": unseen("sanitizers make stack frames larger, its test is left out"),
    "LockHeldAtTheFork": unseen("sanitizers have locks of their own, which its test's child may find "
                                "locked: the test is left out"),
    "ErrorMustBeThere": reported(NULL_IS_USED, "SEGV", "undefined-behavior"),
    "LogMustBeThere": reported(NULL_IS_USED, "SEGV"),
    "ClockMustBeThere": reported(NULL_IS_USED, "SEGV"),
}

ADDRESS = {
    "BufferUsedLater": reported("the test's buffer is freed by then", "heap-use-after-free"),
    "BufferTerminated": reported("the test's buffer ends where the NUL goes",
                                 "global-buffer-overflow", "heap-buffer-overflow"),
}

THREAD = {
    "BufferTerminated": reported("the NUL may hit memory of the sanitizer's own, which then gives up",
                                 "CHECK failed"),
    "KeyInAStaticBuffer": reported("the threads race for the buffer", "data race"),
    "ReadEndsLate": reported("its thread races with the test, which looks at the buffer",
                             "data race"),
}


def listed(sanitizers, names):
    """Of each name what holds in a build with these sanitizers."""
    known = {}
    for sanitizer, some in (("address", ADDRESS), ("thread", THREAD)):
        if sanitizer in sanitizers.split(","):
            known.update(ANY)
            known.update(some)
    unknown = sorted(set(known) - set(names))
    if unknown:
        raise SystemExit("Bail out! no mutant is called " + ", ".join(unknown))
    return {name: known.get(name, AS_USUAL) for name in names}
