"""The matching solver's figures, against OR-Tools, scipy and a greedy choice.

Job: solve an invented region of 100,000 candidates and smaller ones, and the same problem by others; change a
solved one 10,000 times. Guarantee: all totals are compared in the run itself, and a difference ends it with
an error; others get the same edges in the same order. It needs neither Kafka nor PostgreSQL.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from services.matching.solver.columns import FREE, Columns
from services.matching.solver.compiled import warm
from services.matching.solver.graph import Graph, Ints, Longs, State, graph_of
from services.matching.solver.near import all_edges
from services.matching.solver.optimum import solve_graph
from services.matching.solver.pricing import solve_columns, solve_whole
from services.matching.solver.session import Session
from tests.bench.documents import service_milliseconds
from tests.bench.region import region
from tests.bench.servers import Servers
from tests.bench.shown import Line, Shown

Result = TypeVar("Result")

LARGE = 100_000
MIDDLE = 10_000
SERVICE = 2_000
GROWTH = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, LARGE)
CHANGES = 10_000
HELD_OUT = 0.05
"""The part of the candidates that is not there at first, and comes one by one."""
SCIPY_SIZES = (2_000, 5_000, 10_000, 20_000, 50_000, LARGE)
SCIPY_MOST_SECONDS = 100.0


class Differs(Exception):
    """Two ways to the same optimum came to different totals."""


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def best_time(work: Callable[[], Any], times: int) -> float:
    """The shortest of some runs: what else the machine does only ever adds."""
    return min(timed(work)[0] for _ in range(times))


def same(what: str, one: int, other: int) -> None:
    if one != other:
        raise Differs(f"{what}: {one} and {other}")


def rows_of(graph: Graph) -> tuple[Longs, Ints, Ints]:
    """The graph's edges, candidate by candidate: candidates, places, points."""
    length = graph.length.astype(np.int64)
    candidates = np.repeat(np.arange(len(length)), length)
    at = np.repeat(graph.start - (np.cumsum(length) - length), length) + np.arange(len(candidates))
    return candidates, graph.to[at], graph.worth[at]


def total(state: State) -> int:
    return int(state.at_worth.sum())


