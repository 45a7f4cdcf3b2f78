"""The only way to import Keras and the framework that computes for it. Call it inside jobs only: the import takes
seconds.

Settings and their reasons:
- Keras chooses its backend when it is imported, and has one at a time. `keras_on` returns the whole package for either
  framework. It puts the modules of the other one aside and brings them back on demand, so that a window can train with
  one after the other. Objects made by one set of modules must not be used with the other.
- TensorFlow writes its start-up messages to the process's standard error before it reads any of its log settings. They
  would tear the command line's progress bar, so they go to our own log.
- TensorFlow takes GPU memory as it needs it. By default it takes all of it and leaves none for torch.
- The numbers of CPU threads stay at their defaults: TensorFlow counts the cores that the process may use, and a single
  inter-op thread was measured to be no faster.
"""

import importlib
import os
import sys
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any

from busapp.engine.settings import BackendName, Framework
from busapp.engine.utils.devices import device_name, find_device, mixed_precision
from busapp.engine.utils.quiet import native_messages_logged

_put_aside: dict[Framework, dict[str, ModuleType]] = {}


@cache
def tensorflow() -> Any:
    """TensorFlow, set up."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow makes its symbols global (tensorflow#124205). Loaded afterwards, torch would call TensorFlow's stub of
    # the CUDA runtime and find no GPU, and triton, which comes with torch's CUDA builds, would crash on its LLVM.
    for name in ("torch", "triton"):
        with suppress(ImportError, OSError):  # OSError: its libraries are damaged or missing
            importlib.import_module(name)
    with native_messages_logged():
        import tensorflow

        for device in tensorflow.config.list_physical_devices("GPU"):
            tensorflow.config.experimental.set_memory_growth(device, True)
    return tensorflow


def choose_framework(wanted: BackendName) -> Framework:
    """Return the framework to compute with. `auto` means TensorFlow, as in the paper, unless only torch can use this
    machine's GPU (as on Windows and on Macs). Without a GPU TensorFlow is faster than torch."""
    if wanted != "auto":
        return wanted
    if find_device().type == "cpu" or tensorflow().config.list_physical_devices("GPU"):
        return "tensorflow"
    return "torch"


def keras_on(framework: Framework) -> Any:
    """Return the package `keras` that computes with this framework. From now on, `import keras` gives this package."""
    if framework == "tensorflow":
        tensorflow()
    loaded = sys.modules.get("keras")
    if loaded is None or loaded.backend.backend() != framework:
        for name in _modules_of_keras():
            del sys.modules[name]
        sys.modules.update(_put_aside.get(framework, {}))
        os.environ["KERAS_BACKEND"] = framework
        with native_messages_logged():
            loaded = importlib.import_module("keras")
        _put_aside[framework] = _modules_of_keras()
    return loaded


def _modules_of_keras() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name == "keras" or name.startswith("keras.")}


def device_of(framework: Framework) -> str:
    """Name for people of the device that the framework computes on: `NVIDIA H200`, `CPU`."""
    if framework == "torch":
        return device_name(find_device())
    gpus = tensorflow().config.list_physical_devices("GPU")
    details = tensorflow().config.experimental.get_device_details(gpus[0]) if gpus else {"device_name": "CPU"}
    return str(details.get("device_name", "GPU"))


def choose_dtype_policy(framework: Framework) -> str:
    """Return Keras' name for the number format of layers: bfloat16 on GPUs that have it. It needs no loss scaling."""

    if framework == "torch":
        return "mixed_bfloat16" if mixed_precision(find_device()) else "float32"
    gpus = tensorflow().config.list_physical_devices("GPU")
    details = [tensorflow().config.experimental.get_device_details(gpu) for gpu in gpus]
    has_it = bool(details) and all(found.get("compute_capability", (0, 0)) >= (8, 0) for found in details)
    return "mixed_bfloat16" if has_it else "float32"
