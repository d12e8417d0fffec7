"""ONNX Runtime, without the reports that it sends to its makers.

Since 1.32 its wheels for Linux and macOS give the machine a number, and write it to the user's home folder. From the
moment they are imported they send events with it over the network.

Reference:
    Privacy.md within the package ``onnxruntime``.
"""

from __future__ import annotations

import os
import threading
from types import ModuleType

SWITCHES = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""Variables of the environment that turn reports off, if set at the time of the import; versions differ in the name."""
_importing = threading.Lock()


def imported() -> ModuleType:
    """The module. It is slow to import, so this is called when it is needed.

    Whoever has imported it before has decided about reports; the environment stays as it was.
    """
    with _importing:
        before = {name: os.environ.get(name) for name in SWITCHES}
        try:
            os.environ.update(dict.fromkeys(SWITCHES, "1"))
            import onnxruntime
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    module: ModuleType = onnxruntime
    return module
