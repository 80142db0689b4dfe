"""How far two places are apart, in operations that give the same number everywhere.

Job: points on the unit sphere, and the way along the sphere between two of them. Guarantee: `way_km` uses
sums, products, quotients and a square root alone, which every machine rounds alike, so that Python and
machine code find the same kilometre and hence the same point. It knows no roads.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0


@lru_cache(maxsize=1 << 17)
def on_sphere(lat: float, lon: float) -> tuple[float, float, float]:
    """The point of the unit sphere at a latitude and longitude in degrees."""
    across = cos(radians(lat))
    return across * cos(radians(lon)), across * sin(radians(lon)), sin(radians(lat))


def way_km(x1: float, y1: float, z1: float, x2: float, y2: float, z2: float) -> float:
    """As the crow flies, in km: exact to a metre up to 2,000 km, and too short beyond, but never under 2,000.

    The arc's sine is put into its series: an arcsine of the machine's own library may differ by a last bit.
    """
    x, y, z = x1 - x2, y1 - y2, z1 - z2
    half = sqrt(x * x + y * y + z * z) / 2
    q = half * half
    series = 1 + q * (1 / 6 + q * (3 / 40 + q * (15 / 336 + q * (105 / 3456 + q * (945 / 42240)))))
    return 2 * EARTH_RADIUS_KM * half * series
