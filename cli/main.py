"""The `makker` command: what an operator does from a shell.

Job: start a service, make keys and seal anew, check programme definitions, create topics, bring in a list of
people, and say again to a restored database who was erased.
Guarantee: each command ends with 0 only if all is as it should be, and says what is wrong in words and not
in a traceback. It moves no message, and touches a database only where that is what was asked for.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from aiokafka.errors import KafkaError
from cryptography.fernet import InvalidToken
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from cli import erased
from cli.keys import fresh_keys
from cli.resealing import reseal
from cli.topics import Finding, ensure
from shared.programmes import DefinitionError, load
from shared.settings import Settings

SERVICES = ("intake", "matching", "followup", "notifications")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(erased.app, name="erased")
keys_app = typer.Typer()
app.add_typer(keys_app, name="keys")


def stop(*lines: str, code: int = 1) -> NoReturn:
    """Say what is wrong, on standard error, and end."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(code)


@app.command()
def serve(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535)] = 8000,
    bind: Annotated[str, typer.Option(envvar="BIND", help="0.0.0.0 for all addresses.")] = "127.0.0.1",
) -> None:
    """Run one service until SIGTERM. The environment sets it (docs/operators.md)."""
    if service not in SERVICES:
        raise typer.BadParameter(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    if find_spec(f"services.{service}") is None:
        stop(f"This installation does not hold the service {service!r}.")
    try:
        Settings()
    except ValidationError as error:
        # The values are left out: they may be keys and passwords.
        stop(*(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))
    # Imported only now: no other command needs a web server, nor all four services.
    hosting, composed = import_module("shared.hosting"), import_module(f"services.{service}.app")
    try:
        hosting.serve(composed.create, port=port, bind=bind)
    except DefinitionError as error:
        stop(*error.faults)


@keys_app.callback(invoke_without_command=True)
def keys(context: typer.Context) -> None:
    """Print a fresh set of keys as environment variables; the comments say which service needs which."""
    if context.invoked_subcommand is None:
        typer.echo("\n".join(fresh_keys()))


@keys_app.command(name="reseal")
def reseal_(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
) -> None:
    """Seal what DATABASE_URL holds under keys of before anew, under the first of SEAL_KEYS (and HASH_KEY).

    It may be broken off and begun again, and run while the service is in use.
    """
    if service not in SERVICES:
        raise typer.BadParameter(f"there is no service {service!r}; there are {', '.join(SERVICES)}")

    async def run() -> None:
        told: dict[str, tuple[int, int]] = {}
        with Console(stderr=True).status("") as status:
            async for what, seen, changed in reseal(service, Settings()):
                told[what] = (seen, changed)
                status.update(f"{what}: {changed} of {seen} sealed anew")
        for what, (seen, changed) in told.items():
            typer.echo(f"{what}: {changed} of {seen} sealed anew")
        typer.echo("Everything is under the first key: the older ones can be taken out of the settings.")

    try:
        asyncio.run(run())
    except InvalidToken:
        stop("Something was sealed with a key that is not in SEAL_KEYS. Nothing of it was changed.")


@app.command(name="check-programmes")
def check_programmes(
    folder: Annotated[
        Path | None,
        typer.Argument(exists=True, file_okay=False, help="Else PROGRAMMES_DIR, else the packaged ones."),
    ] = None,
) -> None:
    """Read the programme definitions, and print every fault with its file, line and key."""
    try:
        found = load(folder)
    except DefinitionError as error:
        for fault in error.faults:
            typer.echo(fault)
        raise typer.Exit(1) from None
    typer.echo(f"{len(found.names)} programmes, {len(found.units)} units: no fault")


@app.command()
def topics(
    bootstrap: Annotated[str, typer.Argument(help="host:port of a broker, or several with commas.")],
    replication: Annotated[
        int, typer.Option(min=1, help="Copies of each partition, of topics made now.")
    ] = 3,
) -> None:
    """Create the topics that are missing; say which were there, and which of those differ. Those stay."""
    try:
        findings = asyncio.run(ensure(bootstrap, replication))
    except KafkaError as error:
        stop(f"Kafka at {bootstrap}: {error}")
    Console().print(_as_table(findings))
    if any(finding.differences for finding in findings):
        raise typer.Exit(1)


class Kind(StrEnum):
    """What the lines of a list are."""

    candidates = "candidates"
    mentors = "mentors"
    hosts = "hosts"


@app.command(name="import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A list as CSV or .xlsx.", exists=True, dir_okay=False)],
    kind: Annotated[Kind | None, typer.Option(help="Else a column `type` says it for each line.")] = None,
    unit: Annotated[str | None, typer.Option(help="Where it has no column, as DK-0169.")] = None,
    programme: Annotated[str | None, typer.Option(help="Where it has no column.")] = None,
    channel: Annotated[str | None, typer.Option(help="Where it has no column, as jobcentre.")] = None,
    referred_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%d-%m-%Y"], help="Where it has no column.")
    ] = None,
    chosen: Annotated[
        bool | None, typer.Option("--chosen/--not-chosen", help="Whether the candidates chose it themselves.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check alone; nothing is sent.")] = False,
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Send the lines without fault.")] = False,
    url: Annotated[str | None, typer.Option(envvar="MAKKER_URL", help="Where Makker is served.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="MAKKER_TOKEN", help="Better in the variable: others see a command.")
    ] = None,
) -> None:
    """Bring in people and hosts from a list; --dry-run says every fault first (docs/import.md)."""
    if find_spec("services.intake") is None:
        stop("This installation does not hold intake, which judges the lines.", code=2)
    importing = import_module("cli.importing.command")
    given = {
        "unit": unit,
        "programme": programme,
        "channel": channel,
        "referred_on": referred_on.date().isoformat() if referred_on else None,
        "chosen_by_candidate": chosen,
    }
    try:
        programmes = load()
        known = importing.understood(given, programmes)
    except DefinitionError as error:
        stop(*error.faults, code=2)
    except ValueError as error:
        stop(str(error), code=2)
    asked = importing.Asked(file, kind and kind.value, known, dry_run, skip_faulty, url, token)
    raise typer.Exit(importing.run(asked, programmes))


def _as_table(findings: list[Finding]) -> Table:
    table = Table("Topic", "Is", box=None)
    for finding in findings:
        table.add_row(finding.topic, finding.words)
    return table
