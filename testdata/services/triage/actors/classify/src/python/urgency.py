"""How soon a thread wants to be looked at (requirements 18 to 21)."""

from typing import Literal

import text as t
from kind import Kind
from tables import NEGATIONS, URGENCY_LABELS, URGENCY_WORDS

type Urgency = Literal["low", "normal", "high", "critical"]

NEGATION_REACH = 3  # words before an entry

EXCLAMATION = 2
CAPITALS = 2
CAPITALS_MIN = 10  # letters of a title
SECURITY = 3

CRITICAL_MIN = 6
HIGH_MIN = 3
LOW_MAX = -2

_LABELS = t.Entries(URGENCY_LABELS)
_WORDS = t.Entries(URGENCY_WORDS)
_NOT = frozenset(NEGATIONS.split(", "))
_MOST_URGENT_FIRST = list(URGENCY_LABELS)


def of(text: t.Text, labels: list[str], kind: Kind) -> Urgency:
    labelled = {urgency for label in labels for (urgency, _), _ in _LABELS.find(t.words(label))}
    if labelled:
        return min(labelled, key=_MOST_URGENT_FIRST.index)
    points = _spoken(text)
    if "!!!" in text.title or "!!!" in text.body:
        points += EXCLAMATION
    if t.shouts(text.title, CAPITALS_MIN):
        points += CAPITALS
    if kind == "security":
        points += SECURITY
    if points >= CRITICAL_MIN:
        return "critical"
    if points >= HIGH_MIN:
        return "high"
    return "low" if points <= LOW_MAX else "normal"


def _spoken(text: t.Text) -> int:
    """The points of the words of urgency."""
    said, negated = set(), set()
    for words in text.title_words, text.body_words:
        for entry, at in _WORDS.find(words):
            before = words[max(0, at - NEGATION_REACH) : at]
            (said if _NOT.isdisjoint(before) else negated).add(entry)
    told = sum(points for points, _ in said)
    return told - sum(max(points, 0) for points, _ in negated - said)
