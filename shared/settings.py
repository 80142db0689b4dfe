"""What is set from outside, by environment variables; the demonstration sets them in code."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """One service's settings. A fresh set of keys comes from `makker keys`.

    `link_private_key` (notifications alone) and `session_private_key` (intake alone) are JWK texts, the
    public ones JWKS texts that may hold the keys of before too. `seal_keys` are Fernet keys, newest first,
    separated by commas; `hash_key` is what national ids are hashed with (intake alone), newest first too.
    `trusted_proxies` is how many of our own proxies stand before a service, each adding to X-Forwarded-For.
    `publishers` are the sources that have a label of their own in intake's metrics, separated by commas.
    """

    database_url: str
    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_transactions: bool = True
    kafka_session_timeout_ms: int = 10_000
    smtp_url: str = "smtp://localhost:25"
    mail_from: str = "makker@example.org"
    public_url: str = "http://127.0.0.1:8080"
    programmes_dir: Path | None = None
    access_public_keys: str = '{"keys": []}'
    session_private_key: str = ""
    link_public_keys: str = '{"keys": []}'
    link_private_key: str = ""
    seal_keys: str
    hash_key: str = ""
    publishers: str = ""
    trusted_proxies: int = 0
    log_level: str = "INFO"
    demonstration: bool = False
