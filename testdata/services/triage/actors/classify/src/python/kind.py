"""What a thread is about (requirements 13 to 17)."""

from typing import Literal

import text as t
from tables import BUG_TRACES, KIND_HEADS, KIND_LABELS, KIND_WORDS

type Kind = Literal["security", "bug", "feature", "question", "docs", "chore", "other"]

LABEL = 100
HEAD = 50
IN_TITLE = 5
IN_BODY = 2
TRACE = 3
QUESTION_MARK = 5
POINTS_MIN = 4

_LABELS = t.Entries(KIND_LABELS)
_WORDS = t.Entries(KIND_WORDS)
_HEADS = {kind: entries.split(", ") for kind, entries in KIND_HEADS.items()}


def of(text: t.Text, labels: list[str], pull_request: bool) -> Kind:
    points = dict.fromkeys(KIND_WORDS, 0)  # of kinds with equal points the first is the answer
    for label in labels:
        for kind in {kind for (kind, _), _ in _LABELS.find(t.words(label))}:
            points[kind] += LABEL
    head = _head(text.title)
    for kind, entries in _HEADS.items():
        if head in entries:
            points[kind] += HEAD
    for words, worth in (text.title_words, IN_TITLE), (text.body_words, IN_BODY):
        for kind, _ in {entry for entry, _ in _WORDS.find(words)}:
            points[kind] += worth
    points["bug"] += TRACE * sum(trace in text.raw for trace in BUG_TRACES)
    if pull_request:
        points["question"] = 0
    elif text.title.rstrip(" ").endswith(("?", "\uff1f")):
        points["question"] += QUESTION_MARK
    best = max(points, key=points.__getitem__)
    return best if points[best] >= POINTS_MIN else "other"


def _head(title: str) -> str:
    opened = title.startswith("[")
    head, end, _ = title[opened:].partition("]" if opened else ":")
    return " ".join(t.words(head.partition("(")[0])) if end else ""
