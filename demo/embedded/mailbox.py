"""A mail server that keeps what it is sent, in memory, where tests and the demonstration can read it.

Every mail accepted is in `mails`, in the order of arrival. On demand it refuses, or takes a mail and breaks
the connection before saying so. It delivers nothing to anybody.
"""

import asyncio
import socket
import threading
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Attachment:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    to: str
    """The receivers of the envelope, separated by commas."""
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    message_id: str
    sender: str
    headers: tuple[tuple[str, str], ...]


class Mailbox:
    """Serves from a thread of its own between `start` and `stop`; all of it may be used from any thread."""

    def __init__(self) -> None:
        self.url = ""
        """`smtp://127.0.0.1:<port>` while it runs."""
        self._lock = threading.Lock()
        self._mails: list[Mail] = []
        self._refused: dict[str, str] = {}
        self._answers: deque[str] = deque()
        self._cuts_left = 0
        self._connections: list[SMTP] = []
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread, asyncio.Server] | None = None

    def start(self, port: int = 0) -> str:
        """Returns its `url`; port 0 is any that is free. Raises OSError."""
        listening = socket.create_server(("127.0.0.1", port))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="mailbox", daemon=True)
        thread.start()
        serving = loop.create_server(lambda: self._connection(loop), sock=listening)
        server = asyncio.run_coroutine_threadsafe(serving, loop).result(timeout=10)
        self._running = loop, thread, server
        self.url = f"smtp://127.0.0.1:{listening.getsockname()[1]}"
        return self.url

    def stop(self) -> None:
        """Breaks what connections there are and frees the port; the mails stay readable."""
        if self._running is None:
            return
        loop, thread, server = self._running
        self._running, self.url = None, ""
        asyncio.run_coroutine_threadsafe(self._close(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()

    @property
    def mails(self) -> list[Mail]:
        with self._lock:
            return list(self._mails)

    def to(self, receiver: str) -> list[Mail]:
        """The mails that one address has received."""
        return [mail for mail in self.mails if receiver in mail.to.split(", ")]

    def clear(self) -> None:
        """Forgets the mails received so far."""
        with self._lock:
            self._mails.clear()

    def refuse(self, receiver: str, answer: str = "550 no such mailbox") -> None:
        """From now on this receiver is answered so, with a 4xx or a 5xx; an answer of 250 lifts it."""
        with self._lock:
            self._refused[receiver] = answer

    def refuse_next(self, count: int, answer: str = "451 try again later") -> None:
        """The next mails are answered so once they are through, and not kept."""
        with self._lock:
            self._answers.extend([answer] * count)

    def sever_next(self, count: int = 1) -> None:
        """The next mails are kept, and the connection breaks before their sender is told."""
        with self._lock:
            self._cuts_left += count

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called by aiosmtpd for each receiver of a mail."""
        with self._lock:
            answer = self._refused.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for a mail that is through."""
        with self._lock:
            if self._answers:
                return self._answers.popleft()
            self._mails.append(_parsed(envelope))
            if not self._cuts_left:
                return "250 OK"
            self._cuts_left -= 1
        _abort(server)
        return "421 cut"

    def _connection(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        connection = SMTP(self, enable_SMTPUTF8=True, hostname="localhost", loop=loop)
        self._connections.append(connection)
        return connection

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for connection in self._connections:
            _abort(connection)
        self._connections.clear()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)


def _abort(connection: SMTP) -> None:
    if isinstance(connection.transport, asyncio.Transport):
        connection.transport.abort()


def _parsed(envelope: Envelope) -> Mail:
    message = message_from_bytes(cast(bytes, envelope.content), policy=policy.default)
    return Mail(
        to=", ".join(envelope.rcpt_tos),
        sender=envelope.mail_from or "",
        subject=str(message["Subject"] or ""),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        attachments=tuple(
            Attachment(part.get_filename() or "", part.get_content_type(), _content(part))
            for part in message.iter_attachments()
        ),
        message_id=str(message["Message-ID"] or ""),
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return "" if part is None else str(part.get_content())


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()
