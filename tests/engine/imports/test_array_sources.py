"""Files of arrays: BreastMNIST and PCam come in picture by picture; what is damaged, hostile or unclear is refused."""

import io
import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from image_folders import imported, looked_at
from PIL import Image
from public_sets import breastmnist, pcam_hdf5
from told import but_patients

from busapp import cli
from busapp.engine.imports.arrays import hdf5_files, npz_files
from busapp.engine.imports.files.archives import Archive
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

MALIGNANT_FIRST = {"malignant": 4, "normal or benign": 5}


@pytest.mark.parametrize(("name", "size"), [("breastmnist.npz", 28), ("breastmnist_224.npz", 224)])
def test_breastmnist_comes_in_with_its_own_order_of_classes(
    empty_study: Workspace, tmp_path: Path, name: str, size: int
) -> None:
    breastmnist(tmp_path / name, size)
    seen = looked_at(empty_study, tmp_path / name)
    assert (seen.kinds, seen.counts, seen.patients) == ([f"NumPy file {name}"], MALIGNANT_FIRST, 0)
    assert [finding.text for finding in but_patients(seen.findings)] == [
        "This looks like BreastMNIST: 780 images, 2 classes. 9 images of it in this file.",
        "Label 0 is malignant, label 1 is normal or benign. It was made of BUSI with a random split, so "
        "near-duplicates cross it.",
        f"Classes from the labels in {name}: 0 = malignant 4, 1 = normal or benign 5.",
    ]
    result = imported(empty_study, tmp_path / name)
    assert (result["counts"], result["imported"], result["skipped"]) == (MALIGNANT_FIRST, 9, [])
    assert [finding["text"] for finding in result["findings"]] == [finding.text for finding in seen.findings]
    images = {image.file: image for image in empty_study.catalog.images()}
    first = images["malignant/train_000000.png"]
    assert (first.width, first.height, first.source) == (size, size, name)
    stored = np.asarray(Image.open(empty_study.image_path(first)))
    np.testing.assert_array_equal(stored, np.load(tmp_path / name)["train_images"][0])
    assert set(images) >= {"normal or benign/val_000000.png", "malignant/test_000002.png"}
    assert looked_at(empty_study, tmp_path / name).already_present == 9


def test_breastmnist_comes_in_out_of_a_folder_and_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "download").mkdir()
    breastmnist(tmp_path / "download" / "breastmnist.npz")
    command = ["import", str(tmp_path / "download"), "--workspace", str(tmp_path / "study"), "--json", "-"]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == MALIGNANT_FIRST
    renamed = (tmp_path / "download" / "breastmnist.npz").rename(tmp_path / "mine.npz")
    assert cli.main(["import", str(renamed), "--workspace", str(tmp_path / "study")]) == 2
    assert "not known what the values" in capsys.readouterr().err
    values = ["--class-values", "0=malignant, 1=-", "--json", "-"]
    assert cli.main(["import", str(renamed), "--workspace", str(tmp_path / "other"), *values]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"malignant": 4}


def test_arrays_without_labels_need_a_class(empty_study: Workspace, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), np.uint8))
    with pytest.raises(BadInput, match="--class"):
        looked_at(empty_study, tmp_path / "a.npz")
    assert imported(empty_study, tmp_path / "a.npz", class_name="cyst")["counts"] == {"cyst": 2}


def test_arrays_of_which_one_has_no_labels_come_in_without_it(empty_study: Workspace, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "breastmnist.npz",
        train_images=np.random.default_rng(0).integers(0, 256, (2, 20, 30), np.uint8),
        train_labels=np.array([[0], [1]]),
        test_images=np.random.default_rng(1).integers(0, 256, (3, 20, 30), np.uint8),
    )
    result = imported(empty_study, tmp_path / "breastmnist.npz")
    assert result["counts"] == {"malignant": 1, "normal or benign": 1}
    assert result["skipped"] == [{"file": "breastmnist.npz", "reason": "3 images without a label"}]


def written(**arrays: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)  # type: ignore[arg-type]


