"""Files of NumPy as BreastMNIST ships them: seeds and bombs of the fuzzing."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from fuzz_workbooks import packed
from numpy.lib import format as npy

NPZ_NAME: Final = "breastmnist.npz"
"""The name under which the meanings of the labels are known."""
_NOISE: Final = np.random.default_rng(11)


def npz(members: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these arrays, their names without `.npy`. The same arrays give the same bytes on every day."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            info = packed(f"{name}.npy")
            info.compress_type = how
            with archive.open(info, "w", force_zip64=True) as member:  # as NumPy writes it
                member.write(content)
    return stream.getvalue()


def array(values: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """The file of one array."""
    stream = io.BytesIO()
    npy.write_array(stream, values, version)
    return stream.getvalue()


def array_of(shape: str, kind: str = "|u1", data: bytes = b"", order: str = "False") -> bytes:
    """An array whose header says this shape and kind, true or not."""
    return with_header(f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}", data)


def with_header(text: str, data: bytes) -> bytes:
    encoded = text.encode("latin-1", "replace")
    encoded += b" " * (63 - (10 + len(encoded)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded) % 2**16) + encoded + data


def _set(shape: tuple[int, ...] = (12, 10), **others: np.ndarray) -> dict[str, bytes]:
    arrays: dict[str, np.ndarray] = {}
    for part, n in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = _NOISE.integers(0, 256, (n, *shape), np.uint8)
        arrays[f"{part}_labels"] = np.arange(n, dtype=np.uint8)[:, None] % 2
    return {name: array(values) for name, values in (arrays | others).items()}


def npz_seeds() -> list[bytes]:
    """Valid files of NumPy, and some whose arrays are of other kinds."""
    plain = _set()
    one = _NOISE.integers(0, 256, (4, 9, 7), np.uint8)
    labels = np.array([0, 1, 1, 0])
    return [
        npz(plain),
        npz(plain, zipfile.ZIP_STORED),
        npz(_set((28, 28)), zipfile.ZIP_STORED),
        npz(_set((12, 10, 3))),
        npz(_set((12, 10, 1), weights=np.linspace(0, 1, 7), names=np.array(["a", "bc"]))),
        npz({"images": array(np.asfortranarray(one)), "labels": array(labels.astype(">i8"))}),
        npz({"images": array(one, (2, 0)), "labels": array(labels.astype(bool), (2, 0))}),
        npz({"images": array(one), "labels": array(labels)}, zipfile.ZIP_LZMA),
        npz({"images": array(one.astype(np.float32)), "labels": array(labels)}),
    ]


# -- bombs -----------------------------------------------------------------------------------------------------


class _Trap:
    """Writes a file if it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.write_bytes, (Path("unpickled"), b"")


def _zeros(count: int) -> bytes:
    return npz({"images": array(np.zeros((count, 1000, 1000), np.uint8))})


def _objects() -> bytes:
    trap = pickle.dumps(np.array([_Trap()] * 3, object))
    return npz({"train_images": array_of("(3,)", "|O", trap), "images": trap, "labels": array_of("(3,)", "|O", trap)})


NPZ_BOMBS: Final[tuple[tuple[str, Callable[[], bytes]], ...]] = (
    ("a thousand million pictures declared", lambda: npz({"images": array_of("(1000000000, 28, 28)")})),
    ("500 MB of zeros", lambda: _zeros(500)),
    (
        "half a billion pictures of one pixel",
        lambda: npz({"images": array_of(f"({2**29 - 200}, 1, 1)", data=bytes(2**29 - 200))}),
    ),
    ("Python objects", _objects),
    ("a header of four thousand signs", lambda: npz({"images": array_of("(" + "-" * 3900 + "1, 1, 1)", data=b"\0")})),
    (
        "sixty thousand arrays",
        lambda: npz({f"{k}_images": array_of("(0, 1, 1)") for k in range(60_000)}, zipfile.ZIP_STORED),
    ),
)
