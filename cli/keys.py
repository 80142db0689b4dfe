"""A fresh set of keys for one installation, as the lines of an environment file.

Guarantee: made of the operating system's randomness, and kept nowhere. Values stand without quotation
marks, as `docker --env-file`, Compose and `kubectl create secret --from-env-file` read them.
"""

from __future__ import annotations

import json
import secrets

from cryptography.fernet import Fernet

from shared.links import new_key


def fresh_keys() -> list[str]:
    """Comments and `NAME=value` lines; every call gives other keys."""
    session_private, session_public = _key("session")
    link_private, link_public = _key("link")
    return [
        "# Make these once for an installation. All but the two public sets are secret.",
        "# Every service:",
        f"ACCESS_PUBLIC_KEYS={session_public}",
        f"LINK_PUBLIC_KEYS={link_public}",
        "# intake alone:",
        f"SESSION_PRIVATE_KEY={session_private}",
        f"HASH_KEY={secrets.token_hex(32)}",
        "# notifications alone:",
        f"LINK_PRIVATE_KEY={link_private}",
        "# Each service its own, where it is called SEAL_KEYS:",
        *(f"{service}_SEAL_KEYS={Fernet.generate_key().decode()}" for service in SEALING),
    ]


SEALING = ("INTAKE", "MATCHING", "FOLLOWUP", "NOTIFICATIONS")


def _key(use: str) -> tuple[str, str]:
    # A key's name is random, so that an old and a new one may stand in one set while links of both are out.
    private, public = new_key(f"{use}-{secrets.token_hex(4)}")
    return _compact(private), _compact(public)


def _compact(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"))
