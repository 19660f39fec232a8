"""How the process, and those that are forked from it, use threads and memory."""

import ctypes
import gc
import os

GARBAGE_THRESHOLDS = (1_000_000, 50, 50)
"""Libraries make a million objects that live to the end; Python's own thresholds look through them
again and again."""

_ENVIRONMENT = {
    # Processes do the work; the libraries' threads would only get into their way.
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # One allocator for Arrow and numpy: what the one has freed serves the other.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}

# Of malloc.h. Arrays of a batch are kept, not those of a long document: they would lie in pieces.
_M_MMAP_THRESHOLD, _LARGEST_KEPT = -3, 8 * 2**20
_M_TRIM_THRESHOLD, _MOST_KEPT = -1, 64 * 2**20


def set_up_process() -> None:
    """Settle threads and memory before libraries are loaded; the user's environment wins."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have glibc keep freed arrays for the next ones: pages that the system hands out are slow.

    By default it gives an array of a few MiB back as soon as it is freed, and a batch has many.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # Another library, or another system.
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
