"""A later import completes images that are there, and never changes silently what it contradicts."""

from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from image_folders import imported, looked_at, mask, picture
from later_tables import PATIENTS, images, table, told

from busapp.engine.images.dicom.reading import DicomHeader
from busapp.engine.imports.files.sources import FileEntry
from busapp.engine.imports.sorting.sorting import FoundImage
from busapp.engine.imports.storing import origin_of
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, pseudonym
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput
from busapp.summaries import summary

ROWS = list(enumerate(PATIENTS.splitlines()[1:]))


def test_a_later_table_gives_patients_to_images_that_are_there_in_one_change(
    empty_study: Workspace, pictures: Path
) -> None:
    imported(empty_study, pictures)
    before, groups = empty_study.catalog.fingerprint(), [image.group for image in empty_study.catalog.images()]
    later = table(pictures, PATIENTS)
    assert "8 images that are already there get a patient." in [f.text for f in looked_at(empty_study, later).findings]
    result = imported(empty_study, later)
    assert (result["imported"], result["already_present"], result["completed"]) == (0, 8, {"patient": 8})
    assert told(result) == ["8 images that are already there get a patient."]
    assert summary("import", result)[0].startswith("0 images imported, 8 already there (8 got a patient), 0 skipped")
    found = images(empty_study)
    assert found["benign/3.png"].patient == pseudonym("P-1")
    assert [image.group for image in found.values()] == [1, 1, 3, 3, 5, 5, 7, 7]
    assert [change.what for change in empty_study.catalog.history()] == ["8 images got a patient", "8 images imported"]
    empty_study.catalog.undo()
    assert [image.patient for image in empty_study.catalog.images()] == [None] * 8
    assert [image.group for image in empty_study.catalog.images()] == groups
    assert empty_study.catalog.fingerprint() == before
    empty_study.catalog.redo()
    assert [image.group for image in empty_study.catalog.images()] == [1, 1, 3, 3, 5, 5, 7, 7]
    again = imported(empty_study, later)
    assert (again["already_present"], again["completed"], told(again)) == (8, {}, [])
    assert len(empty_study.catalog.history()) == 2


def test_new_images_patients_and_masks_of_one_import_are_one_change(empty_study: Workspace, pictures: Path) -> None:
    imported(empty_study, pictures / "benign")
    mask(pictures / "benign" / "0_mask.png", slice(0, 4))
    result = imported(empty_study, table(pictures, PATIENTS))
    assert (result["imported"], result["already_present"], result["completed"]) == (4, 4, {"patient": 4})
    what = "4 images imported, 1 mask joined to images that were there without, 4 images got a patient"
    assert empty_study.catalog.history()[0].what == what
    assert {image.patient for image in empty_study.catalog.images()} == {pseudonym(f"P-{n}") for n in range(4)}
    empty_study.catalog.undo()
    assert [(image.patient, image.mask) for image in empty_study.catalog.images()] == [(None, None)] * 4


def test_a_cancelled_import_gives_no_patients(empty_study: Workspace, pictures: Path) -> None:
    from busapp.engine import jobs
    from busapp.engine.events import Progress

    imported(empty_study, pictures / "benign")
    before = empty_study.catalog.fingerprint()
    job = jobs.start(empty_study, ImportSettings(sources=(table(pictures, PATIENTS),)))
    for event in job:
        if isinstance(event, Progress) and event.done == 8:
            break
    job.close()
    assert empty_study.catalog.fingerprint() == before
    assert len(empty_study.catalog.history()) == 1


def test_another_class_for_images_that_are_there_makes_no_second_copies(empty_study: Workspace, pictures: Path) -> None:
    imported(empty_study, pictures)
    later = table(pictures, PATIENTS.replace("png,benign", "png,malignant", 3))
    seen = looked_at(empty_study, later)
    assert (seen.counts, seen.already_present) == ({}, 8)
    result = imported(empty_study, later)
    assert result["counts"] == {"benign": 4, "malignant": 4}
    contradiction = (
        "3 images are already there as benign; the import says malignant. They stay benign. To change that, import "
        "again with “Update images that are there” (--update)."
    )
    assert contradiction in told(result) and contradiction in [finding.text for finding in seen.findings]
    assert {finding["kind"] for finding in result["findings"] if finding["text"] == contradiction} == {"odd"}
    assert all(image.patient for image in empty_study.catalog.images()), "what is missing comes in all the same"


