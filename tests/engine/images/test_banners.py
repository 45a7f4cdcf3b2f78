"""Text around a picture is found and cut away; text over it is told."""

from pathlib import Path

import numpy as np
import pytest
from dicom_reading import frames_of
from dicom_samples import dicom_bytes, region
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from busapp.engine.images.banners import find_banners
from busapp.engine.images.marks import find_marks
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.remarks import Remark

NAME = "DOE JANE  12.03.1961  ID 4711-22"
HEIGHT, WIDTH = 400, 480


def speckle(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(height, width)), (1.2, 1.8))
    return (noise / noise.std() * 25 + 70).clip(0, 255).astype(np.uint8)


def written(
    pixels: np.ndarray, place: tuple[int, int], text: str = NAME, *, size: int = 14, fill: int = 230
) -> np.ndarray:
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text(place, text, font=ImageFont.load_default(size=size), fill=fill)
    return np.asarray(image)


def strip(ground: int = 0, height: int = 40, *, below: bool = False) -> np.ndarray:
    """Speckle beside a plain strip."""
    pixels = speckle()
    pixels[-height:] = pixels[-height:] if not below else ground
    pixels[:height] = pixels[:height] if below else ground
    return pixels


def fan() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = (abs(np.hypot(x - WIDTH / 2, y + 60) - 260) < 140) & (abs(np.arctan2(x - WIDTH / 2, y + 60)) < 0.6)
    return np.where(inside, speckle(), 0).astype(np.uint8)


BANNERS = {
    **{f"on black, {size} pixels": written(strip(), (8, 4), size=size) for size in (10, 14, 20, 28)},
    "on a grey bar": written(strip(60, 30), (8, 6)),
    "dark on a white bar": written(strip(235, 30), (8, 6), fill=10),
    "below": written(strip(below=True), (8, HEIGHT - 30)),
    "of a fan": written(written(fan(), (4, 2), "DOE^JANE"), (380, 2), "4711-22"),
    "below a fan": written(fan(), (4, HEIGHT - 20)),
    "of connected letters": written(strip(), (8, 4), "____DOE____", size=20),
}


def text_in(pixels: np.ndarray) -> bool:
    return any(
        mark.kind == "text" for grey in (pixels, 255 - pixels) for mark in find_marks(np.ascontiguousarray(grey))
    )


@pytest.mark.parametrize("pixels", BANNERS.values(), ids=BANNERS)
def test_a_banner_is_cut_away(pixels: np.ndarray) -> None:
    found = find_banners(pixels)
    assert found.box is not None and not found.letters_remain
    left, top, right, bottom = found.box
    cut = pixels[top:bottom, left:right]
    assert not (cut == 230).any() or not text_in(cut)
    assert cut.size > 0.8 * pixels.size
    lost = np.ones(pixels.shape, bool)
    lost[top:bottom, left:right] = False
    tissue = (pixels > 20) & (pixels < 200) & (gaussian_filter(pixels.astype(float), 3) > 40)
    assert (lost & tissue).sum() < 0.1 * tissue.sum()


@pytest.mark.parametrize("pixels", [speckle(), fan(), np.zeros((HEIGHT, WIDTH), np.uint8)], ids=["all", "fan", "black"])
def test_pictures_without_text_stay_as_they_are(pixels: np.ndarray) -> None:
    assert find_banners(pixels) == (None, False)


@pytest.mark.parametrize("place", [(150, 200), (8, 6), (100, HEIGHT - 40)])
def test_text_over_the_picture_is_told(place: tuple[int, int]) -> None:
    found = find_banners(written(speckle(), place, fill=255))
    assert found == (None, True)


def test_text_without_any_picture_is_told() -> None:
    assert find_banners(written(np.zeros((HEIGHT, WIDTH), np.uint8), (8, 4))) == (None, True)


def test_letters_of_low_commas_are_cut_away_whole() -> None:
    found = find_banners(written(strip(height=60), (8, 10), "Person, Test, gypq", size=30))
    assert found.box is not None and not found.letters_remain
    cut = written(strip(height=60), (8, 10), "Person, Test, gypq", size=30)[found.box[1] :]
    assert not (cut[:20, :40] > 200).any()


def noise(height: int, width: int) -> np.ndarray:
    """Noise as fine as pixels, which no scanner makes, with as many strokes as a page has letters."""
    return np.random.default_rng(1).gamma(2.0, 32.0, (height, width)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(200, 240), (400, 480), (768, 1024)])
def test_noise_is_not_taken_for_letters(size: tuple[int, int]) -> None:
    assert find_banners(noise(*size)) == (None, False)


