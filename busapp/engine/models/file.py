"""Opening model files from untrusted sources: their content is checked before ONNX Runtime reads it.

Without these checks, ONNX Runtime reads weights from other files that a model names, fills the memory from sixty bytes
of a sparse tensor, and computes for as long as a loop in the model runs.
"""

import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from busapp.errors import BadModel

REMEDY: Final = "Choose a model that busapp exported."
MOST_MEMORY: Final = 4_000_000_000
"""Largest memory of all models together while they compute, in bytes. 64 images of 224×224 at once take a third."""
SECONDS_PER_IMAGE: Final = 30.0
"""Longest time for an answer. The usual model takes a hundredth of a second."""
_MOST_FIELDS: Final = 2_000_000
_DEEPEST: Final = 16

_FOREIGN: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"PK\x03\x04", "a ZIP archive, as PyTorch and Keras write their models"),
    (0, b"\x80\x02", "a Python pickle, which could execute anything and is never opened"),
    (0, b"\x80\x03", "a Python pickle, which could execute anything and is never opened"),
    (0, b"\x80\x04", "a Python pickle, which could execute anything and is never opened"),
    (0, b"\x80\x05", "a Python pickle, which could execute anything and is never opened"),
    (0, b"\x89HDF", "an HDF5 file, as Keras writes its models"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in ONNX Runtime's own format"),
    (0, b"version https://git-lfs", "a placeholder of Git LFS: the model itself was not fetched"),
)
"""Offset, bytes at this offset, and the kind of file that has them."""


def read_model_file(path: Path, most_bytes: int) -> bytes:
    """Read a file that could be a model.

    Raises:
        BadModel: it cannot be opened, is not a file, is empty, has more than `most_bytes`, or is of another known kind.
    """
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise BadModel("This is a folder, not a model", file=path, remedy=REMEDY)
        if not stat.S_ISREG(about.st_mode):
            raise BadModel("This is not a file", file=path, remedy=REMEDY)
        if about.st_size > most_bytes:
            raise BadModel("The file is too large for a model", file=path, remedy=REMEDY)
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)  # it may have grown since
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise BadModel("The model cannot be opened", file=path, remedy=REMEDY) from error
    if not content:
        raise BadModel("The file is empty", file=path, remedy=REMEDY)
    if len(content) > most_bytes:
        raise BadModel("The file is too large for a model", file=path, remedy=REMEDY)
    for offset, signature, what in _FOREIGN:
        if content.startswith(signature, offset):
            raise BadModel(f"This is {what}, not an ONNX model", file=path, remedy=REMEDY)
    return content


# -- the content of an ONNX file -----------------------------------------------------------------------------------

_PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "tensor": {},
}
"""Fields of each message that are messages themselves, by their numbers in onnx.proto."""
_OF_TENSOR_ELSEWHERE: Final = (13, 14)
"""Fields `external_data` and `data_location` of a tensor; present only if its numbers are in another file."""


class _Damaged(Exception):
    pass


def check_contents(content: bytes, path: Path) -> None:
    """Check an ONNX file for dangerous content that this program never writes and ONNX Runtime would act upon.

    Raises:
        BadModel: the file is damaged, or keeps numbers in other files or as sparse tensors.
    """
    left = _MOST_FIELDS
    waiting = [("model", memoryview(content), 0)]
    try:
        while waiting:
            kind, message, depth = waiting.pop()
            parts = _PARTS[kind]
            for number, value in _fields(message):
                left -= 1
                if kind == "tensor" and number in _OF_TENSOR_ELSEWHERE and value not in (0, b""):
                    raise BadModel("The model keeps its weights in other files", file=path, remedy=REMEDY)
                if number not in parts or not isinstance(value, memoryview):
                    continue
                if parts[number] == "sparse tensor":
                    raise BadModel("The model has sparse tensors, which busapp does not read", file=path, remedy=REMEDY)
                if left < 0 or depth > _DEEPEST:
                    raise _Damaged
                waiting.append((parts[number], value, depth + 1))
    except _Damaged as error:
        raise BadModel("The file is damaged or not an ONNX model", file=path, remedy=REMEDY) from error


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a protobuf message; a value of fixed length as bytes."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        value: int | memoryview
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
            case 1:
                value, at = message[at : at + 8], at + 8
            case 2:
                length, at = _varint(message, at)
                value, at = message[at : at + length], at + length
            case 5:
                value, at = message[at : at + 4], at + 4
            case _:
                raise _Damaged
        if at > end or not tag >> 3:
            raise _Damaged
        yield tag >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _Damaged


# -- a session with limits -----------------------------------------------------------------------------------------


class _Node(Protocol):
    name: str
    type: str
    shape: list[int | str | None]


