"""What intake keeps for a time only, and takes away by itself.

Guarantee: a refused referral that names nobody who is known here is deleted 30 days after it came; one that
names somebody known is found by that person's key, and erased with them. The leader alone calls this, in
small bites.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.postgres import Connection

KEPT_WITHOUT_A_PERSON = timedelta(days=30)
DELETED_AT_ONCE = 1000


async def forget_refused(connection: Connection, now: datetime) -> None:
    """Delete the oldest of what was refused, names nobody who is known and is kept no longer."""
    await connection.execute(
        "DELETE FROM refused_referral WHERE position IN (SELECT position FROM refused_referral "
        "WHERE received_at <= $1 AND (person_key IS NULL OR NOT EXISTS (SELECT 1 FROM person_key k "
        "WHERE k.id = refused_referral.person_key AND k.doc IS NOT NULL)) ORDER BY received_at LIMIT $2)",
        now - KEPT_WITHOUT_A_PERSON,
        DELETED_AT_ONCE,
    )
