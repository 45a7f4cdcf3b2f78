"""Export as COCO: every image is listed, and the run lengths hold every region of its mask."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from shared_images import opened, shared

from busapp.engine.sharing.coco import regions
from busapp.engine.study.workspace import Workspace


def decoded(segmentation: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """A decoder that follows the format's description, one run after the other."""
    height, width = segmentation["size"]
    values: list[bool] = []
    for number, count in enumerate(segmentation["counts"]):
        values += [number % 2 == 1] * count
    assert len(values) == height * width
    return np.array([[values[x * height + y] for x in range(width)] for y in range(height)])


@pytest.mark.parametrize(
    ("drawing", "areas"),
    [
        (["....", ".##.", ".##."], [4]),
        (["#..#", "....", "#..#"], [1, 1, 1, 1]),
        (["####", "#..#", "####"], [10]),
        (["####", "####"], [8]),
        (["#.", ".#"], [2]),
        (["#.#", "#.#"], [2, 2]),
        (["....", "...."], []),
    ],
)
def test_run_lengths_hold_each_region_of_a_mask(drawing: list[str], areas: list[int]) -> None:
    mask = np.array([[c == "#" for c in line] for line in drawing])
    found = regions(mask)
    assert [region["area"] for region in found] == areas
    union = np.zeros_like(mask)
    for region in found:
        inside = decoded(region["segmentation"])
        rows, columns = np.nonzero(inside)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert region["bbox"] == box and region["area"] == inside.sum() and region["iscrowd"] == 0
        assert not (union & inside).any()
        union |= inside
    assert (union == mask).all()


def test_coco_names_the_site_and_the_device_of_every_image(phantom_study: Workspace, tmp_path: Path) -> None:
    phantom_study.catalog.set_site([1], "UKE")
    phantom_study.catalog.set_device([2], "GE LOGIQ E9")
    shared(phantom_study, tmp_path / "out", format="coco")
    described = json.loads((tmp_path / "out/annotations.json").read_text(encoding="utf-8"))
    found = [(image["site"], image["device"]) for image in described["images"][:3]]
    assert found == [("UKE", None), (None, "GE LOGIQ E9"), (None, None)]


def test_coco_names_every_image_and_holds_every_mask(some_of_busi: Workspace, tmp_path: Path) -> None:
    shared(some_of_busi, tmp_path / "out", format="coco")
    described = json.loads((tmp_path / "out/annotations.json").read_text(encoding="utf-8"))
    categories = {category["id"]: category["name"] for category in described["categories"]}
    assert categories == {1: "benign", 2: "malignant", 3: "normal"}
    assert [image["id"] for image in described["images"]] == list(range(1, 18))
    assert [found["id"] for found in described["annotations"]] == list(range(1, len(described["annotations"]) + 1))
    for image in described["images"]:
        picture = opened(tmp_path / "out/images" / image["file_name"])
        assert picture.size == (image["width"], image["height"])
        assert categories[image["category_id"]] == image["class"] == image["file_name"].split("/")[0]
    of_image = {image["id"]: image for image in described["images"]}
    for one in (1, 7, 17):  # the decoder above is simple and slow
        mask = np.asarray(opened(tmp_path / "out" / of_image[one]["mask"])) > 0
        found = [annotation for annotation in described["annotations"] if annotation["image_id"] == one]
        assert {annotation["category_id"] for annotation in found} <= {of_image[one]["category_id"]}
        union = sum((decoded(annotation["segmentation"]) for annotation in found), np.zeros_like(mask))
        assert (union == mask).all()
    assert all(of_image[annotation["image_id"]]["class"] != "normal" for annotation in described["annotations"])
