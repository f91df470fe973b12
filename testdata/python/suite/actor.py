"""An actor that runs modules of CPython's own tests: one a message."""

import asyncio
import io
import sys
import tempfile
import unittest

import grow

# What tests ask of the process that runs them, and an actor has not.
sys.argv = ["suite"]
sys.orig_argv = ["suite"]


def temporary_file(mode="w+b", buffering=-1, encoding=None, newline=None, *_, errors=None, **__):
    """What a test writes for a moment, in memory: an actor has no files to write."""
    file = io.BytesIO()
    return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)


tempfile.TemporaryFile = temporary_file

# Tests of asyncio go back to the loop that a process begins with, which is the actor's
# here, and are not run where there are no sockets, which these do not need.
asyncio.DefaultEventLoopPolicy = type(asyncio.get_event_loop_policy())


def prepare(name):
    if name.startswith("test_asyncio."):
        import test.support

        asks = test.support.requires_working_socket
        test.support.requires_working_socket = lambda *, module=False: None if module else asks()


class Result(unittest.TestResult):
    """Keeps what became of each test, and says which one begins: when the instance is
    stopped by it, that is all that will be known."""

    def __init__(self, begins):
        super().__init__()
        self.begins = begins
        self.failed, self.left_out = {}, {}

    def startTest(self, test):
        super().startTest(test)
        self.begins(test.id())

    def fail(self, test, error):
        kind, value, _ = error
        text = "".join(str(value).splitlines(True)[:20])
        self.failed[test.id()] = f"{kind.__name__}: {text}"[:1000]

    def addError(self, test, error):
        self.fail(test, error)

    def addFailure(self, test, error):
        self.fail(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.fail(test, error)

    def addUnexpectedSuccess(self, test):
        self.failed[test.id()] = "unexpected success"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.left_out[test.id()] = reason


def without(suite, names):
    """The suite without those tests; classes and modules still set up once each."""
    kept = []
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            kept.append(without(one, names))
        elif one.id() not in names:
            kept.append(one)
    return type(suite)(kept)


def run(name, leave, begins):
    """Runs the tests of a module but for those named; says each by begins(name)."""
    prepare(name)
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName("test." + name)
    except unittest.SkipTest as error:
        return {"run": 0, "skipped": {name: str(error)}, "failed": {}}
    result = Result(begins)
    without(suite, leave)(result)
    return {"run": result.testsRun, "skipped": result.left_out, "failed": result.failed}


@grow.on("suite.run")
def suite(ctx: grow.Context, what: dict):
    def begins(name):
        ctx.log.debug("begins", test=name)

    return grow.Output("suite.done", run(what["module"], set(what["leave"]), begins))
