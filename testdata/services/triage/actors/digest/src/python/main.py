"""Actor digest mails once a day what was reported. The numbers are those of
docs/requirements.md."""

from datetime import datetime, timedelta, timezone
from typing import Any

import grow

from messages import Config, DigestDue, DigestMade, DigestState
from operations import GithubAPI

SPAN = timedelta(days=1)  # of the first digest


@grow.on("digest.due")
def due(ctx: grow.Context, _: DigestDue) -> DigestMade:
    until = until_of(ctx.message)
    last = ctx.state.get_as(DigestState)
    start = last.until if last else stamp(until - SPAN)
    found = ctx.ask("clerk", "reports.within", {"from": start, "until": stamp(until)})
    reports, more = found["reports"], found["more"]
    states = [state(ctx, report) for report in reports]
    mailed = bool(reports) and mail(ctx, until, reports, states, more)
    ctx.state.set(DigestState(until=max(start, stamp(until))))
    number = len(reports) + more
    ctx.log.info("made", until=stamp(until), reports=number, mailed=mailed)
    return DigestMade(until=stamp(until), reports=number, open=states.count("open"), mailed=mailed)


def until_of(message: grow.Message) -> datetime:
    text = message.attributes.get("x.due")
    if text:
        return datetime.fromisoformat(text)
    return message.time or datetime.now(timezone.utc)


def stamp(at: datetime) -> str:
    """A time as the history has it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def state(ctx: grow.Context, report: dict[str, Any]) -> str:
    """What GitHub says of a report's issue: open or closed; unknown when it does not."""
    if report["issue"] is None:
        return "unknown"
    owner, _, repo = report["repository"].partition("/")
    try:
        answer = GithubAPI(ctx).issues_get(owner=owner, repo=repo, issue_number=report["issue"])
    except grow.CallError as e:
        ctx.log.warn("GitHub says nothing of an issue", issue=report["issue"], reason=e.text)
        return "unknown"
    return answer.json()["state"] if answer.status == 200 else "unknown"


def mail(ctx: grow.Context, until: datetime, reports: list[dict[str, Any]], states: list[str], more: int) -> bool:
    lines = [line(report, said) for report, said in zip(reports, states, strict=True)]
    count = len(lines) + more
    number = f"{count} report" + ("" if count == 1 else "s")
    if more:
        lines.append(f"and {more} more")
    subject = f"{number}, {states.count('open')} open, until {until:%Y-%m-%d %H:%M} UTC"
    try:
        ctx.send_mail("post", to=ctx.config_as(Config).to, subject=subject, text="\n".join(lines) + "\n")
    except grow.CallError as e:
        if e.code != "unavailable" or e.retry:
            raise
        ctx.log.warn("the digest is not mailed", reason=e.text)
        return False
    return True


def line(report: dict[str, Any], said: str) -> str:
    issue = f"#{report['issue']} {said}" if report["issue"] is not None else "not at GitHub"
    return f"{report['repository']} {issue}: {report['title']}"
