"""One case from referral to its second check-in, played by everybody through their own doors.

The same walk serves the demonstration, the end-to-end tests and the tests that kill processes under
way; `wait` is how each of them lets time go by until something has become true.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import unescape
from typing import Any

from demo.outside import Outside, Wrong
from demo.samples import Sample, candidate_email, contact_name, host_email, host_name, referral

Say = Callable[[str], None]
PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5
STAFF = "coordinator"


def quietly(text: str) -> None:
    """Say nothing."""


async def until(look: Callable[[], Awaitable[Any]], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Look until there is something, and give it. Raises `Wrong` with what was waited for.

    The longer it takes, the seldomer it is looked: where many wait at once, their looks would be most of the
    work.
    """
    loop = asyncio.get_running_loop()
    ends_at, pause = loop.time() + seconds, FIRST_PAUSE_SECONDS
    while True:
        found = await look()
        if found:
            return found
        if loop.time() > ends_at:
            raise Wrong(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


@dataclass
class Walk:
    """The way of one case.

    `replies` is what the publisher hears on `referral-replies-v1`; `addresses` says who reads the mail of
    each place's host, for walks that share them.
    """

    outside: Outside
    sample: Sample
    number: int
    replies: list[dict[str, Any]]
    today: Callable[[], Awaitable[date]]
    say: Say = quietly
    patience_seconds: float = PATIENCE_SECONDS
    addresses: dict[str, str] = field(default_factory=dict)
    case_id: str = ""
    place_id: str = ""
    proposal: dict[str, Any] = field(default_factory=dict)
    placement: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"VITAS-{self.sample.programme}-{self.number}"

    async def _until(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        return await until(look, f"{what} of {self.sample.programme} {self.number}", self.patience_seconds)

    async def refer(self) -> None:
        """The publisher refers on Kafka and hears that it is a case."""
        today = await self.today()
        await self.outside.publish(referral(self.sample, self.number, self.reference, today.isoformat()))

        async def accepted() -> dict[str, Any] | None:
            mine = [r for r in self.replies if r.get("source_reference") == self.reference]
            refused = [r for r in mine if r["type"] == "makker.ReferralRejected.v1"]
            if refused:
                raise Wrong(f"the referral was refused: {refused[0]['reasons']}")
            return next((r for r in mine if r["type"] == "makker.ReferralAccepted.v1"), None)

        self.case_id = (await self._until(accepted, "the reply to the referral"))["case_id"]
        self.say("referred on Kafka, and accepted: a case is open")

    async def offer_place(self, capacity: int = 1) -> str:
        """A host (or a volunteer) is registered and offers a place."""
        sample, number = self.sample, self.number
        name = host_name(sample, number)
        contact = {"email": host_email(sample, number), "phone": "+4570203040", "language": sample.language}
        command = self.outside.command
        if sample.by_volunteer:
            registered = await command(
                "intake",
                "RegisterMentor",
                unit=sample.unit,
                contact={"name": name, **contact},
                birth_date="1975-05-05",
                gender="f",
                education_level="skilled",
            )
            owner = {"mentor_id": registered["id"]}
        else:
            registered = await command(
                "intake",
                "RegisterHost",
                unit=sample.unit,
                kind=sample.host_kind,
                name=name,
                contact_person={"name": contact_name(sample, number), **contact},
                postcode=sample.postcode,
            )
            owner = {"host_id": registered["id"]}
        offered = await command(
            "intake",
            "OfferPlace",
            **owner,
            programmes=[sample.programme],
            capacity=capacity,
            industries=list(sample.industries),
            tasks=list(sample.tasks),
            postcode=sample.postcode,
            hours_per_week={"min": 1, "max": 20},
            times=list(sample.times),
            helpers=["buddy", "language_mentor", "contact_person", "personal_mentor", "workplace_mentor"],
        )
        self.place_id = offered["id"]
        self.addresses[self.place_id] = host_email(sample, number)
        self.say(f"{name} offers a place")
        return self.place_id

    async def prepare(self, before: str) -> None:
        """Do whatever the programme asks before the match, or before the start, as it becomes possible."""
        for _ in range(20):
            why = await self.outside.get(f"/intake/api/cases/{self.case_id}/why-not-yet", role=STAFF)
            steps = [s for s in why["steps"] if not s["is_done"] and s["before"] == before]
            possible = [s for s in why["steps"] if s["is_possible_now"] and not s["is_done"]]
            if not steps:
                self.say(f"all that is asked before the {before} is done")
                return
            wanted = [s for s in possible if s["before"] == before] or possible
            if not wanted:
                raise Wrong(f"no step is possible now: {steps}")
            await self._do(wanted[0])
        raise Wrong(f"the preparation before the {before} does not end")

    async def _do(self, step: dict[str, Any]) -> None:
        command, case, sample = self.outside.command, self.case_id, self.sample
        kind, code = step["kind"], step["code"]
        if kind == "interview":
            await command(
                "intake",
                "RecordInterview",
                case_id=case,
                profile={
                    "wishes": list(sample.wishes),
                    "languages": sample.languages,
                    "max_travel_km": 30,
                    "hours_per_week": {"min": 1, "max": 20},
                    "times": list(sample.times),
                    "needs": list(sample.needs),
                },
                groups=list(sample.groups),
                presentation="Glad for mennesker. Vil gerne prøve noget nyt i rolige omgivelser.",
            )
        elif kind == "goals":
            await command("intake", "AgreeGoals", case_id=case, goals=list(sample.goals))
        elif kind == "consent":
            await command("intake", "RecordConsent", case_id=case, kind=code, given=True)
        elif kind == "certificate":
            await command("intake", "OrderCertificate", case_id=case, kind=code)
            valid_until = (await self.today()) + timedelta(days=700)
            await command(
                "intake",
                "RecordCertificateShown",
                case_id=case,
                kind=code,
                valid_until=valid_until.isoformat(),
            )
        else:
            await command(
                "intake",
                "CompletePreparation",
                case_id=case,
                step=code,
                note="Talt igennem og aftalt.",
                considered=dict.fromkeys(step["considers"], True),
            )
        self.say(f"preparation: {code.replace('_', ' ')}")

    async def be_proposed(self) -> None:
        """Matching proposes a pair."""

        async def proposed() -> dict[str, Any] | None:
            found = await self.outside.get(f"/matching/api/proposals?case_id={self.case_id}", role=STAFF)
            return next((p for p in found["proposals"] if p["state"] in ("open", "accepted")), None)

        self.proposal = await self._until(proposed, "a proposal")
        why = ", ".join(f"{one['code']} {one['points']}" for one in self.proposal["reasons"])
        self.say(f"a pair is proposed, because: {why}")

    async def answer_all(self) -> None:
        """Everybody who is asked says yes by the link in their mail, in the programme's order."""
        people = [self.addresses[self.proposal["place_id"]], candidate_email(self.sample, self.number)]
        answered: set[str] = set()

        async def step() -> bool:
            for address in people:
                link = await self.outside.link(address, "/matching/answer/")
                if link is None or link in answered:
                    continue
                await self.answer(link, "yes")
                answered.add(link)
                self.say(f"{address.split('-')[0]} answered yes by the link in the mail")
            now = await self.outside.get(
                f"/matching/api/proposals/{self.proposal['proposal_id']}", role=STAFF
            )
            self.proposal = now
            return bool(now["state"] == "accepted")

        await self._until(step, "all answers")

    async def answer(self, link: str, answer: str) -> None:
        """Open an answer page as a browser would, and send its form."""
        html = await self.outside.page(link)
        form = re.search(r'<form[^>]*action="([^"]+)"', html)
        if form is None:
            raise Wrong("the answer page has no form")
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
        fields = {name: unescape(value) for name, value in hidden.items()} | {"answer": answer}
        await self.outside.post_form(unescape(form[1]), fields)

    async def agree(self, starts_in_days: int = 0) -> None:
        """The agreement: from when to when, hours, times and content."""
        starts_on = (await self.today()) + timedelta(days=starts_in_days)
        weeks = self.sample.weeks
        await self.outside.command(
            "matching",
            "AgreeMatch",
            proposal_id=self.proposal["proposal_id"],
            starts_on=starts_on.isoformat(),
            ends_on=(starts_on + timedelta(weeks=weeks)).isoformat() if weeks else None,
            hours_per_week=self.sample.hours_per_week,
            times=list(self.sample.times),
            content=list(self.sample.content),
        )

        async def heard() -> bool:
            case = await self.outside.get(f"/intake/api/cases/{self.case_id}", role=STAFF)
            return bool(case["state"] == "matched")

        # What is about the host can only be done once intake has heard of the match.
        await self._until(heard, "the agreed match")
        self.say(f"the match is agreed, to start on {starts_on}")

    async def start(self) -> None:
        """The placement runs once the match is agreed and the start is cleared."""

        async def started() -> dict[str, Any] | None:
            found = await self.outside.get(f"/followup/api/placements?case_id={self.case_id}", role=STAFF)
            return next((p for p in found["placements"] if p["state"] == "running"), None)

        self.placement = await self._until(started, "the start of the placement")
        first = self.placement["check_ins"][0]
        self.say(f"the placement has started; the first check-in is on {first['due_on']}")

    async def hold_check_in(self) -> None:
        """The open check-in is held; the next one is booked."""
        placement_id = self.placement["placement_id"]
        before = await self.outside.get(f"/followup/api/placements/{placement_id}", role=STAFF)
        open_one = next(c for c in before["check_ins"] if c["state"] == "booked")
        await self.outside.command(
            "followup",
            "RecordCheckIn",
            placement_id=placement_id,
            check_in_id=open_one["check_in_id"],
            outcome="held",
            mode="in_person",
            note="Det går godt.",
        )
        self.placement = await self.outside.get(f"/followup/api/placements/{placement_id}", role=STAFF)
        following = [c["due_on"] for c in self.placement["check_ins"] if c["state"] == "booked"]
        more = f"; the next is on {following[0]}" if following else "; it was the last"
        self.say(f"check-in {open_one['number']} was held{more}")

    async def all_the_way(self) -> None:
        """From the referral to a running placement."""
        await self.refer()
        await self.prepare("match")
        await self.be_proposed()
        await self.answer_all()
        await self.agree()
        await self.prepare("start")
        await self.start()
