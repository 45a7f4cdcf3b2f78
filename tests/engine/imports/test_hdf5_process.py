"""HDF5 is read in another process: whatever becomes of it, the program goes on, and believes nothing but numbers."""

import os
import pickle
import signal
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from fuzz_hdf5 import shared_chunks
from image_folders import imported
from public_sets import pcam_hdf5

from busapp import paths
from busapp.engine.imports.arrays import hdf5_files
from busapp.engine.imports.arrays.hdf5_files import _Hdf5Pictures, _rows_at_once
from busapp.engine.imports.arrays.hdf5_process import ArrayFound, Hdf5Process, LabelsUnfit
from busapp.engine.imports.arrays.hdf5_reader import environment
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals and no named pipes")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return pcam_hdf5(tmp_path / "pcam")


@pytest.fixture
def reader(source: Path) -> Iterator[Hdf5Process]:
    reader = Hdf5Process(source.name, most_seconds=20)
    yield reader
    reader.close()


def test_it_answers_with_plain_arrays_and_ends_when_it_is_closed(source: Path, reader: Hdf5Process) -> None:
    assert reader.open(source, ["nothing"]) is None
    assert reader.open(source, ["nothing", "x"]) == ArrayFound((6, 96, 96, 3), "uint8", (2, 96, 96, 3))
    with h5py.File(source) as file:
        np.testing.assert_array_equal(reader.rows(1, 4, (96, 96, 3)), file["x"][1:4])
    labels = source.with_name(source.name.replace("_x", "_y"))
    assert [*map(int, reader.labels(labels, ["y"], 6))] == [0, 1] * 3
    assert reader.labels(labels, ["x"], 6) is None
    with pytest.raises(LabelsUnfit):
        reader.labels(labels, ["y"], 5)
    with pytest.raises(UnreadableImage, match="damaged"):
        reader.open(source.with_name("gone.h5"), ["x"])
    reader.close()
    assert reader._process.poll() is not None
    with pytest.raises(UnreadableImage):
        reader.rows(0, 1, (96, 96, 3))


def test_a_process_that_dies_costs_the_rest_of_its_file_and_nothing_else(source: Path, reader: Hdf5Process) -> None:
    reader.open(source, ["x"])
    reader._process.kill()
    for _ in range(2):
        with pytest.raises(UnreadableImage, match="the library that reads it broke off") as caught:
            reader.rows(0, 1, (96, 96, 3))
        assert caught.value.file == source.name and caught.value.remedy


@on_posix
def test_a_process_that_waits_or_computes_for_too_long_is_ended(source: Path) -> None:
    for harm in (signal.SIGSTOP, signal.SIGPROF):  # the second is what the limit of processor time sends
        reader = Hdf5Process(source.name, most_seconds=1.0)
        reader.open(source, ["x"])
        os.kill(reader._process.pid, harm)
        began = time.monotonic()
        with pytest.raises(UnreadableImage, match="takes too long"):
            reader.rows(0, 6, (96, 96, 3))
        assert time.monotonic() - began < 10
        assert reader._process.poll() is not None
        reader.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not list its processes as files")
