"""Signed links for people without sign-in: one party, one question or one case, an end date.

Job: sign (notifications alone) and read. Guarantee: the same link on every retry, because Ed25519 is
deterministic and nothing in a token depends on when it was made; a token that was tampered with, or
whose key is not known any more, is no token. Whether the question is still open is the question's own
state, not the token's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.messages import Actor

ALGORITHM = "Ed25519"


class LinkExpired(Exception):
    """The link's end date has passed."""


class Signer:
    """Makes links; holds the private key, so notifications alone has one."""

    def __init__(self, private_key: str) -> None:
        self._key = OKPKey.import_key(json.loads(private_key))

    def token(self, scope: str, person_id: UUID, question: UUID, ends_at: datetime) -> str:
        """A token for `scope` (`answer` or `mine`); `ends_at` is kept to the second."""
        header = {"alg": ALGORITHM, "kid": self._key.kid}
        claims = {"s": scope, "p": person_id.hex, "q": question.hex, "e": int(ends_at.timestamp())}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


class Reader:
    """Reads links with the public keys of now and of before."""

    def __init__(self, public_keys: str) -> None:
        self._keys = key_set(public_keys)

    def actor(self, token: str, now: datetime) -> Actor | None:
        """Who a link speaks for; None if it is none of ours. Raises `LinkExpired`."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=[ALGORITHM]).claims
            person, question = UUID(claims["p"]), UUID(claims["q"])
            scope, ends_at = str(claims["s"]), datetime.fromtimestamp(claims["e"], UTC)
        except (JoseError, ValueError, KeyError, TypeError, OverflowError):
            return None
        if now >= ends_at:
            raise LinkExpired
        return Actor(f"party:{person}", "party", person_id=person, question=question, scope=scope)


def key_set(text: str) -> KeySet:
    """The public keys of a JWKS text, which may be empty: then nothing verifies."""
    keys = json.loads(text)
    return KeySet.import_key_set(keys) if keys["keys"] else KeySet([])


def new_key(kid: str) -> tuple[str, str]:
    """A fresh private key, and the set of public keys that goes with it, both as JSON."""
    key = OKPKey.generate_key("Ed25519", parameters={"kid": kid})
    return json.dumps(key.as_dict(private=True)), json.dumps(KeySet([key]).as_dict(private=False))
