"""Who was erased, kept outside a database, and said again to one that was restored from a backup.

Job: write the bodies of a service's list of the erased as JSON lines, and send such lines through that
service's corridor. Guarantee: the lines hold ids alone; what is applied takes the way that the erasure itself
took, so that a database of before it forgets again, and one that never heard of somebody keeps them out.
Applied twice it changes nothing. It reads one database, and knows nothing of backups.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import typer
from pydantic import BaseModel, ValidationError

from shared.contracts.intake import SubjectErased
from shared.corridor import handle
from shared.messages import Message
from shared.postgres import migrate
from shared.settings import Settings

AT_ONCE = 100
app = typer.Typer(
    no_args_is_help=True, help="The list of the erased: taken out of a database, and put to a restored one."
)
Service = Annotated[str, typer.Argument(help="Whose list it is: intake, matching, followup, notifications.")]
File = Annotated[Path, typer.Argument(dir_okay=False, help="One line of JSON for each erasure, ids alone.")]


@app.command(name="export")
def export_(service: Service, file: File) -> None:
    """Write the list of the database at DATABASE_URL to a file, which is replaced as a whole."""
    _model(service)
    bodies = asyncio.run(listed(Settings().database_url))
    beside = file.with_name(f"{file.name}.new")
    beside.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")
    beside.replace(file)
    typer.echo(f"{len(bodies)} erasures of {service}, ids alone, are in {file}")


@app.command(name="apply")
def apply_(service: Service, file: File) -> None:
    """Erase again, in the restored database at DATABASE_URL, whoever the file names. Do it before serving."""
    model = _model(service)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{file}: {type(error).__name__}", err=True)
        raise typer.Exit(1) from None
    bodies = []
    for number, line in enumerate(lines, 1):
        try:
            bodies.append(model.model_validate_json(line))
        except ValidationError:
            typer.echo(f"{file}, line {number}: is no erasure of {service}; nothing was changed", err=True)
            raise typer.Exit(1) from None
    counts = asyncio.run(applied(service, bodies, Settings()))
    typer.echo(f"{counts['done']} erased again, {counts['ignored']} were erased already")
    if counts.keys() - {"done", "ignored"}:
        typer.echo(f"not applied: {counts.total() - counts['done'] - counts['ignored']}", err=True)
        raise typer.Exit(1)


def _model(service: str) -> type[BaseModel]:
    """What a service's list holds: intake's own message, or what intake told the others."""
    if service == "intake":
        model: type[BaseModel] = import_module("services.intake.erasing").ErasedBefore
        return model
    if service not in ("matching", "followup", "notifications"):
        raise typer.BadParameter(f"there is no service {service!r}")
    return SubjectErased


async def listed(dsn: str) -> list[str]:
    """The bodies on the list, each once, in the order in which they came."""
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        rows = await connection.fetch("SELECT body FROM erased GROUP BY body ORDER BY min(erased_at), body")
        return [row["body"] for row in rows]
    finally:
        await connection.close()


async def applied(service: str, bodies: Sequence[BaseModel], settings: Settings) -> Counter[str]:
    """Send them through the corridor; gives how many of each outcome there were."""
    host: Any = await import_module(f"services.{service}.app").create(settings)
    try:
        await migrate(settings.database_url, *host.service.migrations)
        return await through(host.service, bodies)
    finally:
        await host.pool.close()


async def through(service: Any, bodies: Sequence[BaseModel]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for start in range(0, len(bodies), AT_ONCE):
        messages = [
            Message(uuid4(), type(body).__name__, body, service.clock(), source=f"/makker/{service.name}")
            for body in bodies[start : start + AT_ONCE]
        ]
        counts.update(outcome.kind for outcome in await handle(service, messages))
    return counts
