"""Checkpoints of any network: named arrays and a JSON header in one safetensors file, never a pickle. A checksum over
both detects changed bits."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from busapp.engine.utils.files import write_atomically
from busapp.errors import CannotResume

Arrays = dict[str, np.ndarray]


def save_checkpoint(path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write weights, optimiser and random states (`arrays`, in any memory order) with counters and settings (`header`).

    Raises:
        NoSpace: the disk is full. The previous checkpoint stays as it was.
    """
    # safetensors 0.8.0 writes an array in the order of its bytes in memory, with its own shape. A transposed kernel
    # would come back with its numbers in other places, without an error (findings/safetensors-fortran-order.sh).
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    words = json.dumps(header)
    write_atomically(path, save(contiguous, metadata={"busapp": words, "checksum": _checksum(words, contiguous)}))


def load_checkpoint(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays and the header of a checkpoint.

    Raises:
        CannotResume: the file is missing, is not a checkpoint of this program, or is damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = file.metadata() or {}
        header = json.loads(metadata["busapp"])
        expected = metadata.get("checksum")  # checkpoints of earlier versions have none
        if expected is not None and expected != _checksum(metadata["busapp"], arrays):
            raise ValueError("its checksum differs")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _unreadable(path) from error
    return arrays, header


def load_header(path: Path) -> dict[str, Any]:
    """Read only the header of a checkpoint, which is fast. Damage behind the header goes unnoticed.

    Raises:
        CannotResume: the file is missing, or is not a checkpoint of this program.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})["busapp"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _unreadable(path) from error
    return header


def _unreadable(path: Path) -> CannotResume:
    remedy = "Start a new run. The results of this one are kept."
    return CannotResume("The checkpoint cannot be read", file=path, remedy=remedy)


def _checksum(words: str, arrays: Mapping[str, np.ndarray]) -> str:
    """CRC-32 over the header and every array with its name, type and shape, sorted by name."""
    found = zlib.crc32(words.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), found)
        found = zlib.crc32(array.reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"
