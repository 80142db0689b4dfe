"""Settings of a whole stack on one machine: the same keys for all four services."""

from __future__ import annotations

import secrets

from cryptography.fernet import Fernet

from shared.links import new_key
from shared.settings import Settings


class Keys:
    """A fresh set of keys; whoever starts four processes gives all of them the same set."""

    def __init__(self) -> None:
        self.session_private, self.session_public = new_key("session-1")
        self.link_private, self.link_public = new_key("link-1")
        self.seal = Fernet.generate_key().decode()
        self.hash = secrets.token_hex(32)

    def settings(
        self,
        database_url: str,
        kafka: str = "127.0.0.1:1",
        smtp_url: str = "smtp://127.0.0.1:1",
        public_url: str = "http://127.0.0.1:8080",
        *,
        kafka_transactions: bool = False,
        demonstration: bool = True,
    ) -> Settings:
        """One service's settings."""
        return Settings(
            database_url=database_url,
            kafka_bootstrap_servers=kafka,
            kafka_transactions=kafka_transactions,
            kafka_session_timeout_ms=6_000,
            smtp_url=smtp_url,
            public_url=public_url,
            access_public_keys=self.session_public,
            session_private_key=self.session_private,
            link_public_keys=self.link_public,
            link_private_key=self.link_private,
            seal_keys=self.seal,
            hash_key=self.hash,
            demonstration=demonstration,
        )
