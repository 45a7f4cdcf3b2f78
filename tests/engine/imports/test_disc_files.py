"""Discs and exports with a DICOMDIR: the files that it lists come in, and missing ones are named."""

import os
import zipfile
from pathlib import Path

import pydicom
import pytest
from dicom_discs import directory_bytes, scan, write_disc
from image_folders import events_of, imported, looked_at
from pulling import result_of

from busapp.engine.diagnosis.job import images_to_diagnose
from busapp.engine.events import Skipped
from busapp.engine.images.dicom.directory import listed_files
from busapp.engine.imports.found import ClassUnknown
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage

ON_DISC = [("DICOM", "PAT00001", "ST000001", f"IM{number:06d}") for number in range(3)]
MISSING = "The DICOMDIR lists it, but it is missing"


@pytest.mark.parametrize("undefined_lengths", [False, True])
def test_a_directory_names_the_files_that_are_in_use(undefined_lengths: bool) -> None:
    content = directory_bytes([*ON_DISC, ON_DISC[0], ("SINGLE",)], undefined_lengths=undefined_lengths)
    assert listed_files(content, file="DICOMDIR") == [*ON_DISC, ("SINGLE",)]
    assert listed_files(directory_bytes(ON_DISC, in_use=0), file="DICOMDIR") == []


@pytest.mark.parametrize(
    "name", ["DICOMDIR", "DICOMDIR-implicit", "DICOMDIR-bigEnd", "DICOMDIR-nooffset", "TINY_ALPHA/DICOMDIR"]
)
def test_directories_that_other_programs_wrote(name: str) -> None:
    directory = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / name
    listed = listed_files(directory.read_bytes(), file=directory)
    assert len(listed) == (50 if "TINY" in name else 31)
    assert all(directory.parent.joinpath(*parts).is_file() for parts in listed)


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_paths_that_lead_out_of_the_disc_are_left_out() -> None:
    hostile = [("..", "SECRET"), ("A", "..", "..", "B"), ("/ETC", "PASSWD"), ("C:", "X"), ("",), (".",), ("A", "")]
    assert listed_files(directory_bytes([*hostile, ("GOOD",)]), file="DICOMDIR") == [("GOOD",)]


@pytest.mark.parametrize(
    "damage", [lambda c: c[:700], lambda c: c[:300] + b"\xff" * 40 + c[340:], lambda c: b"text" * 99]
)
def test_a_damaged_directory_is_refused_with_a_sentence(damage: object) -> None:
    with pytest.raises(UnreadableImage, match="DICOMDIR\\) is damaged"):
        listed_files(damage(directory_bytes(ON_DISC * 3)), file="DICOMDIR")


def test_the_listed_files_come_in_and_the_missing_ones_are_named(empty_study: Workspace, tmp_path: Path) -> None:
    directory = write_disc(tmp_path / "disc", ON_DISC)
    (tmp_path / "disc" / "DICOM" / "EXTRA").write_bytes(scan(9))
    tmp_path.joinpath("disc", *ON_DISC[1]).unlink()
    with pytest.raises(ClassUnknown):
        looked_at(empty_study, directory)
    assert looked_at(empty_study, directory, class_name="benign").counts == {"benign": 2}
    events = events_of(empty_study, directory, class_name="benign")
    assert [event for event in events if isinstance(event, Skipped)] == [Skipped("ST000001/IM000001", MISSING)]
    result = result_of(events)
    assert (result["imported"], result["patients"]) == (2, 2)


def test_a_folder_with_a_directory_is_one_class(empty_study: Workspace, tmp_path: Path) -> None:
    write_disc(tmp_path / "set" / "benign", ON_DISC)
    write_disc(tmp_path / "set" / "malignant", [("IMAGES", "A"), ("IMAGES", "B")])
    (tmp_path / "set" / "malignant" / "IMAGES" / "B").unlink()
    result = imported(empty_study, tmp_path / "set")
    assert result["counts"] == {"benign": 3, "malignant": 1}
    assert result["skipped"] == [{"file": "IMAGES/B", "reason": MISSING}]


def test_folders_of_classes_below_a_directory_stay_classes(empty_study: Workspace, tmp_path: Path) -> None:
    write_disc(tmp_path / "set", [("BENIGN", "SE000001", "A"), ("MALIG", "B"), ("MALIG", "C")])
    assert imported(empty_study, tmp_path / "set")["counts"] == {"benign": 1, "malig": 2}


def test_a_directory_inside_an_archive(empty_study: Workspace, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        archive.writestr("benign/DICOMDIR", directory_bytes([*ON_DISC, ("GONE",)]))
        for number, parts in enumerate(ON_DISC):
            archive.writestr("benign/" + "/".join(parts).lower(), scan(number))
    result = imported(empty_study, tmp_path / "disc.zip")
    assert result["counts"] == {"benign": 3}
    assert result["skipped"] == [{"file": "benign/GONE", "reason": MISSING}]


@pytest.mark.parametrize("spelt", [str.lower, lambda name: f"{name}.;1", lambda name: f"{name}."])
def test_names_are_found_however_the_system_spells_them(empty_study: Workspace, tmp_path: Path, spelt: object) -> None:
    directory = write_disc(tmp_path, ON_DISC)
    for parts in ON_DISC:
        path = tmp_path.joinpath(*parts)
        path.rename(path.with_name(spelt(path.name)))
    assert imported(empty_study, directory, class_name="benign")["imported"] == 3


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_out_of_the_disc_are_missing(empty_study: Workspace, tmp_path: Path) -> None:
    directory = write_disc(tmp_path / "disc", ON_DISC)
    (tmp_path / "outside").write_bytes(scan(7))
    tmp_path.joinpath("disc", *ON_DISC[0]).unlink()
    tmp_path.joinpath("disc", *ON_DISC[0]).symlink_to(tmp_path / "outside")
    result = imported(empty_study, directory, class_name="benign")
    assert (result["imported"], [left["reason"] for left in result["skipped"]]) == (2, [MISSING])


def test_a_disc_is_diagnosed_by_its_directory(tmp_path: Path) -> None:
    directory = write_disc(tmp_path, ON_DISC)
    tmp_path.joinpath(*ON_DISC[2]).unlink()
    (tmp_path / "EXTRA").write_bytes(scan(9))
    expected = [tmp_path.joinpath(*parts) for parts in ON_DISC]
    assert list(images_to_diagnose([directory])) == expected  # the missing one is reported when it is opened
    assert list(images_to_diagnose([tmp_path])) == [*expected[:2], tmp_path / "EXTRA"]
