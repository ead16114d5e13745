# SPDX-License-Identifier: Apache-2.0
"""A made page as its reader sees it."""
import re

ESCAPES = {r"\-": "-", r"\&": "", r"\(aq": "'", r"\\": "\\"}


def decoded(text):
    text = re.sub(r"\\f[BIR]", "", text)
    return re.sub(r"\\(?:\(..|.)", lambda escape: ESCAPES[escape.group()], text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def plain(path):
    """The page's words, without roff's markup."""
    without = re.sub(r"^\.[A-Za-z\\].*$|^\\h.*$|^T[{}]|^T}\tT{$", " ", read(path), flags=re.M)
    return " ".join(decoded(without).split())


def literals(path):
    """What stands in the page line by line, each block as a text."""
    return [decoded(re.sub(r"^\.RS 4\n|^\.RE\n", "", block, flags=re.M))
            for block in re.findall(r"^\.nf\n(.*?)^\.fi\n", read(path), flags=re.S | re.M)]


def bold(path):
    return [decoded(one) for one in re.findall(r"\\fB(.*?)\\fR", read(path))]
