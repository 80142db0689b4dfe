"""Intake, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from services.intake import api, enquiry_list, enquiry_pages, housekeeping, metrics, pages, signing_in
from services.intake.documents import State
from services.intake.guarded_rows import TABLES as BESIDE
from services.intake.guarded_rows import with_the_protected
from services.intake.handlers import TABLES, concerns_by, person_named_in
from services.intake.sealing import keyed
from services.intake.workflow import TIMERS, workflow
from shared import hosting
from shared.hosting import Host, real_time
from shared.programmes import load
from shared.settings import Settings


async def create(settings: Settings, clock: Callable[[], datetime] = real_time) -> Host:
    """The service, ready to be served."""
    secrets = keyed(settings.seal_keys.split(","), settings.hash_key)
    issuer = signing_in.ISSUER if settings.demonstration else None
    programmes = load(settings.programmes_dir)
    host = await hosting.host(
        "intake",
        Path(__file__).parent,
        settings=settings,
        clock=clock,
        state=State,
        tables={**TABLES, **BESIDE},
        concerns=with_the_protected(concerns_by(secrets, programmes, clock, issuer)),
        workflow=workflow(secrets),
        timer_types=TIMERS,
        about=lambda message: person_named_in(message, secrets, programmes, clock()),
    )
    api.mount(host, secrets)
    pages.mount(host, secrets)
    enquiry_list.mount(host, secrets)
    enquiry_pages.mount(host, secrets)
    host.gauges.append(metrics.gauges(settings.publishers.split(",")))
    host.led.append(metrics.CASES)
    host.gauges.append(lambda connection: housekeeping.forget_refused(connection, clock()))
    return host
