"""Actor classify says of issues and pull requests which language they are in,
of which kind, how urgent, and what they repeat. The numbers are those of
docs/requirements.md."""

import dataclasses

import grow

import kind
import language
import sketch
import urgency
from messages import (
    Classification,
    ClassifiedFound,
    ClassifiedGet,
    ClassifiedListed,
    ClassifiedUnknown,
    ClassifyState,
    Config,
    Remembered,
    ThreadClassified,
    ThreadRead,
)
from text import Text

LABELS_MAX = 100


@grow.on("thread.read")
def classify(ctx: grow.Context, thread: ThreadRead) -> ThreadClassified:
    if len(thread.labels) > LABELS_MAX:
        raise grow.Refuse("thread.labels", f"{len(thread.labels)} labels are more than {LABELS_MAX}")
    text = Text.read(thread.title, thread.body)
    if not text.words:
        raise grow.Refuse("thread.empty", "the thread has no words")
    config = ctx.config_as(Config)
    state = ctx.state.get_as(ClassifyState) or ClassifyState(seen=0, threads=[])
    state.seen += 1
    numbers = sketch.of(text)
    about = kind.of(text, thread.labels, thread.pull_request)
    found = Classification(
        number=thread.number,
        seq=state.seen,
        delivery=thread.delivery,
        pull_request=thread.pull_request,
        language=language.of(text),
        kind=about,
        urgency=urgency.of(text, thread.labels, about),
        duplicates=sketch.duplicates(numbers, thread.number, state.threads, config.similar),
    )
    ctx.log.info(
        "classified",
        delivery=found.delivery,
        seq=found.seq,
        language=found.language,
        kind=found.kind,
        urgency=found.urgency,
        duplicates=" ".join(str(d.number) for d in found.duplicates),
    )
    others = [t for t in state.threads if t.number != thread.number]
    others.append(Remembered(**fields(found), sketch=numbers))
    state.threads = others[-config.remember :]
    ctx.state.set(state)
    return ThreadClassified(**fields(found), repository=thread.repository)


@grow.on("classified.get")
def get(
    ctx: grow.Context, wanted: ClassifiedGet
) -> ClassifiedFound | ClassifiedListed | ClassifiedUnknown:
    repository = f"{wanted.owner}/{wanted.repo}"
    state = ctx.state.get_as(ClassifyState)
    threads = state.threads if state else []
    if wanted.number is not None:
        for thread in threads:
            if thread.number == wanted.number:
                return ClassifiedFound(**fields(thread), repository=repository)
    elif state:
        found = [Classification(**fields(thread)) for thread in threads]
        return ClassifiedListed(repository=repository, seen=state.seen, threads=found)
    return ClassifiedUnknown(repository=repository, number=wanted.number)


def fields(c: Classification) -> dict[str, object]:
    """The fields that all classifications have."""
    return {f.name: getattr(c, f.name) for f in dataclasses.fields(Classification)}
