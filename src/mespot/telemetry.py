"""Switch off the telemetry of ONNX Runtime, before anything imports it.

ONNX Runtime 1.32 opens sockets, looks up its maker's event host, and writes a device id and an
event store under the user's home folder, unless ``ORT_DISABLE_TELEMETRY=1`` is in the environment
before its first import. mespot promises that nothing leaves the machine, so ``import mespot`` sets
the switch.
"""

from __future__ import annotations

import os
import sys

_SWITCH = "ORT_DISABLE_TELEMETRY"
LOADED_BEFORE = (
    "onnxruntime was imported before mespot could switch off its telemetry; import mespot first, "
    "or set ORT_DISABLE_TELEMETRY=1 in the environment"
)


def switch_telemetry_off() -> bool:
    """Put the switch into the environment, whatever its value was.

    Returns False if the runtime was imported before without the switch: its telemetry then runs.
    """
    in_time = "onnxruntime" not in sys.modules or os.environ.get(_SWITCH) == "1"
    if "onnxruntime" not in sys.modules:
        os.environ[_SWITCH] = "1"
    return in_time
