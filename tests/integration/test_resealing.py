"""Keys that are changed: what was sealed before is opened, found, and sealed anew; on PostgreSQL."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, InvalidToken

from cli.resealing import reseal
from services.intake.app import create
from shared.settings import Settings
from tests.servers.intake import EXAMPLE, NOW, Intake, intake, referral

__all__ = ["intake"]

NEW_SEAL, NEW_HASH = Fernet.generate_key().decode(), "a newer key"


def rotated(intake: Intake, **more: str) -> Settings:
    before = intake.host.settings
    keys = {
        "seal_keys": f"{NEW_SEAL},{before.seal_keys}",
        "hash_key": f"{NEW_HASH},{before.hash_key}",
    }
    return before.model_copy(update=keys | more)


async def with_settings(settings: Settings) -> Intake:
    return Intake(await create(settings, clock=lambda: NOW))


async def resealed(settings: Settings) -> dict[str, tuple[int, int]]:
    return {what: (seen, changed) async for what, seen, changed in reseal("intake", settings)}


async def test_with_a_new_key_first_everybody_is_still_found_and_the_same_referral_recognised(
    intake: Intake,
) -> None:
    case_id = await intake.case_of(EXAMPLE)
    later = await with_settings(rotated(intake))
    (same,) = await later.take(later.of_kafka(EXAMPLE))
    assert (same.answer["case_id"], same.answer["already_known"]) == (str(case_id), True)
    await later.case_of(referral("second"))
    assert await later.count("person") == await later.count("person_key") == 1
    await later.host.pool.close()


async def test_once_sealed_anew_the_old_keys_are_not_needed(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    await intake.take(intake.of_kafka(referral("refused", candidate__email="no address")))
    settings = rotated(intake)
    assert await resealed(settings) == {
        "person.national_id": (1, 1),
        "referral.sealed": (1, 1),
        "refused_referral": (1, 1),
        "person_key": (1, 1),
        "referral.digest": (1, 1),
    }
    assert {changed for _, changed in (await resealed(settings)).values()} == {0}
    new_alone = await with_settings(rotated(intake, seal_keys=NEW_SEAL, hash_key=NEW_HASH))
    (same,) = await new_alone.take(new_alone.of_kafka(EXAMPLE))
    assert (same.answer["case_id"], same.answer["already_known"]) == (str(case_id), True)
    await new_alone.case_of(referral("second"))
    assert await new_alone.count("person") == 1
    key = await intake.pool.fetchval("SELECT person_key FROM refused_referral")
    assert await intake.pool.fetchval("SELECT id FROM person_key") == key
    await new_alone.host.pool.close()


async def test_what_no_key_opens_is_left_as_it_is(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    before = await intake.pool.fetchval("SELECT doc ->> 'national_id' FROM person")
    with pytest.raises(InvalidToken):
        await resealed(rotated(intake, seal_keys=NEW_SEAL))
    assert await intake.pool.fetchval("SELECT doc ->> 'national_id' FROM person") == before
