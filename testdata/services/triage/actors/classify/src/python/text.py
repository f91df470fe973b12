"""What is read of a text, and its words (requirements 6 to 8)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TITLE_SIGNS_MAX = 300
BODY_SIGNS_MAX = 16_000

LATIN = "a-z\xdf-\xf6\xf8-\u017f"
CYRILLIC = "\u0430-\u045f"
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
KANA = "\u3041-\u3096\u30a1-\u30fc\u31f0-\u31ff\uff66-\uff9d"
HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"

_WORD = re.compile(f"[{LATIN}{CYRILLIC}0-9]+|[{HAN}{KANA}{HANGUL}]")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r" *(```|~~~)")
_QUOTATION = re.compile(r" *>")
_CODE = re.compile(r"`[^`\n]*`")
_ADDRESS = re.compile(r"https?://[^ \t\n)>\"]*")

_CAPITALS = [*range(0x41, 0x5B), *range(0xC0, 0xD7), *range(0xD8, 0xDF), *range(0x410, 0x430)]
_FURTHER = {c: c + 32 for c in _CAPITALS} | {c: c + 80 for c in range(0x400, 0x410)}
_FOLD = _FURTHER | dict.fromkeys(range(0x300, 0x370))


@dataclass(frozen=True, slots=True)
class Text:
    """A thread's title and body, and what is read of them."""

    title: str
    raw: str  # the signs of the body that count, before anything is left out
    body: str
    title_words: list[str]
    body_words: list[str]

    @classmethod
    def read(cls, title: str, body: str) -> "Text":
        title, raw = _lines(title[:TITLE_SIGNS_MAX]), body[:BODY_SIGNS_MAX]
        body = _prose(_lines(raw))
        return cls(title, raw, body, words(title), words(body))

    @property
    def words(self) -> list[str]:
        """The words of title and body."""
        return self.title_words + self.body_words


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return _WORD.findall(text.translate(_FOLD))


def shouts(title: str, letters_min: int) -> bool:
    """Whether all letters are capitals, if they are so many (requirement 20)."""
    capitals = sum(ord(c) in _FURTHER for c in title)
    return capitals >= letters_min and not any(ord(c) in _SMALL for c in title)


_SMALL = frozenset(_FURTHER.values())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _prose(body: str) -> str:
    body = "\n".join(_lines_of_prose(_COMMENT.sub(" ", body)))
    return _ADDRESS.sub(" ", _CODE.sub(" ", body))


def _lines_of_prose(text: str) -> Iterator[str]:
    """The lines that are neither code nor quotations."""
    fence = None
    for line in text.split("\n"):
        found = _FENCE.match(line)
        mark = found[1] if found else None
        if fence is not None:
            if mark == fence:
                fence = None
        elif mark is not None:
            fence = mark
        elif not _QUOTATION.match(line):
            yield line


class Entries[T]:
    """Entries of a table, found by their first words. Each belongs to a T."""

    def __init__(self, table: dict[T, str]) -> None:
        self._by_first: dict[str, list[tuple[list[str], tuple[T, str]]]] = {}
        for owner, entries in table.items():
            for entry in entries.split(", "):
                first, *rest = words(entry)
                self._by_first.setdefault(first, []).append((rest, (owner, entry)))

    def find(self, words: list[str]) -> Iterator[tuple[tuple[T, str], int]]:
        """The entries that occur, with their owners, and where they begin."""
        for at, word in enumerate(words):
            for rest, entry in self._by_first.get(word, ()):
                if words[at + 1 : at + 1 + len(rest)] == rest:
                    yield entry, at
