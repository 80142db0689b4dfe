"""Which places are near enough to be looked at: a grid over the map.

Job: put places into cells of some kilometres, and say of a candidate in which runs of places all those lie
that they can reach. Guarantee: a place that is left out is too far by the travel rule; who is not bound by
it, or whose circle touches a pole or the date line, is given all places. It judges no pair: places within
the runs may still be too far.

Places stand in the order of their cells, row by row from the south, so that a run of cells is a run of
places; those without a location stand behind all cells. Candidates stand along a space-filling curve over
the same cells, so that neighbours in the arrays are neighbours on the map.
"""

from __future__ import annotations

from math import acos, asin, atan2, cos, floor, pi, sin, sqrt
from typing import NamedTuple

import numpy as np

from services.matching.solver.columns import LOCATED, MOST_KM, Columns, Floats, Offers, Seekers, X, Y, Z
from services.matching.solver.compiled import inlined
from services.matching.solver.distance import EARTH_RADIUS_KM
from services.matching.solver.graph import Longs
from services.matching.solver.pairs import TRAVEL_BIT

CELL_KM = 2.5
MOST_CELLS = 512
"""Along either side of the map; a larger map has larger cells."""
SLACK = 1e-9
"""In radians, some millimetres: how much more than the circle is looked at."""


class Grid(NamedTuple):
    """South and west edge and a cell's height and width, in radians; `bound` if the travel rule holds."""

    bound: bool
    south: float
    west: float
    height: float
    width: float
    rows: int
    columns: int
    located: int
    places: int


def _degrees(measures: Floats) -> tuple[Floats, Floats]:
    return np.arcsin(np.clip(measures[:, Z], -1, 1)), np.arctan2(measures[:, Y], measures[:, X])


def grid_of(columns: Columns) -> tuple[Grid, Longs, Longs, Longs]:
    """The grid, where each cell's places begin, and the orders of candidates and places."""
    seekers, offers, asked = columns
    lat, lon = _degrees(offers.measures)
    some = offers.numbers[:, LOCATED] != 0
    grid = _frame(lat[some], lon[some])._replace(bound=bool(asked.hard & TRAVEL_BIT), places=len(lat))
    cells = grid.rows * grid.columns
    cell = np.full(len(lat), cells, np.int64)
    row, column = _cells(lat[some], lon[some], grid)
    cell[some] = row * grid.columns + column
    place_order = np.argsort(cell, kind="stable")
    begin = np.searchsorted(cell[place_order], np.arange(cells + 1)).astype(np.int64)
    row, column = _cells(*_degrees(seekers.measures), grid)
    curve = np.where(seekers.numbers[:, LOCATED] != 0, _interleaved(row, column), -1)
    return grid, begin, np.argsort(curve, kind="stable"), place_order


def _frame(lat: Floats, lon: Floats) -> Grid:
    if not len(lat):
        return Grid(False, 0.0, 0.0, 1.0, 1.0, 1, 1, 0, 0)
    height = max(CELL_KM / EARTH_RADIUS_KM, float(np.ptp(lat)) / MOST_CELLS)
    middle = cos((float(lat.min()) + float(lat.max())) / 2)
    width = max(CELL_KM / EARTH_RADIUS_KM / max(middle, 0.01), float(np.ptp(lon)) / MOST_CELLS)
    rows, columns = int(np.ptp(lat) / height) + 1, int(np.ptp(lon) / width) + 1
    return Grid(False, float(lat.min()), float(lon.min()), height, width, rows, columns, len(lat), 0)


def _cells(lat: Floats, lon: Floats, grid: Grid) -> tuple[Longs, Longs]:
    row = np.clip((lat - grid.south) / grid.height, 0, grid.rows - 1)
    return row.astype(np.int64), np.clip((lon - grid.west) / grid.width, 0, grid.columns - 1).astype(np.int64)


def _interleaved(row: Longs, column: Longs) -> Longs:
    curve = np.zeros(len(row), np.int64)
    for bit in range(10):
        curve |= ((row >> bit) & 1) << (2 * bit + 1) | ((column >> bit) & 1) << (2 * bit)
    return curve


def reordered(columns: Columns, candidates: Longs, places: Longs) -> Columns:
    """The same pool with its rows in another order."""
    seekers, offers, asked = columns
    new = np.empty(len(places), np.int64)
    new[places] = np.arange(len(places))
    counts = np.diff(seekers.barred_start)[candidates]
    barred_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    taken = np.repeat(seekers.barred_start[:-1][candidates] - barred_start[:-1], counts)
    barred = seekers.barred[taken + np.arange(len(taken))]
    if len(barred):
        barred = new[barred >> 1] * 2 + (barred & 1)
    return Columns(
        Seekers(
            seekers.numbers[candidates],
            seekers.measures[candidates],
            seekers.sets[candidates],
            barred,
            barred_start,
        ),
        Offers(offers.numbers[places], offers.measures[places], offers.sets[places]),
        asked,
    )


@inlined
def half_width(lat: float, reach: float, other: float) -> float:
    """How far, in radians of longitude, a circle around latitude `lat` reaches at another latitude."""
    part = (cos(reach) - sin(lat) * sin(other)) / (cos(lat) * cos(other))
    # Just beyond the circle's ends there is nothing of it, but the slack is to be looked at.
    return acos(min(1.0, max(-1.0, part))) + sqrt(SLACK) * (part > 1 - SLACK)


@inlined
def runs(grid: Grid, begins: Longs, numbers: Longs, measures: Floats, i: int, found: Longs) -> int:
    """The runs of places that candidate `i` may reach, into `found` (from, to); gives how many."""
    reach = measures[i, MOST_KM] / EARTH_RADIUS_KM + SLACK
    lat = asin(min(1.0, max(-1.0, measures[i, Z])))
    bound = grid.bound and numbers[i, LOCATED] != 0 and reach + abs(lat) < pi / 2 - 0.01
    lon, wide = 0.0, 0.0
    if bound:
        lon = atan2(measures[i, Y], measures[i, X])
        wide = asin(min(1.0, sin(reach) / cos(lat))) + SLACK
        bound = -pi < lon - wide and lon + wide < pi
    if not bound:
        found[0, 0], found[0, 1] = 0, grid.places
        return 1
    low = max(0, floor((lat - reach - grid.south) / grid.height))
    high = min(grid.rows - 1, floor((lat + reach - grid.south) / grid.height))
    # The circle is widest a little nearer to the pole than its middle.
    widest = asin(min(1.0, max(-1.0, sin(lat) / cos(reach))))
    count = 0
    for row in range(low, high + 1):
        south = grid.south + row * grid.height
        north = south + grid.height
        across = wide
        if north < widest:
            across = half_width(lat, reach, north) + SLACK
        elif south > widest:
            across = half_width(lat, reach, south) + SLACK
        left = max(0, floor((lon - across - grid.west) / grid.width))
        right = min(grid.columns - 1, floor((lon + across - grid.west) / grid.width))
        if left <= right:
            begin = begins[row * grid.columns + left]
            end = begins[row * grid.columns + right + 1]
            if begin < end:
                found[count, 0], found[count, 1] = begin, end
                count += 1
    if grid.located < grid.places:
        found[count, 0], found[count, 1] = grid.located, grid.places
        count += 1
    return count
