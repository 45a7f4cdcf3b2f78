"""A diagnosis says what was done to its picture: in the result, in words, and on the page."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from PIL import Image
from pulling import result_of
from tiny_model import write_model

from busapp.engine import jobs
from busapp.engine.diagnosis.diagnosis import Diagnoser, diagnose_one
from busapp.engine.diagnosis.page_figure import page_figure
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.remarks import Remark
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.summaries.diagnosis import diagnose_lines


def turned_picture(path: Path) -> Path:
    """A picture whose red half is on the right once it is turned."""
    values = np.full((48, 64, 3), 20, np.uint8)
    values[:, 32:, 0] = 220
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(values)).save(path, exif=exif)
    return path


def test_a_turned_picture_is_diagnosed_like_its_upright_one(tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.onnx")
    upright = np.full((48, 64, 3), 20, np.uint8)
    upright[:, 32:, 0] = 220
    Image.fromarray(upright).save(tmp_path / "upright.png")
    turned = diagnose_one(model, turned_picture(tmp_path / "turned.png"))
    plain = diagnose_one(model, tmp_path / "upright.png")
    assert turned.probabilities == plain.probabilities
    assert np.array_equal(turned.heat_map, plain.heat_map)
    assert turned.remarks == (Remark.TURNED.sentence,) and plain.remarks == ()


def test_the_result_and_its_words_have_the_remarks(tmp_path: Path, empty_study: Workspace) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    turned_picture(folder / "turned.png")
    values = np.random.default_rng(0).integers(0, 255, (1, 48, 64), np.uint8)
    (folder / "window.dcm").write_bytes(dicom_bytes(values, WindowCenter=2048, WindowWidth=4096))
    (folder / "plain.dcm").write_bytes(dicom_bytes(values))
    settings = DiagnoseSettings(images=(folder,), model=write_model(tmp_path / "tiny.onnx"))
    result = result_of(list(jobs.start(empty_study, settings)))
    found = {Path(image["file"]).name: image["remarks"] for image in result["images"]}
    expected = {"turned.png": [Remark.TURNED.sentence], "window.dcm": [Remark.WINDOW_IGNORED.sentence], "plain.dcm": []}
    assert found == expected
    lines = diagnose_lines(result)  # type: ignore[arg-type]
    after = [line for before, line in pairwise(lines) if "window.dcm" in before]
    assert after == [f"  {Remark.WINDOW_IGNORED.sentence}"]


@pytest.mark.parametrize("says", [True, False])
def test_the_page_has_the_remarks(tmp_path: Path, says: bool) -> None:
    picture = open_picture(turned_picture(tmp_path / "turned.png"))
    model = Model.load(write_model(tmp_path / "tiny.onnx"))
    diagnosis = Diagnoser(model).diagnose(picture.seen(1) if says else picture.frame(1), "turned.png")
    page = page_figure(picture.frame(1), diagnosis, model)
    texts = " ".join(text.get_text() for text in page.texts)
    assert ("turned upright" in texts) == says
    page.savefig(io.BytesIO(), format="png")