def test_it_does_not_outlive_the_program(source: Path) -> None:
    code = (
        "import os, pathlib, signal\nfrom busapp.engine.imports.arrays.hdf5_process import Hdf5Process\n"
        f"reader = Hdf5Process('a')\nreader.open(pathlib.Path({str(source)!r}), ['x'])\n"
        "print(reader._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    place, until = Path("/proc", done.stdout.strip(), "stat"), time.monotonic() + 10
    while place.exists() and place.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_ctrl_c_is_for_the_program(source: Path, reader: Hdf5Process) -> None:
    reader.open(source, ["x"])
    if sys.platform != "win32":
        os.kill(reader._process.pid, signal.SIGINT)
    assert len(reader.rows(0, 2, (96, 96, 3))) == 2


def test_it_is_ended_also_while_a_thread_waits_for_it(source: Path) -> None:
    reader = Hdf5Process(source.name, most_seconds=60)
    reader.open(source, ["x"])
    if sys.platform != "win32":
        os.kill(reader._process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.rows, 0, 6, (96, 96, 3))
        time.sleep(0.3)
        began = time.monotonic()
        reader.close()
        with suppress(UnreadableImage):
            waiting.result(10)
        assert time.monotonic() - began < 10


def test_an_import_goes_on_when_the_process_dies(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures that were read before are kept, the others are listed, and files beside come in."""

    class Mortal(Hdf5Process):
        def rows(self, start: int, stop: int, shape: tuple[int, ...]) -> np.ndarray:
            if start >= 4:
                self._process.kill()
            return super().rows(start, stop, shape)

    monkeypatch.setattr(hdf5_files, "Hdf5Process", Mortal)
    monkeypatch.setattr(hdf5_files, "_BLOCK", 2 * 96 * 96 * 3)
    pcam_hdf5(tmp_path / "set", n=8)
    pcam_hdf5(tmp_path / "set", "test", n=2)
    result = imported(empty_study, tmp_path / "set")
    assert result["imported"] == 4 + 2
    assert len(result["skipped"]) == 4
    assert all("broke off" in skipped["reason"] for skipped in result["skipped"])


ANSWERS = {
    "nothing": b"",
    "no JSON": b"text\n",
    "JSON that is no answer": b"[1, 2]\n",
    "too deep": b"[" * 50_000 + b"\n",
    "a pickle": pickle.dumps({"bytes": 0}) + b"\n",
    "too many bytes": b'{"shape": [1, 8, 8], "dtype": "uint8", "bytes": 99999999999999}\n',
    "bytes below zero": b'{"shape": [1, 8, 8], "dtype": "uint8", "bytes": -1}\n',
    "a size that is no number": b'{"shape": [1, 8.5, 8], "dtype": "uint8", "bytes": 0}\n',
    "a size below zero": b'{"shape": [-1, 8, 8], "dtype": "uint8", "bytes": 0}\n',
    "no shape": b'{"shape": 5, "dtype": "uint8", "bytes": 0}\n',
    "no kind": b'{"shape": [1, 8, 8], "bytes": 0}\n',
    "no chunks": b'{"shape": [1, 8, 8], "dtype": "uint8", "chunks": [null], "bytes": 0}\n',
    "no reason": b'{"refused": 7, "bytes": 0}\n',
    "another reason": b'{"refused": ["other", "x"], "bytes": 0}\n',
    "another array": b'{"refused": ["size", "y"], "bytes": 0}\n',
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_none_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    (tmp_path / "answer").write_bytes(answer)
    code = "import sys; sys.stdin.readline(); sys.stdout.buffer.write(open('answer', 'rb').read())"
    monkeypatch.setattr(paths, "own_command", lambda *_: ([sys.executable, "-c", code], tmp_path))
    reader = Hdf5Process("a.h5", most_seconds=20)
    with pytest.raises(UnreadableImage, match="damaged"):
        reader.open(tmp_path / "a.h5", ["x"])
    reader.close()


# -- other files and other code ------------------------------------------------------------------------------


def virtual(file: h5py.File, rows: int | None = 2) -> None:
    layout = h5py.VirtualLayout((2, 8, 8), np.uint8, maxshape=(rows, 8, 8))
    source = h5py.VirtualSource("other.h5", "x", (2, 8, 8), maxshape=(rows, 8, 8))
    if rows is None:
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    else:
        layout[:] = source
    file.create_virtual_dataset("x", layout)


ELSEWHERE: dict[str, Callable[[h5py.File], object]] = {
    "a link": lambda file: file.__setitem__("x", h5py.ExternalLink("other.h5", "/x")),
    "a link over a link": lambda file: [
        file.__setitem__("x", h5py.SoftLink("/out")),
        file.__setitem__("out", h5py.ExternalLink("other.h5", "/x")),
    ],
    "a link to itself": lambda file: file.__setitem__("x", h5py.SoftLink("/x")),
    "a virtual array": virtual,
    "a virtual array without end": lambda file: virtual(file, None),
    "bytes": lambda file: file.create_dataset("x", (2, 8, 8), "u1", external=[("other.h5", 0, 128)]),
}


@on_posix
@pytest.mark.parametrize("write", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_no_other_file_is_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[h5py.File], object]
) -> None:
    """The other file is a pipe that nobody writes to: who opens it waits until the time is over."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write(file)
    os.mkfifo(tmp_path / "other.h5")
    own = paths.own_command
    monkeypatch.setattr(paths, "own_command", lambda *given: (own(*given)[0], tmp_path))
    reader = Hdf5Process("a.h5", most_seconds=5)
    with pytest.raises(UnreadableImage, match="Its array x lies in another file"):
        reader.open(tmp_path / "a.h5", ["x"])
    reader.close()


@on_posix
def test_no_filter_is_loaded_from_a_plug_in(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "libh5filter.so")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))
    monkeypatch.setenv("HDF5_DRIVER", "other")
    assert {name for name in environment() if name.startswith("HDF5")} == {"HDF5_PLUGIN_PRELOAD"}
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((1, 8, 8))
    creation.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((2, 8, 8)), creation)
    reader = Hdf5Process("a.h5", most_seconds=5)
    with pytest.raises(UnreadableImage, match="packed in a way that is not read"):
        reader.open(tmp_path / "a.h5", ["x"])
    assert reader.open(source, ["x"]) is not None
    reader.close()


