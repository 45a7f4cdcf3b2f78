"""Letters and callipers are found where they were drawn, and nowhere else."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from busapp.engine.images.marks import Box, Mark, find_marks
from busapp.engine.images.phantoms import CLASSES, draw_phantom
from busapp.engine.images.preprocessing import read_image

LABELS = Path(__file__).with_name("marks_of_busi.csv")


def phantom(size: int, class_name: str = "normal", seed: int = 0) -> Image.Image:
    return Image.fromarray(draw_phantom(class_name, np.random.default_rng(seed), size)[0][:, :, 0])


def marks(image: Image.Image) -> list[Mark]:
    return find_marks(np.asarray(image))


def cross(image: Image.Image, x: int, y: int, arm: int, width: int = 1, slanted: bool = False) -> Box:
    """Draw a cross, and return its box."""
    draw = ImageDraw.Draw(image)
    if slanted:
        draw.line([(x - arm, y - arm), (x + arm, y + arm)], fill=220, width=width)
        draw.line([(x - arm, y + arm), (x + arm, y - arm)], fill=220, width=width)
    else:
        draw.line([(x - arm, y), (x + arm, y)], fill=220, width=width)
        draw.line([(x, y - arm), (x, y + arm)], fill=220, width=width)
    return x - arm, y - arm, x + arm + 1, y + arm + 1


def holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


@pytest.mark.parametrize("size", [128, 256, 500])
def test_clean_phantoms_have_no_marks(size: int) -> None:
    for seed in range(4):
        for class_name in CLASSES:
            assert marks(phantom(size, class_name, seed)) == []


@pytest.mark.parametrize("words", ["RT UOQ", "LT 3", "Anna Muster 01.02.1960", "lt axilla"])
@pytest.mark.parametrize("font_size", [11, 15, 24])
def test_the_box_of_a_line_of_text_holds_all_of_it_and_little_else(words: str, font_size: int) -> None:
    image = phantom(400)
    draw = ImageDraw.Draw(image)
    draw.text((60, 330), words, fill=225, font_size=font_size)
    left, top, right, bottom = draw.textbbox((60, 330), words, font_size=font_size)
    (mark,) = marks(image)
    assert mark.kind == "text"
    assert holds(mark.box, (int(left) + 1, int(top) + 1, int(right), int(bottom) - 1))
    assert area(mark.box) < 2.2 * (right - left + 4) * (bottom - top + 4)


def test_lines_of_text_are_marks_of_their_own_from_the_top_down() -> None:
    image = Image.new("L", (500, 400), 8)
    image.paste(phantom(256), (120, 100))
    for top, words in ((360, "Freq 12 MHz"), (10, "Muster Anna F 43"), (40, "ID 123456")):
        ImageDraw.Draw(image).text((12, top), words, fill=230, font_size=14)
    found = marks(image)
    assert [mark.kind for mark in found] == ["text"] * 3
    assert [mark.box[1] // 10 for mark in found] == [1, 4, 36]


@pytest.mark.parametrize(("arm", "width"), [(3, 1), (4, 1), (6, 2), (8, 2)])
@pytest.mark.parametrize("slanted", [False, True], ids=["upright", "slanted"])
def test_callipers_are_found_and_held_by_their_boxes(arm: int, width: int, slanted: bool) -> None:
    image = phantom(400)
    drawn = [cross(image, x, y, arm, width, slanted) for x, y in ((120, 300), (250, 320), (180, 350))]
    found = marks(image)
    assert {mark.kind for mark in found} == {"calliper"}
    for box in drawn:
        (around,) = (mark.box for mark in found if holds(mark.box, box))
        assert area(around) < 4 * area(box) + 100


def test_a_number_beside_a_calliper_is_in_its_box_and_no_text() -> None:
    image = phantom(400)
    ends = cross(image, 120, 300, 6, 2), cross(image, 250, 330, 6, 2)
    ImageDraw.Draw(image).text((126, 302), "1", fill=220, font_size=14)
    for step in range(12, 120, 6):
        ImageDraw.Draw(image).point((120 + step, 300 + step * 30 // 130), fill=220)
    found = marks(image)
    assert [mark.kind for mark in found] == ["calliper", "calliper"]
    assert all(holds(mark.box, end) for mark, end in zip(found, ends, strict=True))
    assert found[0].box[2] > 132


def test_no_cross_is_seen_in_letters() -> None:
    image = phantom(400)
    ImageDraw.Draw(image).text((60, 320), "MAX TXT KIT xylt", fill=225, font_size=16)
    assert {mark.kind for mark in marks(image)} == {"text"}


def test_large_pictures_are_searched_too_and_boxes_stay_inside() -> None:
    image = Image.new("L", (2600, 1400), 0)
    image.paste(phantom(1200), (700, 100))
    draw = ImageDraw.Draw(image)
    draw.text((20, 10), "MUSTER ANNA", fill=255, font_size=40)
    draw.text((2350, 1340), "RIGHT BREAST", fill=255, font_size=40)
    found = marks(image)
    assert len(found) == 2
    assert holds(found[0].box, (22, 18, 200, 46))
    assert all(holds((0, 0, 2600, 1400), mark.box) for mark in found)


@pytest.mark.parametrize("shape", [(1, 1), (10, 500), (11, 11), (500, 12), (64, 64)])
def test_nothing_is_found_in_empty_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    for grey in (0, 128, 255):
        assert find_marks(np.full(shape, grey, np.uint8)) == []


def test_patterns_end_soon_and_within_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    dots = np.zeros((600, 600), np.uint8)
    dots[::8, ::8] = dots[1::8, ::8] = dots[2::8, ::8] = dots[3::8, ::8] = dots[4::8, ::8] = 255
    for pattern in (noise, np.kron(noise[:60, :60] // 128 * 255, np.ones((3, 3), np.uint8)), dots):
        assert all(holds((0, 0, pattern.shape[1], pattern.shape[0]), mark.box) for mark in find_marks(pattern))


# -- BUSI --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held_out(busi_256: Path) -> list[tuple[dict[str, str], set[str]]]:
    """The labels of each held-out image (no threshold was set on it), and the kinds of marks found in it.

    Labelled by eye. `text` is any letter or number, even if cut off at an edge, except the number of a calliper and
    the scanner's name in the top left `corner`. `callipers` are crosses, measuring lines, arrows and body marks.
    """
    with LABELS.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["set"] == "held out"]
    found = [find_marks(np.asarray(read_image(busi_256 / row["file"]).convert("L"))) for row in rows]
    return [(row, {mark.kind for mark in each}) for row, each in zip(rows, found, strict=True)]


@pytest.mark.busi
@pytest.mark.parametrize(
    ("label", "kind", "sensitivity"),
    [("text", "text", 0.75), ("callipers", "calliper", 0.8)],
    ids=["text", "callipers"],
)
def test_marks_of_busi(
    held_out: list[tuple[dict[str, str], set[str]]], label: str, kind: str, sensitivity: float
) -> None:
    """22 of 27 images with text and 17 of 19 with callipers were found. No image without marks was flagged."""
    marked = [kind in found for row, found in held_out if row[label] == "yes"]
    clean = [kind not in found for row, found in held_out if row[label] == "no"]
    assert np.mean(marked) >= sensitivity, f"{sum(marked)} of {len(marked)} found"
    assert np.mean(clean) >= 0.97, f"{sum(clean)} of {len(clean)} not flagged"
