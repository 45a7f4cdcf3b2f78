"""The page of a diagnosed image as PDF and as DICOM, and the names on it."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import dicom_bytes, region
from PIL import Image, ImageDraw, ImageFont
from pulling import pull_job, result_of
from pypdf import PdfReader
from tiny_model import CLASSES, write_model

from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.diagnosis.pages import Pages
from busapp.engine.events import Skipped
from busapp.engine.images.marks import find_marks
from busapp.engine.images.remarks import Remark
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils import fonts
from busapp.engine.utils.quiet import no_warnings
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput

PATIENT = "Zwetschgenbaum"


def picture(path: Path, channel: int = 1) -> Path:
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, channel] = 220
    Image.fromarray(values).save(path)
    return path


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
    pull_job(empty_study, settings)
    said = text_of(tmp_path / "out" / "page.pdf")
    for words in ("malignant", "a $case_1.png", "Dr Rahel Sommer", PATIENT, "UTC", "tiny.onnx", "75.0%", RESEARCH_USE):
        assert words in said
    assert "Most similar training images" in said and "simulated phantoms" in said


def test_the_patient_is_named_on_the_page_and_nowhere_in_the_study(empty_study: Workspace, tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.onnx")
    image = picture(tmp_path / "a.png")
    outputs = {"pdf": tmp_path / "page.pdf", "dicom": tmp_path / "dicom"}
    pull_job(empty_study, DiagnoseSettings(images=(image,), model=model, patient=PATIENT, **outputs))
    assert PATIENT in text_of(tmp_path / "page.pdf")
    empty_study.close()
    everything = [path for path in empty_study.root.rglob("*") if path.is_file()]
    assert len(everything) > 3
    assert not [path for path in everything if PATIENT.encode() in path.read_bytes()]
    pull_job(empty_study, DiagnoseSettings(images=(image,), model=model, pdf=tmp_path / "nobody.pdf"))
    assert "Patient" not in text_of(tmp_path / "nobody.pdf")


def test_odd_names_many_classes_and_shapes_make_pages(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for size, name in (((40, 400), "müller 乳\n房"), ((400, 40), "x" * 200), ((64, 64), "$\\alpha^")):
        noise = np.random.default_rng(size[0]).integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{name}.png")
    conformal = {"coverage": 0.9, "least_probability": dict.fromkeys(CLASSES, 0.01)}
    model = write_model(tmp_path / "tiny.onnx", conformal=conformal)
    pull_job(empty_study, DiagnoseSettings(images=(tmp_path / "in",), model=model, pdf=tmp_path / "pages.pdf"))
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
    pull_job(empty_study, settings)
    (written,) = (tmp_path / "out").iterdir()
    made = pydicom.dcmread(written)
    assert made.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (made.PatientID, str(made.PatientName), made.StudyInstanceUID) == ("P17", "Doe^Jane", "1.2.3.4")
    assert made.SOPInstanceUID != "1.2.3.5"
    assert made.AccessionNumber == "A1"
    (reference,) = made.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == "1.2.3.5" and reference.ReferencedFrameNumber == 3
    assert made.pixel_array.shape == (1754, 1239, 3) and made.pixel_array.std() > 10
    assert RESEARCH_USE in made.ImageComments and "research use" in made.SeriesDescription
    assert made.OperatorsName == "Dr Sommer" and "BurnedInAnnotation" not in made
    for keyword in ("SeriesInstanceUID", "Modality", "ConversionType", "Rows", "Columns", "PhotometricInterpretation"):
        assert made[keyword].value, keyword  # type 1: must be there and not be empty
    assert not [p for p in empty_study.root.rglob("*") if p.is_file() and b"Doe^Jane" in p.read_bytes()]


def test_a_picture_that_is_no_dicom_gets_a_study_of_its_own(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    images = (picture(tmp_path / "a.png"), tmp_path / "torn.png", picture(tmp_path / "b.png", 0))
    settings = DiagnoseSettings(
        images=images, model=write_model(tmp_path / "m.onnx"), dicom=tmp_path / "out", patient=PATIENT
    )
    events = pull_job(empty_study, settings)
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
    pull_job(empty_study, DiagnoseSettings(images=(source,), model=model, dicom=tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) == 1


def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (1, 40, 60), dtype=np.uint8)


def captures(study: Workspace, tmp_path: Path, images: tuple[Path, ...], **settings: str) -> list[pydicom.Dataset]:
    model = write_model(tmp_path / "tiny.onnx")
    pull_job(study, DiagnoseSettings(images=images, model=model, dicom=tmp_path / "out", **settings))
    return [pydicom.dcmread(path) for path in sorted((tmp_path / "out").iterdir())]


def test_names_in_any_letters_reach_the_dicom_file(empty_study: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(dicom_bytes(frame(), SpecificCharacterSet="ISO_IR 192", PatientName="Müller^山田"))
    typed, taken_over = captures(empty_study, tmp_path, (picture(tmp_path / "0.png"), source), patient="Grün 太郎")
    assert str(typed.PatientName) == "Grün 太郎" and str(taken_over.PatientName) == "Müller^山田"


def test_what_the_archive_compares_is_taken_over_exactly(empty_study: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    with no_warnings():
        number = "7" * 70
        study = {"StudyDate": "20250102", "StudyTime": "101112.5", "IssuerOfPatientID": "H1", "ImageLaterality": "R"}
        source.write_bytes(dicom_bytes(frame(), PatientID=number, BurnedInAnnotation="YES", **study))
        (made,) = captures(empty_study, tmp_path, (source,))
        assert made.PatientID == number
    assert {keyword: made[keyword].value for keyword in study} == study
    assert made.BurnedInAnnotation == "YES", "the picture on the page is that of the source"


@pytest.mark.parametrize("regions", [[], [region((0, 0, 319, 279))], [region((900, 900, 950, 950))]])
def test_the_banner_with_the_name_stands_on_no_page(
    empty_study: Workspace, tmp_path: Path, regions: list[pydicom.Dataset]
) -> None:
    noise = np.random.default_rng(0).integers(40, 120, (60, 80), np.uint8)
    image = Image.new("L", (320, 280))
    image.paste(Image.fromarray(noise).resize((320, 240)), (0, 40))
    without = tmp_path / "without.dcm"
    without.write_bytes(dicom_bytes(np.asarray(image)[None, 40:], SOPInstanceUID="1.2.5"))
    ImageDraw.Draw(image).text((8, 8), "DOE JANE 4711", font=ImageFont.load_default(size=16), fill=255)
    source = tmp_path / "with a banner"
    source.write_bytes(dicom_bytes(np.asarray(image)[None], SequenceOfUltrasoundRegions=regions))
    model = write_model(tmp_path / "tiny.onnx")
    settings = DiagnoseSettings(images=(source, without), model=model, dicom=tmp_path / "out", pdf=tmp_path / "out.pdf")
    result = result_of(pull_job(empty_study, settings))
    assert [image["remarks"] for image in result["images"]] == [[Remark.BANNER_CUT.sentence], []]
    pages = PdfReader(tmp_path / "out.pdf").pages
    assert "text around the picture was cut away" in " ".join(pages[0].extract_text().split())
    for page in pages:
        pictures = [np.asarray(found.image.convert("L")) for found in page.images]
        assert pictures
        assert not any((pixels == 255).all(axis=1).any() for pixels in pictures)
        # The letters are white; speckle is not. What is drawn over the picture has other greys.
        assert not any(letters_in(pixels) for pixels in pictures)


def letters_in(pixels: np.ndarray) -> bool:
    return any(mark.kind == "text" for mark in find_marks(np.ascontiguousarray(pixels)))


def test_letters_that_remain_in_the_picture_are_told_everywhere(empty_study: Workspace, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(40, 120, (60, 80), np.uint8)
    image = Image.fromarray(noise).resize((320, 240))
    ImageDraw.Draw(image).text((60, 100), "DOE JANE 4711", font=ImageFont.load_default(size=16), fill=255)
    source = tmp_path / "a.dcm"
    source.write_bytes(dicom_bytes(np.asarray(image)[None]))
    model = write_model(tmp_path / "tiny.onnx")
    settings = DiagnoseSettings(images=(source,), model=model, dicom=tmp_path / "out", pdf=tmp_path / "out.pdf")
    result = result_of(pull_job(empty_study, settings))
    assert result["images"][0]["remarks"] == [Remark.LETTERS.sentence]
    (written,) = (tmp_path / "out").iterdir()
    assert pydicom.dcmread(written).BurnedInAnnotation == "YES"
    said = " ".join(text_of(tmp_path / "out.pdf").split())
    assert "letters remain in the picture" in said


def test_the_pages_of_one_study_are_one_series(empty_study: Workspace, tmp_path: Path) -> None:
    images = []
    for number, study in enumerate(("1.2.3", "1.2.3", "1.2.4")):
        images.append(tmp_path / f"{number}.dcm")
        content = dicom_bytes(frame(), StudyInstanceUID=study, SOPInstanceUID=f"1.2.9.{number}")
        images[-1].write_bytes(content)
    first, second, other = captures(empty_study, tmp_path, tuple(images))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID != other.SeriesInstanceUID
    assert [made.InstanceNumber for made in (first, second, other)] == [1, 2, 1]
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_an_image_that_is_gone_stops_no_other(tmp_path: Path) -> None:
    model = Model.load(write_model(tmp_path / "tiny.onnx"))
    image = Image.open(picture(tmp_path / "a.png"))
    diagnosis = Diagnoser(model).diagnose(image, "a.png")
    with Pages(DiagnoseSettings(images=(tmp_path,), dicom=tmp_path / "out"), model) as pages:
        (said,) = pages.add(image, diagnosis, tmp_path / "gone.png", 1, 1)
        assert "gone.png" in said and "can no longer be read" in said
        assert pages.add(image, diagnosis, tmp_path / "a.png", 1, 1) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.diagnosis.dcm"]


def test_a_place_that_takes_no_pdf_is_told_at_the_first_page(tmp_path: Path) -> None:
    model = Model.load(write_model(tmp_path / "tiny.onnx"))
    image = Image.open(picture(tmp_path / "a.png"))
    settings = DiagnoseSettings(images=(tmp_path,), pdf=tmp_path / "a.png" / "page.pdf")
    with pytest.raises(BadInput, match="cannot be written"), Pages(settings, model) as pages:
        pages.add(image, Diagnoser(model).diagnose(image, "a.png"), tmp_path / "a.png", 1, 1)


def test_pictures_are_sharp_enough_to_be_read_and_nothing_leaves_the_page(tmp_path: Path) -> None:
    model = Model.load(write_model(tmp_path / "tiny.onnx"))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 800, 3), dtype=np.uint8))
    diagnosis = Diagnoser(model).diagnose(image, "W" * 200 + ".png")
    settings = DiagnoseSettings(
        images=(tmp_path,), pdf=tmp_path / "page.pdf", dicom=tmp_path, reader="W" * 64, patient="M" * 64
    )
    with Pages(settings, model) as pages:
        pages.add(image, diagnosis, picture(tmp_path / "a.png"), 1, 1)
    (page,) = PdfReader(tmp_path / "page.pdf").pages
    assert max(found.image.width for found in page.images) > 900
    drawn = pydicom.dcmread(tmp_path / "a.diagnosis.dcm").pixel_array
    assert (drawn[:, :80] == 255).all() and (drawn[:, -80:] == 255).all(), "the margins are empty"


def test_names_of_every_script_stand_on_both_pages(empty_study: Workspace, tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.onnx")
    pixels, image = {}, picture(tmp_path / "a.png")
    for place, patient in enumerate(("王小明", "李小龙", "सीता", "गीता", "\U00020bb7", "\U00020bb8")):
        out = tmp_path / str(place)
        outputs = {"pdf": out / "page.pdf", "dicom": out}
        pull_job(empty_study, DiagnoseSettings(images=(image,), model=model, patient=patient, **outputs))
        made = pydicom.dcmread(out / "a.diagnosis.dcm")
        assert str(made.PatientName) == patient
        pixels[patient] = made.pixel_array[100:150]  # the row of the patient
        if patient in ("王小明", "李小龙"):
            assert patient in text_of(out / "page.pdf")
    for one, other in combinations(pixels.values(), 2):
        assert (one != other).any()


def test_what_no_font_has_is_spelt_out_and_the_page_says_so(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_of_the_system", lambda: ())
    model, image = write_model(tmp_path / "tiny.onnx"), picture(tmp_path / "a.png")
    for reader, is_said in (("\U00020bb7田", True), ("王小明", False)):
        settings = DiagnoseSettings(images=(image,), model=model, reader=reader, pdf=tmp_path / "page.pdf")
        pull_job(empty_study, settings)
        said = text_of(tmp_path / "page.pdf")
        assert ("U+20BB7" in said) == is_said and ("that no font on this computer has" in said) == is_said
