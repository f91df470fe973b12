"""Actor clerk keeps what people report, and opens issues at GitHub for it. The numbers are
those of docs/requirements.md."""

import base64
import binascii
from datetime import datetime, timezone

import grow

import history
from messages import (
    AttachmentGet,
    AttachmentUnknown,
    ReportFiled,
    ReportKept,
    ReportsFound,
    ReportsGet,
    ReportsListed,
    ReportsListedReport,
    ReportsWithin,
)
from operations import GithubAPI

ATTACHMENT_MAX = 524288


@grow.on("report.filed")
def file(ctx: grow.Context, filed: ReportFiled) -> ReportKept:
    id, repository, name = ctx.message.id, f"{filed.owner}/{filed.repo}", ""
    key = ""
    if filed.attachment:
        name = filed.attachment.name
        key = f"{repository}/{id}/{name}"
        ctx.blob("attachments").write(key, content(filed.attachment.data))
    try:
        issue = open_issue(ctx, filed, name)
    except grow.Refuse:
        if key:
            ctx.blob("attachments").delete(key)
        raise
    at = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    history.add(ctx, id, repository, at, filed.title, issue, name)
    ctx.log.info("kept", repository=repository, issue=issue, attachment=name)
    return ReportKept(repository=repository, id=id, at=at, title=filed.title, issue=issue, attachment=name)


def content(data: str) -> bytes:
    try:
        out = base64.b64decode(data, validate=True)
    except binascii.Error as e:
        raise grow.Refuse("report.attachment", f"the attachment is no base64: {e}") from None
    if not out or len(out) > ATTACHMENT_MAX:
        raise grow.Refuse("report.attachment", f"an attachment has 1 to {ATTACHMENT_MAX} bytes, this one has {len(out)}")
    return out


def open_issue(ctx: grow.Context, filed: ReportFiled, name: str) -> int | None:
    """The number of a new issue at GitHub; None: the host is not let in there."""
    text = f"{filed.text}\n\nReported by triage as {ctx.message.id}." + (f" Attached: {name}" if name else "")
    try:
        answer = GithubAPI(ctx).issues_create(
            owner=filed.owner, repo=filed.repo, body={"title": filed.title, "body": text, "labels": ["reported"]}
        )
    except grow.CallError as e:
        if e.code != "unavailable" or e.retry:
            raise
        ctx.log.info("not told to GitHub", reason=e.text)
        return None
    if answer.status == 201:
        return answer.json()["number"]
    if answer.status in (401, 403):
        ctx.log.error("GitHub does not let triage in", status=answer.status)
        return None
    if answer.status in (404, 410):
        raise grow.Refuse("report.repository", f"{filed.owner}/{filed.repo} takes no issues")
    if answer.status == 429 or answer.status >= 500:
        raise grow.Later(f"GitHub answers {answer.status}")
    raise grow.Refuse("report.github", f"GitHub answers {answer.status}")


@grow.on("reports.get")
def listed(ctx: grow.Context, wanted: ReportsGet) -> ReportsListed:
    repository = f"{wanted.owner}/{wanted.repo}"
    reports = history.of(ctx, repository)
    return ReportsListed(repository=repository, reports=[ReportsListedReport(**r) for r in reports])


@grow.on("reports.within")
def within(ctx: grow.Context, wanted: ReportsWithin) -> ReportsFound:
    reports, more = history.within(ctx, wanted.from_, wanted.until)
    return ReportsFound(reports=[ReportKept(**r) for r in reports], more=more)


@grow.on("attachment.get")
def download(ctx: grow.Context, wanted: AttachmentGet) -> grow.Output | AttachmentUnknown:
    folder = f"{wanted.owner}/{wanted.repo}/{wanted.id}/"
    for kept in ctx.blob("attachments").list(folder):
        headers = {"content-disposition": f'attachment; filename="{kept.key.removeprefix(folder)}"'}
        data = ctx.blob("attachments").read(kept.key)
        return grow.Output("attachment.found", data, content_type="application/octet-stream", headers=headers)
    return AttachmentUnknown(repository=f"{wanted.owner}/{wanted.repo}", id=wanted.id)