def members(how: int = zipfile.ZIP_STORED, **content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", how) as archive:
            for name, data in content.items():
                archive.writestr(f"{name}.npy", data)

    return write


def header(shape: str, kind: str = "|u1", data: bytes = b"") -> bytes:
    """An array whose header says this shape and kind."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


NOISE = np.zeros((3, 8, 8), np.uint8)


class Trap:
    """Something that would run if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"no archive"), "not a ZIP archive"),
        (written(other=NOISE), "no arrays of pictures"),
        (written(images=NOISE.astype(np.float32)), "does not hold pictures of 8 bits"),
        (written(images=np.zeros((3, 8), np.uint8)), "does not hold pictures of 8 bits"),
        (written(images=np.zeros((3, 8, 8, 4), np.uint8)), "does not hold pictures of 8 bits"),
        (written(images=NOISE, labels=np.zeros(2, np.uint8)), "labels do not fit the 3 pictures"),
        (written(images=NOISE, labels=np.zeros(3)), "labels do not fit the 3 pictures"),
        (written(images=np.array([Trap()], object)), "holds Python objects"),
        (members(images=pickle.dumps(Trap())), "no file of NumPy"),
        (members(images=b""), "no file of NumPy"),
        (members(images=header("(1000000000, 28, 28)")), "damaged"),
        (members(images=header("(2, -4, 4)", data=bytes(32))), "damaged|does not hold"),
        (members(images=header("(2, -4, -4)", data=bytes(32))), "damaged"),
        (members(images=header("(2, 4, 4)", data=bytes(32)), labels=header("(-2, -1)", data=bytes(2))), "damaged"),
        (members(images=header("(" + "-" * 3900 + "1, 1, 1)", data=b"0")), "no file of NumPy|damaged"),
        (members(images=header("(1000001, 1, 1)", data=bytes(1_000_001))), "more than 1,000,000 pictures"),
        (members(**{f"{k}_images": header("(0, 1, 1)") for k in range(1001)}), "more than 1,000 arrays"),
        (members(**{"9" * 5000 + "_images": header("(1, 1, 1)", data=b"0")}), "longer than 200 letters"),
        (members(**{"../images": header("(1, 1, 1)", data=b"0")}), "leads out of the archive"),
        (members(zipfile.ZIP_LZMA, images=header("(2, 4, 4)", data=bytes(32))), "pack.*again"),
        (members(images=header("(2, 4, 4)", data=bytes(31))), "damaged"),
        (members(images=header("(" + "1," * 3000 + ")")), "no file of NumPy"),
    ],
)
def test_arrays_that_are_none_are_refused(
    empty_study: Workspace, tmp_path: Path, write: Callable[[Path], None], sentence: str
) -> None:
    write(tmp_path / "a.npz")
    with pytest.raises(BadInput, match=sentence) as caught:
        imported(empty_study, tmp_path / "a.npz", class_name="cyst")
    assert caught.value.file and caught.value.remedy
    assert empty_study.catalog.images() == []


def test_an_array_that_is_damaged_inside_is_read_only_once(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((40, 30, 30), 77, np.uint8), more_images=NOISE)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(b"MMMM") + 9000] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    reads: list[int] = []
    read = Archive.read
    monkeypatch.setattr(Archive, "read", lambda self, member, most: reads.append(most) or read(self, member, most))
    result = imported(empty_study, tmp_path / "a.npz", class_name="cyst")
    assert (result["imported"], len(result["skipped"])) == (3, 40)
    assert sorted(reads)[-2:] != [sorted(reads)[-1]] * 2