# -- memory and time -----------------------------------------------------------------------------------------


def of_equal_chunks(path: Path, count: int, chunk: tuple[int, ...]) -> None:
    """Pictures whose chunks have the same content, packed once: noise, but for the last part."""
    noise = np.random.default_rng(0).integers(0, 256, chunk, np.uint8)
    noise[:, 10:] = 5
    packed = zlib.compress(noise.tobytes())
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (count * chunk[0], *chunk[1:]), "u1", chunks=chunk, compression="gzip")
        for number in range(count):
            data.id.write_direct_chunk((number * chunk[0], 0, 0, 0), packed)


@pytest.mark.parametrize("rows", [1, 32, 2000])
def test_twenty_thousand_patches_need_the_memory_of_a_few(tmp_path: Path, rows: int) -> None:
    """550 MB of pixels."""
    of_equal_chunks(tmp_path / "a.h5", 20_000 // rows, (rows, 96, 96, 3))
    reader = Hdf5Process("a.h5")
    array = reader.open(tmp_path / "a.h5", ["x"])
    assert array is not None
    pictures = _Hdf5Pictures(reader, array, "a.h5")
    tracemalloc.start()
    sums = {int(pictures.picture(index).sum()) for index in range(0, len(pictures), 32 if rows == 32 else 50)}
    at_once = _rows_at_once(array) * 96 * 96 * 3
    assert tracemalloc.get_traced_memory()[1] < 4 * at_once
    tracemalloc.stop()
    assert len(sums) == {1: 1, 32: 1, 2000: 40}[rows]
    status = Path(f"/proc/{reader._process.pid}/status")
    if status.exists():
        peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert peak * 1024 < 80 * 2**20 + 6 * at_once
    reader.close()


@pytest.mark.parametrize(
    ("shape", "chunks", "rows"),
    [
        ((6, 96, 96, 3), None, 151),
        ((6, 96, 96, 3), (2, 96, 96, 3), 150),
        ((6, 96, 96, 3), (100, 96, 96, 3), 100),
        ((6, 96, 96, 3), (2000, 96, 96, 3), 2000),
        ((6, 96, 96, 3), (16_384, 12, 12, 1), 2427),
        ((6, 4000, 4000, 3), None, 1),
        ((6, 4000, 4000, 3), (1000, 10, 10, 3), 1),
    ],
)
def test_blocks_are_whole_chunks_but_not_too_large(
    shape: tuple[int, ...], chunks: tuple[int, ...] | None, rows: int
) -> None:
    assert _rows_at_once(ArrayFound(shape, "uint8", chunks)) == rows


def test_chunks_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """A small file would come in as endlessly many pictures."""
    path = tmp_path / "a.h5"
    path.write_bytes(shared_chunks(400))
    with h5py.File(path) as file:
        assert file["x"].shape == (400, 96, 96)
        np.testing.assert_array_equal(file["x"][0], file["x"][399])
    reader = Hdf5Process("a.h5")
    with pytest.raises(UnreadableImage, match="Its array x is far larger than the file"):
        reader.open(path, ["x"])
    reader.close()
