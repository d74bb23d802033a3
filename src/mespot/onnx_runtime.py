"""Running small networks with ONNX Runtime, without its telemetry.

Every import of the runtime in this project goes through :func:`load_runtime`, since its telemetry
must be off before the import; see :mod:`mespot.telemetry`.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.errors import MespotError
from mespot.telemetry import LOADED_BEFORE, switch_telemetry_off


def load_runtime() -> ModuleType:
    """The module ``onnxruntime`` with its telemetry off.

    Warns (RuntimeWarning) if another program part imported it before, with telemetry on. Raises
    MespotError if it is not installed.
    """
    if not switch_telemetry_off():
        warnings.warn(LOADED_BEFORE, RuntimeWarning, stacklevel=2)
    try:
        import onnxruntime
    except ImportError as error:
        raise MespotError(
            f"the spotter's network needs onnxruntime ({error}): pip install onnxruntime"
        ) from error
    return onnxruntime


def run(data: NDArray[np.uint8], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a network kept as bytes on rows ``x`` (n, d) and return its only output.

    Raises MespotError if the bytes are not a network that this ONNX Runtime reads.
    """
    y: NDArray[np.float32] = _session(data.tobytes()).run(None, {"x": x})[0]
    return y


@lru_cache(maxsize=8)
def _session(data: bytes) -> Any:
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # An arena keeps the most memory that any piece ever took. Without one the memory is given back,
    # and on pieces that fit the cache it takes no longer.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        what = str(error).splitlines()[0]
        raise MespotError(f"the spotter's network cannot be loaded ({what})") from error