def test_an_update_gives_the_other_class_patient_and_site_and_can_be_undone(
    empty_study: Workspace, pictures: Path
) -> None:
    imported(empty_study, table(pictures, PATIENTS), site="UKE")
    before = empty_study.catalog.images()
    later = table(pictures, PATIENTS.replace("png,benign", "png,malignant", 3).replace("P-3", "P-0"))
    assert "3 images that are already there get another class." in [
        finding.text for finding in looked_at(empty_study, later, update=True, site="Charité").findings
    ]
    result = imported(empty_study, later, update=True, site="Charité")
    assert result["counts"] == {"benign": 1, "malignant": 7}
    assert result["completed"] == {"patient": 2, "site": 8, "class": 3}
    found = images(empty_study)
    assert found["benign/0.png"].class_name == "malignant", "the name in the catalog stays"
    assert found["malignant/3.png"].group == found["benign/0.png"].group == 1
    assert {image.site for image in found.values()} == {"Charité"}
    what = "2 images got another patient, 8 images got another site, 3 images got another class"
    assert empty_study.catalog.history()[0].what == what
    empty_study.catalog.undo()
    assert empty_study.catalog.images() == before
    imported(empty_study, later, update=True, site="Charité")
    assert imported(empty_study, later, update=True, site="Charité")["completed"] == {}, "the class is the same by now"


def test_another_patient_or_site_is_told_and_stays_out(empty_study: Workspace, pictures: Path) -> None:
    imported(empty_study, table(pictures, PATIENTS), site="UKE", device="GE LOGIQ E9")
    before = empty_study.catalog.images()
    result = imported(
        empty_study, table(pictures, PATIENTS.replace("P-3", "P-9")), site="Charité", device="ge logiq e9 "
    )
    assert empty_study.catalog.images() == before
    assert [text.partition(" To change")[0] for text in told(result)] == [
        "2 images are already there with another patient than the import says. They keep the patient.",
        "8 images are already there with the site UKE; the import says Charité. They stay with UKE.",
    ]
    assert "P-9" not in str(result) and len(empty_study.catalog.history()) == 1


def test_patients_of_another_computer_cannot_be_compared(
    empty_study: Workspace, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(empty_study, table(pictures, PATIENTS))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path / "elsewhere")
    result = imported(empty_study, table(pictures, PATIENTS))
    assert told(result) == []
    assert any("imported on another computer" in finding["text"] for finding in result["findings"])


def test_a_class_that_was_corrected_by_hand_stays_and_is_told(empty_study: Workspace, pictures: Path) -> None:
    imported(empty_study, pictures)
    empty_study.catalog.reclassify([1], "malignant")
    result = imported(empty_study, pictures)
    assert images(empty_study)["benign/0.png"].class_name == "malignant"
    assert told(result)[0].startswith("1 image is already there as malignant; the import says benign. It stays mal")
    agreeing = imported(empty_study, table(pictures, "file,class\nbenign/0.png,malignant\n"))
    assert (agreeing["imported"], agreeing["already_present"], told(agreeing)) == (0, 1, [])


def test_one_picture_in_two_folders_of_classes_is_told(empty_study: Workspace, pictures: Path) -> None:
    picture(pictures / "malignant" / "0.png", 0)
    result = imported(empty_study, pictures)
    assert result["counts"] == {"benign": 4, "malignant": 4}, "the check for near-duplicates shows both"
    sentence = "1 picture is here in more than one class, byte for byte. Check which class is right."
    assert {"kind": "odd", "text": sentence} in result["findings"]
    again = imported(empty_study, pictures)
    assert (again["imported"], again["already_present"], told(again)) == (0, 8, [])


def test_a_table_names_the_patient_of_frames_that_had_none(empty_study: Workspace, tmp_path: Path) -> None:
    loop = np.random.default_rng(0).integers(0, 255, (3, 48, 64), np.uint8)
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "a.dcm").write_bytes(dicom_bytes(loop, PatientID="", PatientName=""))
    imported(empty_study, tmp_path / "benign")
    before = [image.patient for image in empty_study.catalog.images()]
    assert len(set(before)) == 1 and before[0] is not None
    later = table(tmp_path, "file,class,patient\nbenign/a.dcm,benign,P-1\n")
    assert "3 images that are already there get a patient." in [f.text for f in looked_at(empty_study, later).findings]
    assert imported(empty_study, later)["completed"] == {"patient": 3}
    assert {image.patient for image in empty_study.catalog.images()} == {pseudonym("P-1")}
    assert told(imported(empty_study, tmp_path / "benign")) == [], "no patient is no contradiction"
    empty_study.catalog.undo()
    assert [image.patient for image in empty_study.catalog.images()] == before


