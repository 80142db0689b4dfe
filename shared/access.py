"""Who asks: staff and other systems by a signed token, parties by their link.

Job: find the actor of a request, and say whether a role may send a command. Guarantee: no token, or
one that does not verify, is nobody; an actor without units sees no case. The unit of what is asked
about is checked in the corridor, under the row's lock. It issues tokens for the demonstration alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from fastapi import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.contracts.model import NAMESPACE, Command
from shared.links import Reader, key_set
from shared.messages import Actor

COOKIE = "makker_session"
ROLES = (
    "caseworker",
    "coordinator",
    "project_manager",
    "network",
    "psychologist",
    "training_office",
    "analyst",
    "operator",
    "publisher",
)
ALGORITHMS = ["Ed25519", "RS256", "ES256"]


class NotSignedIn(Exception):
    """Nobody is signed in, or the token does not verify."""


class NotAllowed(Exception):
    """Signed in, but neither the role nor the link may do this."""


def person_of(issuer: str, subject: str) -> UUID:
    """A staff member's person id."""
    return uuid5(NAMESPACE, f"staff\n{issuer}\n{subject}")


class Access:
    """Reads actors from requests. `clock` is for links alone; sign-in goes by real time."""

    def __init__(self, public_keys: str, links: Reader, clock: Callable[[], datetime]) -> None:
        self._keys = key_set(public_keys)
        self._links = links
        self._clock = clock

    def of_token(self, token: str) -> Actor | None:
        """The actor of a bearer token, of a session or of a link. Raises `LinkExpired`."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError):
            return self._links.actor(token, self._clock())
        try:
            if int(claims["exp"]) <= time.time():
                return None
            return _actor(claims)
        except (KeyError, ValueError, TypeError):
            return None

    def of_link(self, token: str) -> Actor | None:
        """The actor of a link alone. Raises `LinkExpired`."""
        return self._links.actor(token, self._clock())

    def actor(self, request: Request, token: str | None = None) -> Actor:
        """Who sent the request. Raises `NotSignedIn` and `LinkExpired`."""
        if token is None:
            scheme, _, value = request.headers.get("authorization", "").partition(" ")
            token = value.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE)
        actor = self.of_token(token) if token else None
        if actor is None:
            raise NotSignedIn
        return actor

    def staff(self, request: Request, *roles: str) -> Actor:
        """A signed-in staff member with one of the roles (any, if none is named)."""
        actor = self.actor(request)
        if actor.kind != "staff" or not actor.roles & set(roles or ROLES):
            raise NotAllowed
        return actor


def _actor(claims: dict[str, Any]) -> Actor:
    roles = frozenset(str(role) for role in claims.get("roles") or ()) & frozenset(ROLES)
    subject = str(claims["sub"])
    return Actor(
        subject=subject,
        kind="publisher" if roles == {"publisher"} else "staff",
        person_id=person_of(str(claims.get("iss", "")), subject),
        name=str(claims["name"]) if claims.get("name") else None,
        roles=roles,
        units=frozenset(str(unit) for unit in claims.get("units") or ()),
    )


def may(actor: Actor, command: type[Command]) -> bool:
    """Whether somebody like this may send such a command at all."""
    return "party" in command.roles if actor.kind == "party" else bool(actor.roles & command.roles)


class Issuer:
    """Signs sessions: after a sign-in, and for the demonstration's choice of role."""

    def __init__(self, private_key: str, issuer: str) -> None:
        self._key = OKPKey.import_key(json.loads(private_key))
        self._issuer = issuer

    def token(
        self, subject: str, roles: list[str], units: list[str], name: str | None = None, hours: float = 12
    ) -> str:
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "roles": roles,
            "units": units,
            "exp": int(time.time() + hours * 3600),
        } | ({"name": name} if name else {})
        return jwt.encode({"alg": "Ed25519", "kid": self._key.kid}, claims, self._key, algorithms=["Ed25519"])