def by_flow(graph: Graph) -> tuple[float, int]:
    """OR-Tools' min-cost flow: the seconds it solves, and its total."""
    flow, (candidates, places, worth) = SimpleMinCostFlow(), rows_of(graph)
    size, hosts = len(graph.start), len(graph.capacity)
    sink = size + hosts
    one = np.ones(len(candidates), np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(candidates, places + size, one, -worth.astype(np.int64))
    everyone, every_host = np.arange(size), np.arange(hosts) + size
    flow.add_arcs_with_capacity_and_unit_cost(
        everyone, np.full(size, sink), np.ones(size, np.int64), np.zeros(size, np.int64)
    )
    flow.add_arcs_with_capacity_and_unit_cost(
        every_host, np.full(hosts, sink), graph.capacity.astype(np.int64), np.zeros(hosts, np.int64)
    )
    flow.set_nodes_supplies(everyone, np.ones(size, np.int64))
    flow.set_nodes_supplies(np.array([sink]), np.array([-size]))
    seconds, status = timed(flow.solve)
    if status != flow.OPTIMAL:
        raise Differs(f"min-cost flow ended with {status}")
    return seconds, -int(flow.optimal_cost())


def by_assignment(graph: Graph) -> tuple[float, int]:
    """scipy's sparse assignment, where each opening is a column of its own: seconds and total."""
    candidates, places, worth = rows_of(graph)
    size = len(graph.start)
    slots = np.minimum(graph.capacity, np.bincount(places, minlength=len(graph.capacity))).astype(np.int64)
    first = np.cumsum(slots) - slots
    counts = slots[places]
    rows = np.repeat(candidates, counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = np.repeat(first[places], counts) + within
    rows = np.concatenate([rows, np.arange(size)])
    columns = np.concatenate([columns, int(slots.sum()) + np.arange(size)])
    # A stored zero would be no edge, so that everything is worth one more.
    weights = np.concatenate([np.repeat(worth, counts) + 1, np.ones(size)]).astype(np.float64)
    sparse = csr_array((weights, (rows, columns)), shape=(size, int(slots.sum()) + size))
    seconds, (at, to) = timed(lambda: min_weight_full_bipartite_matching(sparse, maximize=True))
    return seconds, round(float(np.asarray(sparse[at, to]).sum())) - size


def by_greed(graph: Graph) -> tuple[int, int]:
    """The best pair first, then the best that is left: how many are placed, and the total."""
    candidates, places, worth = rows_of(graph)
    left, placed, points = graph.capacity.tolist(), bytearray(len(graph.start)), 0
    order = np.argsort(-worth.astype(np.int64), kind="stable")
    for i, j, gain in zip(
        candidates[order].tolist(), places[order].tolist(), worth[order].tolist(), strict=True
    ):
        if left[j] and not placed[i]:
            left[j] -= 1
            placed[i] = 1
            points += gain
    return sum(placed), points


def compile_seconds() -> tuple[float, float]:
    """How long the first call takes: where nothing has been compiled yet, and where it has."""
    call = "from services.matching.solver.compiled import warm; print(warm())"
    with tempfile.TemporaryDirectory() as folder:
        cold, cached = (
            subprocess.run(
                [sys.executable, "-c", call],
                env=os.environ | {"NUMBA_CACHE_DIR": folder},
                check=True,
                capture_output=True,
                text=True,
            )
            for _ in range(2)
        )
    return float(cold.stdout), float(cached.stdout)


def peak_mib() -> float:
    """The most memory of a process that makes the large region and solves it."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.matching"], check=True, capture_output=True, text=True
    )
    return float(found.stdout)


def without(columns: Columns, gone: Ints, capacity: Ints) -> Columns:
    """The pool as it is after changes: without these candidates, with these openings."""
    seekers, offers, asked = columns
    kept = np.ones(len(seekers.numbers), np.bool_)
    kept[gone] = False
    counts = np.diff(seekers.barred_start)
    start = np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64)
    numbers = offers.numbers.copy()
    numbers[:, FREE] = capacity
    seekers = seekers._replace(
        numbers=seekers.numbers[kept],
        measures=seekers.measures[kept],
        sets=seekers.sets[kept],
        barred=seekers.barred[np.repeat(kept, counts)],
        barred_start=start,
    )
    return Columns(seekers, offers._replace(numbers=numbers), asked)


def changes(columns: Columns, shown: Shown) -> tuple[list[float], list[float]]:
    """The milliseconds of each of many changes to the solved region, and those that the processor worked."""
    rng = np.random.default_rng(7)
    solved = solve_whole(columns)
    columns, ground = solved.columns, solved.ground
    session = Session(solved.graph, solved.state, solved.frontier)
    size = len(solved.candidates)
    away = rng.permutation(size)[: int(size * HELD_OUT)].tolist()
    for i in away:
        session.remove_candidate(i)
    number = {i: i for i in range(size) if session.graph.here[i]}
    here = list(number)
    milliseconds, worked = [], []
    for done in range(CHANGES):
        kind, j = int(rng.integers(0, 4)), int(rng.integers(0, len(solved.places)))
        if kind == 2 and session.graph.capacity[j] == 0:
            kind = 3
        pick = int(rng.integers(0, len(here)))
        began, began_work = time.perf_counter(), time.thread_time()
        if kind == 0:
            i = away.pop()
            _, places, worth = all_edges(columns, ground, np.array([i]))
            number[i] = session.add_candidate(places, worth)
            here.append(i)
        elif kind == 1:
            i = here[pick]
            session.remove_candidate(number[i])
            here[pick] = here[-1]
            here.pop()
            away.insert(0, i)
        elif kind == 2:
            session.close(j)
        else:
            session.open(j)
        milliseconds.append((time.perf_counter() - began) * 1000)
        worked.append((time.thread_time() - began_work) * 1000)
        if done % 500 == 0:
            shown.so_far(done)
    session.prove()
    anew = solve_columns(without(columns, np.array(away), session.graph.capacity))
    same("after all changes, and anew", session.total, total(anew.state))
    return milliseconds, worked


OVERDUE_SHARES = (0.3, 1.0)
"""Parts of the large pool that have waited beyond the limit."""


async def measure(_: Servers, shown: Shown) -> tuple[dict[str, Any], list[Line]]:
    """All of it. Raises `Differs` where two ways to an optimum do not come to the same."""
    figures: dict[str, Any] = {}
    lines: list[Line] = []
    shown.begin("compiling the solver")
    cold, cached = compile_seconds()
    warm()
    lines.append(Line("first call, nothing compiled yet", f"{cold:.1f} s", f"from the cache {cached:.2f} s"))

    shown.begin("pools of growing size", len(GROWTH))
    growth = {}
    for done, size in enumerate(GROWTH):
        columns = region(size)
        growth[str(size)] = round(best_time(lambda pool=columns: solve_columns(pool), 3), 4)  # type: ignore[misc]
        shown.so_far(done + 1)
    figures["match_growth"] = growth
    lines += [
        Line(f"{int(size):,} candidates", f"{spent:.3f} s", "edges, pricing, pairs and proof")
        for size, spent in growth.items()
    ]
    columns = region(SERVICE)
    figures["match_2000_ms"] = round(
        median(timed(lambda: solve_columns(columns))[0] for _ in range(20)) * 1000, 2
    )
    lines.append(Line(f"{SERVICE:,} candidates", f"{figures['match_2000_ms']:.1f} ms", "the median of 20"))
    figures["match_service_2000_ms"], placed = service_milliseconds(SERVICE)
    lines.append(
        Line(
            f"{SERVICE:,} candidates, from documents",
            f"{figures['match_service_2000_ms']:.1f} ms",
            f"the median of 20; columns, pairs, and the reasons of {placed:,} that are put forward",
        )
    )

    shown.begin(f"{MIDDLE:,} candidates with all edges")
    columns = region(MIDDLE)
    priced, whole = solve_columns(columns), solve_whole(columns)
    same("priced, and with all edges", total(priced.state), total(whole.state))
    same("all edges by min-cost flow", total(whole.state), by_flow(whole.graph)[1])
    edges = int(whole.graph.length.sum(dtype=np.int64))
    lines.append(
        Line(
            f"{MIDDLE:,} candidates, all {edges:,} edges",
            f"{total(whole.state):,}",
            "the same total as priced, and by OR-Tools",
        )
    )

    shown.begin(f"{LARGE:,} candidates")
    columns = region(LARGE)
    solve_columns(columns)
    in_all = best_time(lambda: solve_columns(columns), 3)
    solved = solve_columns(columns)
    graph = compact(solved.graph)
    pairs = best_time(lambda: solve_graph(graph), 5)
    placed = int((solved.state.at >= 0).sum())
    figures |= {
        "match_seconds": round(pairs, 4),
        "match_edges_seconds": round(in_all - pairs, 4),
        "match_total": total(solved.state),
        "match_placed": placed,
    }
    edges, openings = len(graph.to), int(graph.capacity.sum(dtype=np.int64))
    whole_edges = len(all_edges(solved.columns, solved.ground, np.arange(LARGE)).worth)
    lines += [
        Line(
            "the region",
            f"{LARGE:,}",
            f"{len(graph.capacity):,} places with {openings:,} openings, {whole_edges:,} edges, "
            f"{edges:,} of them needed",
        ),
        Line(
            "edges, with pricing",
            f"{in_all - pairs:.3f} s",
            f"candidates looked at again: {', '.join(map(str, solved.looks))}",
        ),
        Line("best pairs, with the proof", f"{pairs:.3f} s", "on the final edges"),
        Line("both", f"{in_all:.3f} s"),
    ]
    figures["match_overdue_seconds"] = {}
    for share in OVERDUE_SHARES:
        late = region(LARGE, overdue=share)
        seconds = best_time(lambda pool=late: solve_columns(pool), 2)  # type: ignore[misc]
        figures["match_overdue_seconds"][str(share)] = round(seconds, 3)
        lines.append(Line(f"{share:.0%} overdue", f"{seconds:.3f} s", "as many of these as can be"))
    shown.begin("the same by OR-Tools")
    seconds, flow_total = by_flow(graph)
    same("the region by min-cost flow", total(solved.state), flow_total)
    figures |= {"match_ortools_seconds": round(seconds, 3), "match_ortools_total": flow_total}
    lines.append(
        Line(
            "OR-Tools' min-cost flow",
            f"{seconds:.2f} s",
            f"{seconds / pairs:.0f} times as long, the same total {flow_total:,}",
        )
    )
    greedy, points = by_greed(graph)
    figures["match_greedy_placed"] = greedy
    lines += [
        Line(
            "placed",
            f"{placed:,}",
            f"{placed / openings:.0%} of the openings, {total(solved.state):,} points",
        ),
        Line(
            "placed by greed",
            f"{greedy:,}",
            f"{points:,} points; the best pairs place {placed / greedy - 1:.1%} more",
        ),
    ]
    figures["match_peak_mib"] = round(peak_mib())
    lines.append(
        Line(
            "memory at its most",
            f"{figures['match_peak_mib']:,} MiB",
            "of a process that makes the region and solves it",
        )
    )

    shown.begin(f"{CHANGES:,} changes", CHANGES)
    milliseconds, worked = changes(columns, shown)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    figures["match_change_p99_ms"] = round(float(p99), 3)
    lines.append(
        Line(
            "one change, p99",
            f"{p99:.3f} ms",
            f"median {p50:.3f} ms, most {max(milliseconds):.0f} ms, p99 of the processor's work alone "
            f"{np.percentile(worked, 99):.3f} ms; after {CHANGES:,} the same total as anew",
        )
    )

    shown.begin("the same by scipy", len(SCIPY_SIZES))
    seconds, size = scipy_seconds(shown)
    figures["match_scipy_seconds"] = round(seconds, 2)
    lines.append(
        Line(
            "scipy's sparse assignment",
            f"{seconds:.2f} s",
            f"of {size:,} candidates, the same total"
            + ("" if size == LARGE else "; larger ones take too long here"),
        )
    )
    return figures, lines


def compact(graph: Graph) -> Graph:
    """The same edges, candidate by candidate, without gaps."""
    _, to, worth = rows_of(graph)
    start = np.cumsum(graph.length, dtype=np.int64) - graph.length
    return graph_of(start, graph.length, to, worth, graph.extra, graph.rank, graph.capacity, graph.place_rank)


def scipy_seconds(shown: Shown) -> tuple[float, int]:
    """The largest region that it solves in reasonable time: seconds and size."""
    seconds, solved_size = 0.0, 0
    for done, size in enumerate(SCIPY_SIZES):
        grown = (size / solved_size) ** 2 if solved_size else 1
        if seconds * grown > SCIPY_MOST_SECONDS:
            break
        solved = solve_columns(region(size))
        seconds, found = by_assignment(compact(solved.graph))
        same(f"{size} candidates by scipy", total(solved.state), found)
        solved_size = size
        shown.so_far(done + 1)
    return seconds, solved_size


if __name__ == "__main__":
    solve_columns(region(LARGE))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