def test_a_table_without_classes_completes_images_that_are_there_and_brings_no_others(
    empty_study: Workspace, pictures: Path
) -> None:
    text = "Image;Case\n" + "".join(f"{line.split(',')[0]};C{n // 2}\n" for n, line in ROWS)
    with pytest.raises(BadInput, match="no column for the class"):
        imported(empty_study, table(pictures, text))
    (pictures / "later.csv").unlink()  # or the folder's import would read it
    imported(empty_study, pictures)
    later = table(pictures, text)
    empty_study.catalog.reclassify([1], "malignant")
    picture(pictures / "benign" / "3.png", 99)
    seen = looked_at(empty_study, later)
    assert (seen.counts, seen.already_present, len(seen.skipped)) == ({}, 7, 1)
    result = imported(empty_study, later)
    assert (result["imported"], result["already_present"], result["completed"]) == (0, 7, {"patient": 7})
    assert [left["reason"] for left in result["skipped"]] == ["It is not in the study, and nothing gives its class"]
    assert told(result) == ["7 images that are already there get a patient."]
    assert "later.csv names no classes. Images of the study keep theirs, and no new image comes in." in [
        finding["text"] for finding in result["findings"]
    ]
    assert images(empty_study)["benign/0.png"].class_name == "malignant"
    assert images(empty_study)["malignant/3.png"].patient == pseudonym("C3")


def test_odd_patients_of_images_that_are_there_are_told_before_and_after(
    empty_study: Workspace, pictures: Path
) -> None:
    imported(empty_study, pictures)
    later = table(pictures, PATIENTS.replace("P-1", "P-3"))
    odd = "1 patient has images in several classes."
    assert odd in [finding.text for finding in looked_at(empty_study, later).findings]
    assert odd in [finding["text"] for finding in imported(empty_study, later)["findings"]]


# -- sites and devices ---------------------------------------------------------------------------------------


def test_the_site_of_the_settings_is_kept_bounded_and_in_one_spelling(empty_study: Workspace, pictures: Path) -> None:
    imported(empty_study, pictures / "benign", site=" UKE\n Hamburg\t", device="GE " + "x" * 300)
    imported(empty_study, pictures / "malignant", site="uke  hamburg", device="n/a")
    found = empty_study.catalog.images()
    assert {image.site for image in found} == {"UKE Hamburg"}
    assert [image.device for image in found] == ["GE " + "x" * 97] * 4 + [None] * 4
    groups = {image.group for image in found}
    assert len(groups) == 8, "no group follows from a site"


def test_a_site_never_names_the_patient(empty_study: Workspace, pictures: Path) -> None:
    later = table(pictures, "file,class,patient\nbenign/0.png,benign,Doe-4711\nbenign/1.png,benign,Roe-12\n")
    imported(empty_study, later, site="Ward of Doe-4711")
    assert [image.site for image in empty_study.catalog.images()] == [None, "Ward of Doe-4711"]


@pytest.mark.parametrize(
    ("in_table", "in_header", "chosen"),
    [
        ("UKE", "Charité", "UKE"),
        (None, "Charité", "Charité"),
        ("unknown", " Charité\n", "Charité"),
        ("n/a", None, "Mayo"),
        (None, "Praxis Dr. Doe", "Mayo"),
    ],
)
def test_a_table_counts_before_the_dicom_file_and_the_settings_come_last(
    tmp_path: Path, in_table: str | None, in_header: str | None, chosen: str
) -> None:
    header = DicomHeader("4711", "1.2", ("4711", "Doe"), "US", 1, 64, 48, False, site=in_header, device=in_header)
    found = FoundImage(FileEntry("", "a", tmp_path), "benign", "", "a", True, site=in_table, device=in_table)
    settings = ImportSettings(sources=(tmp_path,), site="Mayo", device="Mayo")
    origin = origin_of(found, settings, KnownPatients([], []), header, "a")
    assert (origin.patient, origin.site, origin.device) == (pseudonym("4711"), chosen, chosen)
