"""The messages of actor classify, and its state."""

from dataclasses import dataclass
from typing import ClassVar, Literal

Language = Literal["en", "de", "fr", "es", "pt", "it", "nl", "ru", "zh", "ja", "ko", "und"]
Kind = Literal["bug", "feature", "question", "docs", "security", "chore", "other"]
Urgency = Literal["low", "normal", "high", "critical"]


@dataclass(kw_only=True, slots=True)
class ThreadRead:
    """An issue or a pull request, as an event brought it."""

    TYPE: ClassVar[str] = "thread.read"

    delivery: str
    repository: str
    number: int
    pull_request: bool
    title: str
    body: str
    labels: list[str]


@dataclass(kw_only=True, slots=True)
class Duplicate:
    """A thread that says nearly the same."""

    number: int
    similarity: int


@dataclass(kw_only=True, slots=True)
class Classification:
    number: int
    seq: int
    delivery: str
    pull_request: bool
    language: Language
    kind: Kind
    urgency: Urgency
    duplicates: list[Duplicate]


@dataclass(kw_only=True, slots=True)
class ThreadClassified(Classification):
    TYPE: ClassVar[str] = "thread.classified"

    repository: str


@dataclass(kw_only=True, slots=True)
class ClassifiedGet:
    TYPE: ClassVar[str] = "classified.get"

    owner: str
    repo: str
    number: int | None = None


@dataclass(kw_only=True, slots=True)
class ClassifiedFound(Classification):
    TYPE: ClassVar[str] = "classified.found"

    repository: str


@dataclass(kw_only=True, slots=True)
class ClassifiedListed:
    TYPE: ClassVar[str] = "classified.listed"

    repository: str
    seen: int
    threads: list[Classification]


@dataclass(kw_only=True, slots=True)
class ClassifiedUnknown:
    TYPE: ClassVar[str] = "classified.unknown"

    repository: str
    number: int | None = None


@dataclass(kw_only=True, slots=True)
class Remembered(Classification):
    sketch: list[int]


@dataclass(kw_only=True, slots=True)
class ClassifyState:
    """What the classifier keeps of one repository."""

    seen: int
    threads: list[Remembered]


@dataclass(kw_only=True, slots=True)
class Config:
    remember: int
    similar: int