@pytest.mark.parametrize("size", [(200, 240), (400, 480), (768, 1024)])
@pytest.mark.parametrize(("ground", "fill"), [(0, 255), (0, 180), (40, 255), (235, 10)])
@pytest.mark.parametrize("letters", [10, 14, 20, 30])
def test_a_banner_beside_noise_is_cut_away(size: tuple[int, int], ground: int, fill: int, letters: int) -> None:
    height, width = size
    bar = np.full((2 * letters, width), ground, np.uint8)
    above = written(np.vstack([bar, noise(height, width)]), (6, letters // 2), "Doe, Jane", size=letters, fill=fill)
    found = find_banners(above)
    assert found.box is not None and not found.letters_remain
    assert 1.5 * letters <= found.box[1] <= 2 * letters + 0.1 * height
    below = written(np.vstack([noise(height, width), bar]), (6, height + letters // 2), size=letters, fill=fill)
    found = find_banners(below)
    assert found.box is not None and not found.letters_remain
    assert 0.9 * height <= found.box[3] <= height + letters


# -- DICOM files ------------------------------------------------------------------------------------------

WITH_BANNER = BANNERS["on black, 14 pixels"]


@pytest.mark.parametrize(
    "regions",
    [
        [],
        [region((0, 0, WIDTH - 1, HEIGHT - 1))],
        [region((0, 0, WIDTH, HEIGHT))],
        [region((0, 0, 2 * WIDTH, 2 * HEIGHT))],
        [region((WIDTH + 5, HEIGHT + 5, WIDTH + 90, HEIGHT + 90))],
        [region((60, 0, WIDTH - 60, HEIGHT - 1))],
    ],
    ids=["absent", "whole", "one beyond", "another screen", "outside", "with the banner"],
)
def test_a_banner_is_cut_away_where_no_region_excludes_it(regions: list) -> None:
    content = dicom_bytes(WITH_BANNER[None], SequenceOfUltrasoundRegions=regions)
    frame = frames_of(content, crop=True)[0]
    pixels = np.asarray(frame.picture)[..., 0]
    assert frame.cropped and frame.remarks == (Remark.BANNER_CUT,)
    assert not text_in(pixels)
    assert pixels.shape[0] > HEIGHT - 40
    assert (pixels[-100:] == WITH_BANNER[-100:, : pixels.shape[1]]).all() or regions
    seen = open_picture(content, "picture.dcm").seen(1)
    assert (np.asarray(seen.picture)[..., 0] == pixels).all()
    assert seen.remarks == (Remark.BANNER_CUT,)
    assert frames_of(content)[0].picture.size == (WIDTH, HEIGHT)  # if nothing is to be cut


def test_regions_that_exclude_the_banner_are_believed() -> None:
    content = dicom_bytes(WITH_BANNER[None], SequenceOfUltrasoundRegions=[region((20, 50, 400, 380))])
    frame = frames_of(content, crop=True)[0]
    assert (frame.picture.size, frame.remarks) == ((381, 331), ())


def test_a_region_that_leads_out_of_the_picture_is_clipped() -> None:
    content = dicom_bytes(WITH_BANNER[None], SequenceOfUltrasoundRegions=[region((20, 50, WIDTH + 30, HEIGHT + 30))])
    frame = frames_of(content, crop=True)[0]
    assert (frame.picture.size, frame.remarks) == ((WIDTH - 20, HEIGHT - 50), ())


def test_all_frames_of_a_loop_have_one_box() -> None:
    frames = np.stack([WITH_BANNER, strip(), WITH_BANNER])
    loop = frames_of(dicom_bytes(frames), crop=True)
    assert len({frame.picture.size for frame in loop}) == 1
    assert all(frame.remarks == (Remark.BANNER_CUT,) for frame in loop)


def test_the_banner_of_a_real_file_without_regions(us_dicom: Path) -> None:
    content = (us_dicom / "US1_UNCR.dcm").read_bytes()
    frame = frames_of(content, crop=True)[0]
    width, height = frame.picture.size  # 104 rows of names, numbers and dates lie above 256 rows of picture
    assert width == 640 and 250 <= height <= 256
    assert Remark.BANNER_CUT in frame.remarks


def test_the_banner_of_a_large_picture_is_found_in_a_smaller_one() -> None:
    large = np.asarray(Image.fromarray(speckle()).resize((2400, 2000)))
    large = np.vstack([np.zeros((120, 2400), np.uint8), large])
    found = find_banners(written(large, (20, 20), size=44))
    assert found.box is not None and found.box[2:] == (2400, 2120)
    assert 60 < found.box[1] < 130
