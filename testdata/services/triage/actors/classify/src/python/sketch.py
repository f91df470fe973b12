"""How much of one text is in another (requirements 22 to 24)."""

import heapq
from zlib import crc32

import text as t
from messages import ClassifyStateThread, Duplicate

SKETCH_MAX = 48  # numbers of a sketch, and of those in which two are compared
WORDS_MIN = 4
DUPLICATES_MAX = 5


def of(text: t.Text) -> list[int]:
    words = text.words
    if len(words) < WORDS_MIN:
        return []
    shingles = map(" ".join, zip(words, words[1:], words[2:]))
    return heapq.nsmallest(SKETCH_MAX, {_mix(crc32(s.encode())) for s in shingles})


def _mix(h: int) -> int:
    """The finalizer of MurmurHash3: neighbouring numbers end up far apart."""
    h ^= h >> 16
    h = h * 0x85EBCA6B & 0xFFFFFFFF
    h ^= h >> 13
    h = h * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def duplicates(
    sketch: list[int], number: int, threads: list[ClassifyStateThread], similar: int
) -> list[Duplicate]:
    """The remembered threads that say nearly the same as thread `number`."""
    ours = set(sketch)
    found = [
        Duplicate(number=thread.number, similarity=similarity)
        for thread in threads
        if thread.number != number and not ours.isdisjoint(thread.sketch)
        if (similarity := _similarity(ours, set(thread.sketch))) >= similar
    ]
    found.sort(key=lambda d: (-d.similarity, d.number))
    return found[:DUPLICATES_MAX]


def _similarity(ours: set[int], theirs: set[int]) -> int:
    """Broder's estimate of the resemblance of two sets, in thousandths."""
    smallest = heapq.nsmallest(SKETCH_MAX, ours | theirs)
    return 1000 * len(ours & theirs & set(smallest)) // len(smallest)
