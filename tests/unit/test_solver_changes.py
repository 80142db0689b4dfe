"""One change after another, and what a change would do: always what solving anew comes to."""

from __future__ import annotations

import numpy as np
import pytest

from services.matching.solver.graph import Graph, graph_of
from services.matching.solver.optimum import solve_graph
from services.matching.solver.session import Session

Rows = dict[int, dict[int, int]]


def graph_from(capacity: list[int], rows: Rows, extra: dict[int, int]) -> Graph:
    length = np.array([len(row) for row in rows.values()], np.int32)
    return graph_of(
        np.cumsum(length, dtype=np.int64) - length,
        length,
        np.array([j for row in rows.values() for j in row], np.int32),
        np.array([points for row in rows.values() for points in row.values()], np.int32),
        np.array([extra[i] for i in rows], np.int64),
        np.arange(len(rows), dtype=np.int32),
        np.array(capacity, np.int32),
        np.arange(len(capacity), dtype=np.int32),
    )


def anew(capacity: list[int], rows: Rows, extra: dict[int, int]) -> tuple[int, int]:
    graph = graph_from(capacity, rows, extra)
    state, _ = solve_graph(graph)
    return int(((state.at >= 0) & (graph.extra > 0)).sum()), int(state.at_worth.sum())


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_after_every_change_the_session_is_what_solving_anew_comes_to(most: int) -> None:
    rng = np.random.default_rng(most)
    capacity = rng.integers(0, 3, 12).tolist()

    def row() -> dict[int, int]:
        some = np.flatnonzero(rng.random(len(capacity)) < 0.3).tolist()
        return {j: int(rng.integers(1, most + 1)) for j in some}

    rows: Rows = {i: row() for i in range(25)}
    extra = {i: int(rng.random() < 0.2) * 100 * most for i in rows}
    session = Session(graph_from(capacity, rows, extra))
    for _ in range(400):
        change = rng.integers(0, 5)
        j = int(rng.integers(0, len(capacity)))
        if change == 0 or not rows:
            more, worth = row(), int(rng.random() < 0.2) * 100 * most
            places, points = np.array(list(more), np.int32), np.array(list(more.values()), np.int32)
            number = session.add_candidate(places, points, extra=worth)
            rows[number], extra[number] = more, worth
        elif change == 1:
            gone = int(rng.choice(list(rows)))
            session.remove_candidate(gone)
            del rows[gone]
        elif change == 2:
            session.open(j)
            capacity[j] += 1
        elif change == 3 and capacity[j] > 0:
            session.close(j)
            capacity[j] -= 1
        elif len(capacity) < 20:
            reached = [i for i in rows if rng.random() < 0.3]
            points = rng.integers(1, most + 1, len(reached)).astype(np.int32)
            number = session.add_place(np.array(reached, np.int32), points, 1)
            capacity.append(1)
            for i, worth in zip(reached, points.tolist(), strict=True):
                rows[i][number] = worth
        session.prove()
        assert (session.served, session.total) == anew(capacity, rows, extra)


def test_what_does_not_fit_a_session_is_refused() -> None:
    session = Session(graph_from([1], {0: {0: 5}}, {0: 0}))
    with pytest.raises(ValueError, match="twice"):
        session.add_candidate(np.array([0, 0], np.int32), np.array([1, 2], np.int32))
    with pytest.raises(ValueError, match="less than no opening"):
        session.close(0, 2)
    session.remove_candidate(0)
    with pytest.raises(ValueError, match="not in this pool"):
        session.remove_candidate(0)
