"""The summary that every import leaves: kept with its run, without names of files or patients."""

import json
from pathlib import Path

import numpy as np
import pytest
from image_folders import events_of, imported, mask, odd, picture
from PIL import Image

from busapp.engine.events import RunStarted
from busapp.engine.study.workspace import Workspace
from busapp.summaries import summary


def texts(result: dict[str, list[dict[str, str]]], kind: str) -> list[str]:
    return [finding["text"] for finding in result["findings"] if finding["kind"] == kind]


@pytest.mark.parametrize("grey", [0, 3, 128, 255])
def test_black_and_flat_pictures_are_told(empty_study: Workspace, tmp_path: Path, grey: int) -> None:
    noise = np.random.default_rng(0).integers(-2, 3, (96, 128))
    (tmp_path / "data" / "benign").mkdir(parents=True)
    Image.fromarray((grey + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "data" / "benign" / "flat.png")
    picture(tmp_path / "data" / "benign" / "speckle.png", size=(128, 96))
    assert "1 picture is black, or of one grey everywhere." in odd(events_of(empty_study, tmp_path / "data"))


def test_a_small_dark_lesion_is_no_flat_picture(empty_study: Workspace, tmp_path: Path) -> None:
    values = np.full((400, 500), 12, np.uint8)
    values[200:220, 240:260] = 40
    values[0, 0] = 13  # two colours alone would be those of a mask
    (tmp_path / "benign").mkdir()
    Image.fromarray(values).save(tmp_path / "benign" / "dark.png")
    assert not odd(events_of(empty_study, tmp_path / "benign"))


def test_masks_are_counted_by_image(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "benign" / f"b{number}.png", number)
        mask(tmp_path / "benign" / f"b{number}_mask.png", slice(2, 5))
    mask(tmp_path / "benign" / "b0_mask_1.png", slice(8, 9))
    result = imported(empty_study, tmp_path / "benign")
    assert texts(result, "joined") == ["4 masks joined to 3 images. 1 image had several, which are united."]


def test_what_was_left_out_is_counted_by_reason(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "b.png")
    for name in ("a.txt", "b.txt", "c.doc"):
        (tmp_path / "benign" / name).write_text("no picture")
    (tmp_path / "benign" / "torn.png").write_bytes(b"\x89PNG torn")
    (said,) = texts(imported(empty_study, tmp_path / "benign"), "left out")
    assert said == "4 files: 3 × It is not an image; 1 × The file is not a readable image."


def test_images_without_patient_among_others_are_odd(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "data" / "benign" / f"{number}.png", number)
    rows = "".join(f"benign/{number}.png,P{number}\n" for number in range(3))
    (tmp_path / "data" / "t.csv").write_text("file,patient\n" + rows)
    assert "1 of 4 images have no patient." in odd(events_of(empty_study, tmp_path / "data"))


def test_the_summary_is_kept_with_the_run_and_shown(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "b.png")
    (tmp_path / "benign" / "Maria Muster.txt").write_text("no picture")
    events = events_of(empty_study, tmp_path / "benign")
    assert isinstance(events[0], RunStarted)
    kept = empty_study.run(events[0].run).result()
    assert kept is not None and "Muster" not in json.dumps(kept)
    lines = summary("import", kept)
    assert lines[2].startswith("Assumed: Nothing names the patients.")
    assert lines[3] == "Left out: 1 file: 1 × It is not an image."