class Session:
    """ONNX Runtime's session of one model. It stops a computation that takes too long or too much memory."""

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        import onnxruntime  # 0.15 s that a window or command without a diagnosis does not spend

        with _limiting:  # two threads may open their first model at once
            _limit_memory()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        # Threads that wait by spinning take the cores from other programs, and lose them: beside one busy process an
        # answer took four times as long, beside two six times. Asleep they cost nothing that could be measured.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.use_env_allocators", "1")
        self._run_options = onnxruntime.RunOptions
        self._session: Any = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def get_inputs(self) -> Sequence[_Node]:
        """Name, type and shape of each input."""
        inputs: Sequence[_Node] = self._session.get_inputs()
        return inputs

    def get_outputs(self) -> Sequence[_Node]:
        """Name, type and shape of each output."""
        outputs: Sequence[_Node] = self._session.get_outputs()
        return outputs

    def property(self, name: str) -> str | None:
        """A metadata property of the file; None if there is none of this name."""
        found: str | None = self._session.get_modelmeta().custom_metadata_map.get(name)
        return found

    def run(self, names: Sequence[str], feeds: Mapping[str, npt.NDArray[np.uint8]]) -> list[npt.NDArray[np.float32]]:
        """Compute the named outputs, n of each for n images, in the shapes that the file declares.

        Raises one of ONNX Runtime's exceptions, which have no common base, or `ValueError` for other shapes.
        """
        options = self._run_options()
        count = min(len(values) for values in feeds.values())
        if count > 1:  # free the memory of many images, since the allocator outlives the session
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        stop = threading.Timer(SECONDS_PER_IMAGE * max(1, count), lambda: setattr(options, "terminate", True))
        stop.daemon = True
        stop.start()
        try:
            outputs: list[npt.NDArray[np.float32]] = self._session.run(list(names), dict(feeds), options)
        finally:
            stop.cancel()
        declared = {node.name: node.shape for node in self.get_outputs()}
        for name, output in zip(names, outputs, strict=True):
            wanted = [count, *declared[name][1:]]
            is_as_declared = all(isinstance(w, str | None) or w == n for w, n in zip(wanted, output.shape, strict=True))
            if not is_as_declared or not output.size:
                raise ValueError(f"{name} has the shape {output.shape}")
        return outputs


_limiting = threading.Lock()


@cache
def _limit_memory() -> None:
    """Limit the allocator that all sessions of the process share to `MOST_MEMORY`."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows; elsewhere a variable does it: busapp/__init__.py
    about = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_requested = 1  # the other strategy doubles the allocated memory each time
    limits = onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY, "arena_extend_strategy": as_requested})
    onnxruntime.create_and_register_allocator(about, limits)


def open_session(content: bytes, path: Path, threads: int | None = None) -> Session:
    """Open the bytes of a model file for computation in `threads` threads; None: one for each core.

    Raises:
        BadModel: the bytes are damaged, `check_contents` refuses them, or ONNX Runtime does not know an operator.
    """
    check_contents(content, path)
    try:
        return Session(content, threads)
    except Exception as error:  # ONNX Runtime has one class of exception per kind of damage, and no common base
        if "is not a registered function/op" in str(error):
            what = "The model has operators that are not part of ONNX"
        else:
            what = "The file is damaged or not an ONNX model"
        raise BadModel(what, file=path, remedy=REMEDY) from error


def check_interface(session: Session, classes: Sequence[str], image_size: int, n_known: int, path: Path) -> None:
    """Compare a model's inputs and outputs with its description, which lists `n_known` training images.

    Raises:
        BadModel: they differ, or a class has no name or the same name as another.
    """
    problem = _misfit(session, classes, image_size, n_known)
    if problem:
        raise BadModel(f"The model does not match its description: {problem}", file=path, remedy=REMEDY)


def _misfit(session: Session, classes: Sequence[str], image_size: int, n_known: int) -> str:
    inputs = session.get_inputs()
    if [(node.name, node.type) for node in inputs] != [("pixels", "tensor(uint8)")]:
        return "it takes something other than pixels"
    shape = inputs[0].shape
    if len(shape) != 4 or isinstance(shape[0], int):
        return "it does not take any number of images"
    if shape[1:] != [image_size, image_size, 3]:
        size = "×".join(str(length) if isinstance(length, int) else "any" for length in shape[1:])
        return f"it takes {size}, the description says {image_size}×{image_size}×3"
    if len(set(classes)) != len(classes) or not all(name.strip() for name in classes):
        return "two classes have the same name, or one has none"
    outputs = {node.name: node for node in session.get_outputs()}
    for name, rank in (("logits", 2), ("maps", 4)):
        if name not in outputs or outputs[name].type != "tensor(float)":
            return f"it has no output {name}"
        shape = outputs[name].shape
        if len(shape) != rank or shape[1] != len(classes):
            count = shape[1] if len(shape) == rank and isinstance(shape[1], int) else "an unknown number of"
            return f"its {name} are of {count} classes, the description names {len(classes)}"
    distances = outputs["distances"].shape[1:] if "distances" in outputs else [0]
    if distances != [n_known]:
        return f"its distances are not to the {n_known} images that the description names"
    if n_known and ("novelty" not in outputs or len(outputs["novelty"].shape) != 1):
        return "it has no output for the novelty of an image"
    return ""
