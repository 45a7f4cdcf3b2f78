"""The page of a diagnosed image as PDF and as DICOM, and whom it names."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import dicom_bytes
from PIL import Image
from pypdf import PdfReader
from tiny_model import CLASSES, write_model

from busapp.engine import jobs
from busapp.engine.diagnosis import RESEARCH_USE
from busapp.engine.events import Event, Skipped
from busapp.engine.quiet import no_warnings
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.workspace import Workspace

PATIENT = "Zwetschgenbaum"


def picture(path: Path, channel: int = 1) -> Path:
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    Image.fromarray(values).save(path)
    return path


def pull(study: Workspace, settings: DiagnoseSettings) -> list[Event]:
    return list(jobs.start(study, settings))


def text_of(pdf: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(pdf).pages)


def test_the_page_says_what_was_found_by_whom_with_what(empty_study: Workspace, tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.onnx", known=[("a" * 64, "malignant"), ("b" * 64, "benign")])
    settings = DiagnoseSettings(
        images=(picture(tmp_path / "a $case_1.png"),),
        model=model,
        pdf=tmp_path / "out" / "page.pdf",
        reader="Dr Rahel Sommer",
        patient=PATIENT,
    )
    pull(empty_study, settings)
    said = text_of(tmp_path / "out" / "page.pdf")
    for words in ("malignant", "a $case_1.png", "Dr Rahel Sommer", PATIENT, "UTC", "tiny.onnx", "75.0%", RESEARCH_USE):
        assert words in said
    assert "Most similar images" in said and "simulated phantoms" in said


def test_the_patient_is_named_on_the_page_and_nowhere_in_the_study(empty_study: Workspace, tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.onnx")
    image = picture(tmp_path / "a.png")
    outputs = {"pdf": tmp_path / "page.pdf", "dicom": tmp_path / "dicom"}
    pull(empty_study, DiagnoseSettings(images=(image,), model=model, patient=PATIENT, **outputs))
    assert PATIENT in text_of(tmp_path / "page.pdf")
    empty_study.close()
    everything = [path for path in empty_study.root.rglob("*") if path.is_file()]
    assert len(everything) > 3
    assert not [path for path in everything if PATIENT.encode() in path.read_bytes()]
    pull(empty_study, DiagnoseSettings(images=(image,), model=model, pdf=tmp_path / "nobody.pdf"))
    assert "Patient" not in text_of(tmp_path / "nobody.pdf")


def test_odd_names_many_classes_and_shapes_make_pages(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for size, name in (((40, 400), "müller 乳\n房"), ((400, 40), "x" * 200), ((64, 64), "$\\alpha^")):
        noise = np.random.default_rng(size[0]).integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{name}.png")
    conformal = {"coverage": 0.9, "least_probability": dict.fromkeys(CLASSES, 0.01)}
    model = write_model(tmp_path / "tiny.onnx", conformal=conformal)
    pull(empty_study, DiagnoseSettings(images=(tmp_path / "in",), model=model, pdf=tmp_path / "pages.pdf"))
    assert len(PdfReader(tmp_path / "pages.pdf").pages) == 3
    assert "Not decided" in text_of(tmp_path / "pages.pdf")


def test_a_secondary_capture_belongs_to_the_study_of_its_source(empty_study: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "loop.dcm"
    frames = np.random.default_rng(0).integers(0, 255, (5, 40, 60), dtype=np.uint8)
    source.write_bytes(
        dicom_bytes(frames, PatientID="P17", StudyInstanceUID="1.2.3.4", SOPInstanceUID="1.2.3.5", AccessionNumber="A1")
    )
    model = write_model(tmp_path / "tiny.onnx")
    settings = DiagnoseSettings(images=(source,), model=model, dicom=tmp_path / "out", reader="Dr Sommer")
    pull(empty_study, settings)
    (written,) = (tmp_path / "out").iterdir()
    made = pydicom.dcmread(written)
    assert made.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (made.PatientID, str(made.PatientName), made.StudyInstanceUID) == ("P17", "Doe^Jane", "1.2.3.4")
    assert made.SOPInstanceUID != "1.2.3.5"
    assert made.AccessionNumber == "A1"
    (reference,) = made.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == "1.2.3.5" and reference.ReferencedFrameNumber == 3
    assert made.pixel_array.shape == (1753, 1240, 3) and made.pixel_array.std() > 10
    assert RESEARCH_USE in made.ImageComments and "research use" in made.SeriesDescription
    assert made.OperatorsName == "Dr Sommer" and made.BurnedInAnnotation == "NO"
    for keyword in ("SeriesInstanceUID", "Modality", "ConversionType", "Rows", "Columns", "PhotometricInterpretation"):
        assert made[keyword].value, keyword  # type 1: must be there and not be empty
    assert not [p for p in empty_study.root.rglob("*") if p.is_file() and b"Doe^Jane" in p.read_bytes()]


def test_a_picture_that_is_no_dicom_gets_a_study_of_its_own(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    images = (picture(tmp_path / "a.png"), tmp_path / "torn.png", picture(tmp_path / "b.png", 0))
    settings = DiagnoseSettings(
        images=images, model=write_model(tmp_path / "m.onnx"), dicom=tmp_path / "out", patient=PATIENT
    )
    events = pull(empty_study, settings)
    assert [Path(event.file).name for event in events if isinstance(event, Skipped)] == ["torn.png"]
    made = [pydicom.dcmread(path) for path in sorted((tmp_path / "out").iterdir())]
    assert len(made) == 2 and made[0].StudyInstanceUID != made[1].StudyInstanceUID
    assert str(made[0].PatientName) == PATIENT and made[0].BurnedInAnnotation == "YES"
    assert "SourceImageSequence" not in made[0]
    assert "malignant" in made[0].ImageComments and "benign" in made[1].ImageComments


@pytest.mark.parametrize("keyword", ["StudyDate", "PatientSex", "PatientBirthDate"])
def test_values_of_the_source_that_break_the_standard_stop_nothing(
    empty_study: Workspace, tmp_path: Path, keyword: str
) -> None:
    source = tmp_path / "odd.dcm"
    frame = np.random.default_rng(0).integers(0, 255, (1, 40, 60), dtype=np.uint8)
    with no_warnings():
        source.write_bytes(dicom_bytes(frame, **{keyword: "nonsense"}))
    model = write_model(tmp_path / "tiny.onnx")
    pull(empty_study, DiagnoseSettings(images=(source,), model=model, dicom=tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) == 1
