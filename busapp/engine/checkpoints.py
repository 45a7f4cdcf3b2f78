"""Checkpoints of any network: named arrays and a JSON header in one safetensors file. Never a pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from busapp.engine.files import write_atomically
from busapp.errors import CannotResume

Arrays = dict[str, np.ndarray]


def save_checkpoint(path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write weights, optimiser and random states (`arrays`) with counters and settings (`header`).

    Raises:
        NoSpace: the disk is full; the former checkpoint is as it was.
    """
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomically(path, save(contiguous, metadata={"busapp": json.dumps(header)}))


def load_checkpoint(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the header of a checkpoint.

    Raises:
        CannotResume: there is no file, or it is not one of ours.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            header = json.loads((file.metadata() or {})["busapp"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CannotResume(
            "The checkpoint cannot be read", file=path, remedy="Start the run anew; its results are kept."
        ) from error
    return arrays, header
