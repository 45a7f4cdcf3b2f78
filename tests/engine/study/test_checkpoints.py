"""A checkpoint is restored bit by bit, or refused with a sentence for people."""

import errno
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.errors import CannotResume, NoSpace


def test_arrays_and_header_come_back_bit_by_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "weights": rng.standard_normal((3, 4)).astype(np.float32),
        "empty": np.empty((0, 5), np.float32),
        "scalar": np.array(7, dtype=np.int64),
        "state": np.frombuffer(b"random state", np.uint8),
    }
    header = {"epoch": 3, "rng": rng.bit_generator.state, "words": "Grüße"}
    save_checkpoint(tmp_path / "c", arrays, header)
    loaded, loaded_header = load_checkpoint(tmp_path / "c")
    assert loaded_header == header
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(24).reshape(4, 6)[:, ::2],
        np.arange(6)[::-1],
        np.broadcast_to(np.arange(3), (2, 3)),
    ],
    ids=["Fortran order", "transposed", "every second column", "reversed", "broadcast"],
)
def test_an_array_in_any_memory_order_comes_back_in_its_places(tmp_path: Path, array: np.ndarray) -> None:
    """safetensors 0.8.0 itself takes the bytes in memory for those of a C-ordered array, so that none of them would."""
    save_checkpoint(tmp_path / "c", {"kernel": array}, {})
    np.testing.assert_array_equal(load_checkpoint(tmp_path / "c")[0]["kernel"], array)


def test_a_random_generator_goes_on_from_its_saved_state(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rng.random(10)
    save_checkpoint(tmp_path / "c", {}, {"rng": rng.bit_generator.state})
    other = np.random.default_rng()
    other.bit_generator.state = load_checkpoint(tmp_path / "c")[1]["rng"]
    np.testing.assert_array_equal(other.random(5), rng.random(5))


def test_a_full_disk_keeps_the_former_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "c", {"a": np.zeros(3)}, {"epoch": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("busapp.engine.utils.files.os.fsync", full)
    with pytest.raises(NoSpace):
        save_checkpoint(tmp_path / "c", {"a": np.ones(3)}, {"epoch": 2})
    assert load_checkpoint(tmp_path / "c")[1] == {"epoch": 1}


def _torn(path: Path) -> None:
    save_checkpoint(path, {"a": np.zeros(1000)}, {"epoch": 1})
    path.write_bytes(path.read_bytes()[:500])


def _foreign(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, path)


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


@pytest.mark.parametrize("make", [None, Path.touch, _torn, _foreign, _pickled])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, make: object) -> None:
    if callable(make):
        make(tmp_path / "c")
    with pytest.raises(CannotResume, match="checkpoint cannot be read"):
        load_checkpoint(tmp_path / "c")


def test_every_changed_bit_is_noticed(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.empty((0, 3)), "scalar": np.array(2.0)}
    save_checkpoint(tmp_path / "c", arrays, {"epoch": 1})
    content = (tmp_path / "c").read_bytes()
    word = content.index(b"checksum")  # with another word in its place, this is a checkpoint of an earlier version
    for position in [*range(word), *range(word + len("checksum"), len(content))]:
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        (tmp_path / "c").write_bytes(changed)
        with pytest.raises(CannotResume, match="checkpoint cannot be read"):
            load_checkpoint(tmp_path / "c")


def test_a_checkpoint_of_an_earlier_version_has_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(save({"a": np.ones(3)}, metadata={"busapp": '{"epoch": 1}'}))
    arrays, header = load_checkpoint(tmp_path / "c")
    assert header == {"epoch": 1}
    np.testing.assert_array_equal(arrays["a"], np.ones(3))
