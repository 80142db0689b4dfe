"""SMTP: one connection for a run of mails, and what the server said to each.

Job: hand a written mail to the mail server. Guarantee: `Verdict.TAKEN` only once the server has
answered that it has the mail. It knows no mail of ours and keeps nothing.

`SMTP_URL` is `smtp://[user:password@]host[:port]`, or `smtps://` for TLS from the first byte. With
`smtp://` TLS is used where the server offers it; `?starttls=always` insists, `?starttls=never` does not.
Certificates are checked against the system's authorities, or those in the file that `SSL_CERT_FILE` names.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import structlog

from shared.logs import where

log = structlog.get_logger()

TIMEOUT_SECONDS = 30.0
CLOSING = 421
"""The server's answer when it is about to close the connection."""
START_TLS = {"always": True, "never": False, "offered": None}


@dataclass(frozen=True)
class Server:
    """Where mail goes, read from `SMTP_URL`."""

    host: str
    port: int
    tls: bool = False
    start_tls: bool | None = None
    username: str | None = None
    password: str | None = None

    @classmethod
    def of_url(cls, url: str) -> Server:
        """Raises ValueError, naming the fault and never the password."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL begins with smtp:// or smtps:// and names a host")
        (start_tls,) = parse_qs(parts.query).get("starttls", ["offered"])
        if start_tls not in START_TLS:
            raise ValueError(f"starttls in SMTP_URL is one of {', '.join(START_TLS)}")
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if tls else 25),
            tls=tls,
            start_tls=False if tls else START_TLS[start_tls],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


@dataclass(frozen=True)
class Verdict:
    """What became of one try. `server_away`: no other mail would fare better now."""

    kind: Literal["taken", "put_off", "refused"]
    reason: str = ""
    server_away: bool = False


TAKEN = Verdict("taken")
AWAY = Verdict("put_off", "server_away", server_away=True)


class Postman:
    """Connects when the first mail is there, and stays connected until `close`."""

    def __init__(self, url: str) -> None:
        self._server = Server.of_url(url)
        self._client: aiosmtplib.SMTP | None = None

    async def send(self, sender: str, receiver: str, message: EmailMessage) -> Verdict:
        """Hand over one mail. Raises nothing of the mail server's doing."""
        try:
            client = await self._connected()
            await client.send_message(message, sender=sender, recipients=[receiver])
            return TAKEN
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return await self._judged(refused.recipients[0].code, "address_refused")
        except aiosmtplib.SMTPDataError as refused:
            return await self._judged(refused.code, "mail_refused")
        except aiosmtplib.SMTPNotSupported:
            return Verdict("refused", "bad_address")
        except (aiosmtplib.SMTPException, OSError) as error:
            # Refused as a sender or as a user, or no connection: our own affair, no fault of the receiver's.
            log.warning("mail_server_away", code=getattr(error, "code", None), **where(error))
            await self.close()
            return AWAY

    async def close(self) -> None:
        """Say goodbye, if there is somebody to say it to."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await client.quit(timeout=2)
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is None or not self._client.is_connected:
            server = self._server
            self._client = aiosmtplib.SMTP(
                hostname=server.host,
                port=server.port,
                use_tls=server.tls,
                start_tls=server.start_tls,
                username=server.username,
                password=server.password,
                timeout=TIMEOUT_SECONDS,
            )
            await self._client.connect()
        return self._client

    async def _judged(self, code: int, reason: str) -> Verdict:
        if code >= 500:
            return Verdict("refused", reason)
        if code == CLOSING:
            await self.close()
            return AWAY
        return Verdict("put_off", "try_later")
