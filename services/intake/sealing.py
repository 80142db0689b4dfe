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
    """The operations that need a key, as functions: a workflow gets them and never the keys.

    `older` are the digests by the keys of before, under which something may still be kept.
    """

    seal: Callable[[str], str]
    open: Callable[[str], str]
    digest: Callable[[str], str]
    older: tuple[Callable[[str], str], ...] = ()

    def digests(self, text: str) -> tuple[str, ...]:
        """By every key, today's first."""
        return (self.digest(text), *(digest(text) for digest in self.older))


def keyed(seal_keys: Sequence[str], hash_key: str) -> Secrets:
    """Secrets by Fernet keys (the first seals, all of them open) and by the keys of the hash, separated by
    commas (what is new is kept by the first, and found by all of them)."""
    if not hash_key:
        raise ValueError("HASH_KEY is not set: national ids cannot be found without it")
    fernet = MultiFernet([Fernet(key) for key in seal_keys])
    digest, *older = (_digest_by(key.strip()) for key in hash_key.split(","))
    return Secrets(
        seal=lambda text: fernet.encrypt(text.encode()).decode(),
        open=lambda sealed: fernet.decrypt(sealed.encode()).decode(),
        digest=digest,
        older=tuple(older),
    )


def _digest_by(key: str) -> Callable[[str], str]:
    return lambda text: hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def throwaway() -> Secrets:
    """Secrets by keys that nobody keeps: what they seal nobody reads again."""
    key = Fernet.generate_key().decode()
    return keyed([key], key)
