"""Actor classify says of issues and pull requests which language they are in,
of which kind, how urgent, and what they repeat. The numbers are those of
docs/requirements.md."""

import dataclasses
from typing import Any

import grow

import kind
import language
import sketch
import urgency
from messages import (
    ClassifiedFound,
    ClassifiedGet,
    ClassifiedListed,
    ClassifiedListedThread,
    ClassifiedUnknown,
    ClassifyState,
    ClassifyStateThread,
    Config,
    ThreadClassified,
    ThreadRead,
)
from text import Text

LABELS_MAX = 100


@grow.on("thread.read")
def classify(ctx: grow.Context, read: ThreadRead) -> ThreadClassified:
    if len(read.labels) > LABELS_MAX:
        raise grow.Refuse("thread.labels", f"{len(read.labels)} labels are more than {LABELS_MAX}")
    text = Text.read(read.title, read.body)
    if not text.words:
        raise grow.Refuse("thread.empty", "the thread has no words")
    config = ctx.config_as(Config)
    state = ctx.state.get_as(ClassifyState) or ClassifyState(seen=0, threads=[])
    state.seen += 1
    numbers = sketch.of(text)
    about = kind.of(text, read.labels, read.pull_request)
    thread = ClassifyStateThread(
        number=read.number,
        seq=state.seen,
        delivery=read.delivery,
        pull_request=read.pull_request,
        language=language.of(text),
        kind=about,
        urgency=urgency.of(text, read.labels, about),
        duplicates=sketch.duplicates(numbers, read.number, state.threads, config.similar),
        sketch=numbers,
    )
    log(ctx, thread)
    others = [other for other in state.threads if other.number != thread.number]
    state.threads = [*others, thread][-config.remember :]
    ctx.state.set(state)
    return ThreadClassified(repository=read.repository, **told(thread))


def log(ctx: grow.Context, thread: ClassifyStateThread) -> None:
    ctx.log.info(
        "classified",
        delivery=thread.delivery,
        seq=thread.seq,
        language=thread.language,
        kind=thread.kind,
        urgency=thread.urgency,
        duplicates=" ".join(str(d.number) for d in thread.duplicates),
    )


@grow.on("classified.get")
def get(
    ctx: grow.Context, wanted: ClassifiedGet
) -> ClassifiedFound | ClassifiedListed | ClassifiedUnknown:
    repository = f"{wanted.owner}/{wanted.repo}"
    state = ctx.state.get_as(ClassifyState) or ClassifyState(seen=0, threads=[])
    if wanted.number is None and state.seen:
        threads = [ClassifiedListedThread(**told(thread)) for thread in state.threads]
        return ClassifiedListed(repository=repository, seen=state.seen, threads=threads)
    for thread in state.threads:
        if thread.number == wanted.number:
            return ClassifiedFound(repository=repository, **told(thread))
    return ClassifiedUnknown(repository=repository, number=wanted.number)


def told(thread: ClassifyStateThread) -> dict[str, Any]:
    """What of a thread is told: all but its sketch."""
    return {f.name: getattr(thread, f.name) for f in dataclasses.fields(ClassifiedListedThread)}
