"""From a unit's door to a case: through the pages, Kafka and the mail, by somebody without sign-in."""

from __future__ import annotations

import re
from uuid import uuid4

from demo.outside import Visitor
from demo.play import until

DOOR = "/intake/enquiry/DK-0169"


async def test_a_citizen_writes_at_the_door_confirms_by_mail_and_is_a_case(visitor: Visitor) -> None:
    email = f"{uuid4().hex}@example.org"
    page = await visitor.page(f"{DOOR}?kind=candidate&lang=da")
    (stamp,) = re.findall(r'name="stamp" value="([^"]+)"', page)
    typed = {
        "kind": "candidate",
        "stamp": stamp,
        "by_hand": "true",
        "programme": "foreningspraktik",
        "given_name": "Amina",
        "family_name": "Eksempel",
        "email": email,
        "postcode": "2630",
        "channel": "library",
    }
    # Whoever sends a form at once is asked to look through it, and a moment later it is taken.
    led_to = await until(lambda: visitor.post_form(DOOR, typed, expect=(303, 422)), "the enquiry to be taken")
    assert "sent=email" in led_to
    link = await until(lambda: visitor.link(email, "/intake/enquiry/confirm/"), "the mail with the link")
    path = link[link.index("/intake/") :]
    assert "Ja, det er mig" in await visitor.page(f"{path}?lang=da")
    await visitor.post_form(path, {})
    assert "Nu har vi fået det" in await visitor.page(f"{path}?lang=da")
    enquiries = await visitor.page("/intake/enquiries", role="caseworker")
    after = enquiries[enquiries.index(email) :]
    found = re.search(r"/intake/cases/([0-9a-f-]{36})", after)
    assert found is not None
    case = await visitor.get(f"/intake/api/cases/{found[1]}")
    assert (case["programme"], case["channel"], case["state"]) == ("foreningspraktik", "library", "preparing")
