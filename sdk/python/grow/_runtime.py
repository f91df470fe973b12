"""The package inside the runtime: what the reactor calls. Importing it readies the
interpreter that instances begin with.

The modules that are imported here are part of what all instances share: importing them
costs an actor nothing."""

from __future__ import annotations

import asyncio
import base64  # noqa: F401
import bisect  # noqa: F401
import calendar  # noqa: F401
import collections  # noqa: F401
import contextlib  # noqa: F401
import copy  # noqa: F401
import csv  # noqa: F401
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import difflib  # noqa: F401
import enum  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import hashlib  # noqa: F401
import heapq  # noqa: F401
import hmac  # noqa: F401
import html  # noqa: F401
import importlib
import io
import itertools  # noqa: F401
import json  # noqa: F401
import linecache
import logging
import math  # noqa: F401
import operator  # noqa: F401
import os
import pathlib  # noqa: F401
import random  # noqa: F401
import re  # noqa: F401
import secrets  # noqa: F401
import signal
import statistics  # noqa: F401
import string  # noqa: F401
import struct  # noqa: F401
import sys
import textwrap  # noqa: F401
import time
import types
import typing  # noqa: F401
import unicodedata  # noqa: F401
import urllib.parse  # noqa: F401
import uuid  # noqa: F401
import zlib  # noqa: F401
import zoneinfo  # noqa: F401

import grow

from . import _bridge, _dispatch, _guard, _json, _log, _loop, _random, _trace
from ._handlers import actor

MAIN = "main"
_flush: list[typing.Callable[[], None]] = []  # of what print writes to


def _boot() -> None:
    native: typing.Any = importlib.import_module("_grow")
    native.Deadline = grow.Deadline
    native.monotonic, native.sleep = time.monotonic, time.sleep
    _bridge.host = native
    _json.native_loads, _json.native_dumps = native.loads, native.dumps
    signal.signal(signal.SIGINT, native.interrupt)
    signal.signal(signal.SIGUSR1, attend)
    _random.install(native.Random)
    _guard.guard()
    asyncio.set_event_loop_policy(_loop.Policy())
    logging.basicConfig(level=logging.INFO, handlers=[_log.Handler()], format="%(message)s")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
            _flush.append(stream.flush)


def _say() -> None:
    """Has what print wrote become lines."""
    for flush in _flush:
        try:
            flush()
        except ValueError:  # the actor has closed it
            pass


def attend(number: int, frame: types.FrameType | None) -> None:
    """Lets a debugger in, in the middle of what runs and goes on below. The host of an
    actor that nobody debugs never asks for it."""
    signal.signal(number, lambda *again: None)  # or it would be let in while it is
    from . import _debug

    _debug.enter(frame)


def load() -> None:
    """Loads the actor."""
    os.chdir("/app")
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    try:
        importlib.import_module(MAIN)
        actor.resolve()
    except ModuleNotFoundError as e:
        if e.name != MAIN:
            raise
        raise FileNotFoundError("the actor has no main.py") from None
    finally:
        _say()
        linecache.clearcache()
    if not actor.exact and not actor.prefixes:
        raise TypeError("main.py has no handler; name one with @grow.on('a.type')")


def start(type: str, raw: bytes, data: bytes) -> None:
    """Starts an instance."""
    try:
        _dispatch.start(type, raw, data)
    finally:
        _say()


def handle(type: str, raw: bytes, data: bytes) -> list[_bridge.RawOutput] | None:
    """Handles a message."""
    try:
        return _dispatch.handle(type, raw, data)
    finally:
        _say()


def describe(e: BaseException) -> str:
    """What the reactor says of a failure."""
    return _trace.describe(e)


_boot()
