"""How the solver's inner loops become machine code, and where that is kept between starts.

Job: `compiled` marks a function for numba; `warm` compiles all of them and says how long it took. Guarantee:
a package folder that cannot be written, as in an image whose process is not root, is no error: the code is
then kept in `NUMBA_CACHE_DIR`, or in a folder of the process's own user, or not at all. Code compiled from
another version of the solver is never taken: each version has a folder of its own, because numba itself
notices a change in a function's own file alone. It decides nothing about pools.

The functions hold no lock of the interpreter (`nogil`), so that threads run them side by side, and never
use `fastmath`: sums and roundings are those that Python itself would give.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def _version() -> str:
    digest = sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    """Whether the folder is there (or can be), is this user's own, and takes a file."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Machine code is run as it lies there: a folder that somebody else prepared is not trusted.
        if folder.stat().st_uid != os.getuid():
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cache_folder() -> Path | None:
    """The first that can be written: in `NUMBA_CACHE_DIR`, beside the code, in the temporary folder."""
    said = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(__file__).parent / "__pycache__"
    own = Path(tempfile.gettempdir()) / f"makker-solver-{os.getuid()}"
    for base in (*([Path(said)] if said else []), beside, own):
        if _writable(base / _version()):
            return base / _version()
    return None


FOLDER = cache_folder()
"""Where this process keeps machine code; None where nothing can be written, and each start compiles anew."""

if FOLDER is not None:
    numba.config.CACHE_DIR = str(FOLDER)  # type: ignore[attr-defined]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, compiled at its first call or taken from the cache."""
    return cast(Callable[P, R], numba.njit(cache=FOLDER is not None, nogil=True)(function))


def searching(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for a function that makes no array of its own.

    Numba then does not count who uses which array, which takes longer than most of what is done with them.
    """
    options = {"cache": FOLDER is not None, "nogil": True, "_nrt": False}
    return cast(Callable[P, R], numba.njit(**options)(function))  # type: ignore[call-overload]


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """As `searching`, for a small function: it becomes part of each loop that calls it."""
    options = {"nogil": True, "forceinline": True, "_nrt": False}
    return cast(Callable[P, R], numba.njit(**options)(function))  # type: ignore[call-overload]


def warm() -> float:
    """Compile, or load, all that a pool needs; gives the seconds. For a process's start, in a thread."""
    from services.matching.solver.rehearsal import rehearse

    began = time.perf_counter()
    rehearse()
    return time.perf_counter() - began
