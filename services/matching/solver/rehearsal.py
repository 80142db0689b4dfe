"""One small pool through everything, so that nothing is left to compile when the first real one comes.

Job: call each function that becomes machine code with the types it is called with. Guarantee: it has no
effect. It measures nothing and proves nothing.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.columns import (
    CODES,
    FREE,
    FROM,
    LONG_TRAINING,
    OFFER_NUMBERS,
    REASONS,
    SEEKER_NUMBERS,
    SEGMENTS,
    Asked,
    Columns,
    Offers,
    Seekers,
)
from services.matching.solver.near import rules_in_the_way
from services.matching.solver.pricing import solve_columns, solve_whole
from services.matching.solver.session import Session

SIZE = 3


def rehearse() -> None:
    """Solve a pool of three candidates who all want the same place first, and change it a little."""
    numbers, place_numbers = (
        np.ones((SIZE, SEEKER_NUMBERS), np.int64),
        np.ones((SIZE, OFFER_NUMBERS), np.int64),
    )
    place_numbers[:, FROM] = place_numbers[:, LONG_TRAINING] = 0
    place_numbers[:, FREE] = np.arange(1, SIZE + 1)
    measures = np.tile(np.array([1.0, 0.0, 0.0, 0.0, 9.0, 5.0, 5.0]), (SIZE, 1))
    sets = np.zeros((SIZE, len(SEGMENTS)), np.uint64)
    columns = Columns(
        Seekers(numbers, measures, sets, np.zeros(0, np.int64), np.zeros(SIZE + 1, np.int64)),
        Offers(place_numbers, measures[:, :5].copy(), sets.copy()),
        Asked(
            1 << CODES.index("travel"),
            np.ones(len(REASONS), np.int64),
            np.arange(len(SEGMENTS) + 1, dtype=np.int64),
        ),
    )
    # With one edge to a candidate, the others have to be asked for.
    solved = solve_columns(columns, most=1)
    rules_in_the_way(columns, np.arange(SIZE))
    solved = solve_whole(columns)
    session = Session(solved.graph, solved.state, solved.frontier)
    session.add_candidate(np.arange(SIZE, dtype=np.int32), np.ones(SIZE, np.int32))
    session.open(0)
    session.close(0)
    session.close(0)
    session.remove_candidate(0)
    session.remove_candidate(1)
    session.prove()
