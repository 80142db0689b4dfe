"""What intake keeps secret: how a text is sealed, and how it is recognised without being kept.

Guarantee: a digest is keyed, so that nobody without the key can try all national ids; the same text
always has the same digest, and never the same seal. It decides nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet


@dataclass(frozen=True)
class Secrets:
    """The three operations that need a key, as functions: a workflow gets them and never the keys."""

    seal: Callable[[str], str]
    open: Callable[[str], str]
    digest: Callable[[str], str]


def keyed(seal_keys: Sequence[str], hash_key: str) -> Secrets:
    """Secrets by Fernet keys (the first seals, all of them open) and by the key of the hash."""
    if not hash_key:
        raise ValueError("HASH_KEY is not set: national ids cannot be found without it")
    fernet = MultiFernet([Fernet(key) for key in seal_keys])
    key = hash_key.encode()
    return Secrets(
        seal=lambda text: fernet.encrypt(text.encode()).decode(),
        open=lambda sealed: fernet.decrypt(sealed.encode()).decode(),
        digest=lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest(),
    )


def throwaway() -> Secrets:
    """Secrets by keys that nobody keeps: what they seal nobody reads again."""
    key = Fernet.generate_key().decode()
    return keyed([key], key)
