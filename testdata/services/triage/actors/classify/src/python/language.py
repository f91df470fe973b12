"""The language of a text (requirements 9 to 12)."""

import re
from collections import Counter
from typing import Literal

import text as t
from tables import MARKS, STOP_WORDS, TRIGRAMS

type Language = Literal["en", "de", "fr", "es", "pt", "it", "nl", "ru", "zh", "ja", "ko", "und"]

SIGNS_MIN = 20
POINTS_MIN = 60

_SCRIPTS = {
    name: re.compile(f"[^{signs}]+")
    for name, signs in {
        "latin": t.LATIN,
        "cyrillic": t.CYRILLIC,
        "foreign": "\u0450\u0452-\u045f",  # of Cyrillic, what Russian does not have
        "kana": t.KANA,
        "chinese": t.HAN + t.KANA,
        "korean": t.HANGUL,
    }.items()
}


def of(text: t.Text) -> Language:
    signs = "".join(text.words)
    count = {name: len(others.sub("", signs)) for name, others in _SCRIPTS.items()}
    weights = [count["latin"], count["cyrillic"], 3 * count["chinese"], 3 * count["korean"]]
    if sum(weights) < SIGNS_MIN:
        return "und"
    match weights.index(max(weights)):
        case 0:
            return _latin(text.words)
        case 1:
            return "und" if 50 * count["foreign"] > count["cyrillic"] else "ru"
        case 2:
            return "ja" if 10 * count["kana"] >= count["chinese"] else "zh"
        case _:
            return "ko"


def _shares(table: dict[str, str], whole: int) -> dict[str, dict[str, int]]:
    """What each entry gives to which languages: they share the whole."""
    owners: dict[str, list[str]] = {}
    for language, entries in table.items():
        for entry in entries.split(", "):
            owners.setdefault(entry, []).append(language)
    return {entry: dict.fromkeys(of, whole // len(of)) for entry, of in owners.items()}


_WORDS = _shares(STOP_WORDS, 60)
_TRIGRAMS = _shares(TRIGRAMS, 12)
_MARKS = _shares(MARKS, 30)


def _latin(words: list[str]) -> Language:
    points = Counter(dict.fromkeys(STOP_WORDS, 0))
    for word, times in Counter(words).items():
        padded = f"_{word}_"
        given = [_WORDS.get(word)]
        given += [_TRIGRAMS.get(padded[i : i + 3]) for i in range(len(word))]
        given += [_MARKS.get(letter) for letter in word]
        for shares in filter(None, given):
            for language, share in shares.items():
                points[language] += times * share
    (language, best), (_, following) = points.most_common(2)
    if best < POINTS_MIN or 10 * best < 11 * following:
        return "und"
    return language