def test_huge_arrays_are_refused_before_they_are_read(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 MB of zeros in 60 kB."""
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((60, 1000, 1000), np.uint8))
    monkeypatch.setattr(npz_files, "MAX_ALL", 50_000_000)
    tracemalloc.start()
    with pytest.raises(BadInput, match="more than"):
        imported(empty_study, tmp_path / "a.npz", class_name="cyst")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


# -- HDF5 ----------------------------------------------------------------------------------------------------


def test_pcam_comes_in_with_its_slides(empty_study: Workspace, tmp_path: Path) -> None:
    source = pcam_hdf5(tmp_path / "pcam")
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.patients) == ({"no tumour": 3, "tumour": 3}, 3)
    assert seen.findings[0].text == "This looks like PCam: 327,680 images, 2 classes. 6 images of it in this file."
    assert any("stands for the patient: 3 slides" in finding.text for finding in seen.findings)
    result = imported(empty_study, tmp_path / "pcam")
    assert (result["counts"], result["patients"], result["skipped"]) == (seen.counts, 3, [])
    images = {image.file: image for image in empty_study.catalog.images()}
    assert images["no tumour/train_000000.png"].group == images["tumour/train_000001.png"].group
    stored = np.asarray(Image.open(empty_study.image_path(images["tumour/train_000005.png"])))
    with h5py.File(source) as file:
        np.testing.assert_array_equal(stored, file["x"][5])


def test_a_table_of_slides_in_another_order_is_not_used(empty_study: Workspace, tmp_path: Path) -> None:
    source = pcam_hdf5(tmp_path / "pcam")
    table = tmp_path / "pcam" / "camelyonpatch_level_2_split_train_meta.csv"
    first, *rows = table.read_text().splitlines()
    table.write_text("\n".join([first, *reversed(rows)]))
    seen = looked_at(empty_study, source)
    assert seen.patients == 0
    assert any(finding.kind == "odd" and "does not fit the pictures" in finding.text for finding in seen.findings)


def test_a_large_array_is_read_in_slices(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_files, "_BLOCK", 100_000)
    source = pcam_hdf5(tmp_path / "pcam", n=300)
    tracemalloc.start()
    assert imported(empty_study, source)["imported"] == 300
    assert tracemalloc.get_traced_memory()[1] < 300 * 96 * 96 * 3
    tracemalloc.stop()


def hdf5(write: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    def written_to(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file)

    return written_to


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2, 8, 8, 3), np.uint8)
    layout[:] = h5py.VirtualSource("other.h5", "x", (2, 8, 8, 3))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "damaged"),
        (lambda path: path.write_bytes(b"text"), "damaged"),
        (hdf5(lambda file: file.create_dataset("y", data=np.zeros(3))), "called x or images.*_x.h5"),
        (hdf5(lambda file: file.create_group("x")), "lies in another file"),
        (hdf5(lambda file: file.__setitem__("x", h5py.ExternalLink("other.h5", "x"))), "lies in another file"),
        (hdf5(lambda file: file.__setitem__("x", h5py.SoftLink("/y"))), "lies in another file"),
        (hdf5(virtual), "lies in another file"),
        (
            hdf5(lambda file: file.create_dataset("x", (2, 8, 8), "u1", external=[("/etc/passwd", 0, 128)])),
            "lies in another file",
        ),
        (hdf5(lambda file: file.create_dataset("x", data=NOISE[..., None], compression="lzf")), "not read.*gzip"),
        (hdf5(lambda file: file.create_dataset("x", (10**6, 96, 96, 3), "u1", chunks=True)), "far larger"),
        (hdf5(lambda file: file.create_dataset("x", data=NOISE.astype(np.int32))), "pictures of 8 bits"),
        (hdf5(lambda file: file.create_dataset("x", data=np.zeros(3, np.uint8))), "pictures of 8 bits"),
        (
            hdf5(lambda file: [file.create_dataset("x", data=NOISE), file.create_dataset("y", data=[0, 1])]),
            "labels do not fit",
        ),
    ],
)
def test_hdf5_that_is_not_plain_is_refused(
    empty_study: Workspace, tmp_path: Path, write: Callable[[Path], None], sentence: str
) -> None:
    write(tmp_path / "a.h5")
    with pytest.raises(BadInput, match=sentence) as caught:
        imported(empty_study, tmp_path / "a.h5", class_name="cyst")
    assert caught.value.file and caught.value.remedy
    assert empty_study.catalog.images() == []


def test_arrays_that_are_packed_or_in_an_archive_say_what_to_do(empty_study: Workspace, tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, images=NOISE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("benign/a.npz", stream.getvalue())
        archive.writestr("benign/b.h5", b"\x89HDF")
    with pytest.raises(BadInput, match="It holds arrays of pictures; unpack the archive, then import this file"):
        looked_at(empty_study, tmp_path / "a.zip")
    (tmp_path / "download").mkdir()
    (tmp_path / "download" / "camelyonpatch_level_2_split_train_x.h5.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(BadInput, match="It is packed; unpack it, then import it"):
        looked_at(empty_study, tmp_path / "download")
