"""How every kernel is compiled, and where the machine code is kept.

A kernel has exactly one explicit signature, so its cache holds exactly one entry and two
processes that compile at the same moment write the same bytes under the same name (a cache shared
by several signatures can pair one's index with the other's code: numba issue 4807). The folder's
name holds a hash of all kernel sources and the processor, because Numba notices neither a change
in a function that a kernel calls nor a home folder shared by different machines.
"""

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import llvmlite.binding
import numba
import platformdirs

P = ParamSpec("P")
R = TypeVar("R")


def _cache_folder() -> Path | None:
    digest = hashlib.sha256(numba.__version__.encode())
    digest.update(llvmlite.binding.get_host_cpu_name().encode())
    digest.update(llvmlite.binding.get_host_cpu_features().flatten().encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    for parent in (
        platformdirs.user_cache_path("maskprep"),
        Path(tempfile.gettempdir()) / f"maskprep-{user}",
    ):
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        # A folder that somebody else can write to could hold somebody else's machine code.
        if os.access(folder, os.W_OK) and (user == "user" or folder.stat().st_uid == user):
            return folder
    return None


_SETTINGS: Any = numba.config
_njit: Callable[..., Callable[[Callable[P, R]], Callable[P, R]]] = numba.njit
_FOLDER = None if _SETTINGS.DISABLE_JIT else _cache_folder()


def is_first_run() -> bool:
    """Tell whether no machine code is kept yet, so that kernels will take a while to compile."""
    return _FOLDER is not None and next(_FOLDER.rglob("*.nbi"), None) is None


class _ReadOnly:
    """The type of an array that a kernel only reads, such as a view of an Arrow buffer."""

    def __init__(self, name: str) -> None:
        self._dtype = getattr(numba.types, name)

    def __getitem__(self, _layout: slice) -> numba.types.Array:
        return numba.types.Array(self._dtype, 1, "C", readonly=True)


_SIGNATURE_NAMES = {
    **vars(numba.types),
    **{
        f"const_{name}": _ReadOnly(name)
        for name in ("boolean", "int8", "uint8", "uint16", "int32", "uint32", "int64", "uint64")
    },
}


class _Kernel(Generic[P, R]):
    """A function that is compiled, or read from the cache, when it is first called.

    A command imports the kernels of all stages and calls those of one.
    """

    def __init__(
        self,
        function: Callable[P, R],
        types: Any,  # noqa: ANN401 - a signature
        *,
        makes_arrays: bool,
    ) -> None:
        self._function = function
        self._types = types
        self._options = {"nogil": True, "_nrt": makes_arrays}
        self._compiled: Callable[P, R] | None = None
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._compiled is None:
            self._compiled = self._compile()
        return self._compiled(*args, **kwargs)

    def _compile(self) -> Callable[P, R]:
        if _FOLDER is None:
            return _njit(self._types, **self._options)(self._function)
        # Numba reads its cache folder only while it decorates; a host program keeps its own.
        before = _SETTINGS.CACHE_DIR
        _SETTINGS.CACHE_DIR = str(_FOLDER)
        try:
            return _njit(self._types, cache=True, **self._options)(self._function)
        finally:
            _SETTINGS.CACHE_DIR = before


def kernel(
    signature: str, *, makes_arrays: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for one signature, without the GIL, kept on disk between runs.

    Args:
        signature: Numba's notation, e.g. "void(const_int32[::1], int64[::1], uint64)"; `const_`
            marks arrays that are only read, which may then be read-only ones too.
        makes_arrays: whether it does. One that does not need not count references to arrays, which
            where a loop passes arrays on can cost more than all that it does.
    """

    def compile_function(function: Callable[P, R]) -> Callable[P, R]:
        types = eval(signature, {"__builtins__": {}}, _SIGNATURE_NAMES)  # noqa: S307 - our own source
        return _Kernel(function, types, makes_arrays=makes_arrays)

    return compile_function


def device(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small function that only other kernels call; each caller's code includes it.

    It makes no arrays (see `kernel`).
    """
    return _njit(nogil=True, _nrt=False)(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small function into each kernel that calls it.

    A call costs more than it seems: an array is passed as its seven parts.
    """
    return _njit(nogil=True, _nrt=False, inline="always")(function)


def array_making_device(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only other kernels call, and that makes arrays."""
    return _njit(nogil=True)(function)
