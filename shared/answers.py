"""What a person is answered who sent a form: the way on, or why not, with what they typed.

Guarantee: whatever a form's command was refused for, the page that says so asks the form again as it was
typed, unless its sender may not do this at all; who was shown an older version is told what has been done
since. With a script the same is said above the form, which then stays where it is. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from shared import commands, retyping
from shared.access import NotAllowed, NotSignedIn
from shared.forms import is_form, safe_return
from shared.language import Words
from shared.links import LinkExpired
from shared.problems import Problem

if TYPE_CHECKING:
    from shared.hosting import Host


async def answer(
    running: Host, request: Request, document: Mapping[str, Any], result: Problem | dict[str, Any]
) -> Response:
    """A command's answer: JSON to a program, the way on to a person who sent a form."""
    if not is_form(request):
        return commands.as_json(result)
    return_to = safe_return(document.get("return_to"))
    if isinstance(result, Problem):
        changes: Sequence[retyping.Change] = ()
        if result.code == "changed_meanwhile":
            about, shown = str(result.values["about"]), int(result.values["shown"])
            changes = await retyping.changes(running.service, about, shown)
        return problem_page(running, request, result, return_to, changes)
    for name, value in result.items():
        return_to = return_to.replace(f"{{{name}}}", str(value))
    return RedirectResponse(return_to, 303)


def problem_page(
    running: Host,
    request: Request,
    problem: Problem,
    return_to: str | None = None,
    changes: Sequence[retyping.Change] = (),
) -> Response:
    """A problem in words, with the way back, and the form again with what was typed in it."""
    try:
        actor = running.access.actor(request)
    except (NotSignedIn, NotAllowed, LinkExpired):
        actor = None
    language = running.pages.language(request, actor)
    codes, words = running.service.programmes.codes, running.pages.words(language)

    def in_words(code: str, message: str) -> str:
        if codes.has("refusals", code):
            return codes.words("refusals", code, language)
        return words(f"fault.{code}") if f"fault.{code}" in words else message

    faults = [
        {"code": code, "field": field, "message": in_words(code, message)}
        for code, field, message in problem.errors
    ]
    shown = {
        "code": problem.code,
        "detail": in_words(problem.code, problem.detail),
        "errors": [fault for fault in faults if fault["code"] != problem.code],
    }
    typed = getattr(request.state, "typed", ())
    form = None
    if retyping.is_kept(problem):
        at_fields = [
            fault
            for fault in faults
            if fault["field"] != "version" and (fault["field"] or fault["code"] != problem.code)
        ]
        form = retyping.retyped(
            request.url.path, typed, at_fields, lambda name: running.pages.code_options(name, language)
        )
    page = running.pages.render(
        request,
        "error.html",
        actor=actor,
        status=problem.status,
        problem=shown,
        return_to=return_to,
        form=form,
        version=problem.values.get("stored", dict(typed).get("version")),
        is_changed=problem.code == "changed_meanwhile",
        changes=[{"at": one.at, "text": _in_words(one, words), "by": one.by} for one in changes],
    )
    page.headers.update(problem.headers)
    return page


def _in_words(change: retyping.Change, words: Words) -> str:
    """What the service's own stories call it; what has a name in none is a change all the same."""
    for story in ("told", "done", "story"):
        with suppress(KeyError):
            return words(f"{story}.{change.what}")
    return words("changed.something")
