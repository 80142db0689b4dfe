"""The topics: who owns each, who reads it, how long it keeps what it holds (CONTRACT.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """`retention_days` is None where the newest message of each key stays (compaction)."""

    name: str
    owner: str
    readers: tuple[str, ...]
    retention_days: int | None
    partitions: int = 12
    max_message_bytes: int = 1_048_576

    @property
    def compacted(self) -> bool:
        return self.retention_days is None


REFERRALS = "referrals-v1"
REPLIES = "referral-replies-v1"
CONTACTS = "contacts-v1"
CASE_TEXTS = "case-texts-v1"

TOPICS = {
    topic.name: topic
    for topic in (
        Topic(REFERRALS, "other systems", ("intake",), 7, max_message_bytes=4_194_304),
        Topic(REPLIES, "intake", ("publishers",), 7),
        Topic("intake-events-v1", "intake", ("matching", "followup", "notifications"), 28),
        Topic("matching-events-v1", "matching", ("intake", "followup", "notifications"), 28),
        Topic("followup-events-v1", "followup", ("intake", "matching", "notifications"), 28),
        Topic("notifications-events-v1", "notifications", ("followup", "intake"), 28),
        Topic(CONTACTS, "intake", ("notifications",), None),
        Topic(CASE_TEXTS, "intake", ("matching", "followup"), None),
    )
}


def read_by(service: str) -> tuple[str, ...]:
    """The topics that a service consumes."""
    return tuple(topic.name for topic in TOPICS.values() if service in topic.readers)
