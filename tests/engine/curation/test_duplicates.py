"""Pictures of one frame are found after any alteration; pictures of other frames are not."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from pulling import gather

from busapp.engine.curation import duplicates
from busapp.engine.curation.duplicates import DuplicatePair, Signatures, find_pairs
from busapp.engine.events import Progress
from busapp.engine.images.phantoms import CLASSES, draw_phantom
from busapp.engine.settings import CurateSettings

Alteration = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def phantoms() -> list[Image.Image]:
    """Eighteen different pictures, 192×192."""
    rng = np.random.default_rng(5)
    return [Image.fromarray(draw_phantom(CLASSES[number % 3], rng, size=192)[0]) for number in range(18)]


def pairs_among(
    pictures: Sequence[Image.Image | None], contents: Sequence[str] = (), **settings: float
) -> list[DuplicatePair]:
    """The near-duplicates among pictures. None stands for a picture that could not be read."""
    signatures = Signatures(len(pictures))
    for number, picture in enumerate(pictures):
        if picture is not None:
            signatures.put(number, picture)
    names = contents or [str(number) for number in range(len(pictures))]
    events, found = gather(find_pairs(signatures, names, CurateSettings(**settings)))
    assert all(isinstance(event, Progress) and 0 <= event.done <= event.total for event in events)
    return found


def cut(left: float, top: float, right: float, bottom: float) -> Alteration:
    """The part of the picture between these fractions of its sides."""
    return lambda picture: picture.crop(
        (
            round(left * picture.width),
            round(top * picture.height),
            round(right * picture.width),
            round(bottom * picture.height),
        )
    )


def brighter(picture: Image.Image) -> Image.Image:
    return picture.point([round(255 * (value / 255) ** 0.6) for value in range(256)] * 3)


def marked(picture: Image.Image) -> Image.Image:
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    draw.text((5, 8), "LT BREAST 2:00", fill="white", font_size=16)
    draw.line([(60, 90), (130, 120)], fill="white", width=2)
    draw.polygon([(100, 40), (120, 50), (105, 60)], fill="white")
    return picture


def as_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=50)
    return Image.open(stream)


ALTERED: dict[str, tuple[Alteration, str]] = {
    "resized": (lambda picture: picture.resize((150, 230)), "same picture"),
    "JPEG": (as_jpeg, "same picture"),
    "mirrored": (ImageOps.mirror, "mirrored"),
    "brighter": (brighter, "other contrast"),
    "marked": (marked, "other marks"),
    "right half cut": (cut(0, 0, 0.7, 1), "cropped"),
    "small window": (cut(0.05, 0.25, 0.75, 0.95), "cropped"),
    "mirrored window": (lambda picture: ImageOps.mirror(cut(0.1, 0, 0.9, 0.8)(picture)), "mirrored and cropped"),
    "all": (
        lambda picture: as_jpeg(brighter(marked(ImageOps.mirror(cut(0.1, 0.1, 0.95, 0.9)(picture))))),
        "mirrored, cropped, other contrast and other marks",
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_copy_is_found_and_it_is_said_how(phantoms: list[Image.Image], name: str) -> None:
    alter, how = ALTERED[name]
    (found,) = pairs_among([*phantoms, alter(phantoms[7])])
    assert (found.first, found.second, found.how) == (7, 18, how)
    assert 0.9 < found.similarity <= 1


def test_different_frames_are_left_alone(phantoms: list[Image.Image]) -> None:
    assert pairs_among(phantoms) == []


def test_scans_of_one_probe_share_their_outline_but_are_no_duplicates(phantoms: list[Image.Image]) -> None:
    """Their thumbnails correlate because of the black around the fan; their speckle does not."""
    fan = Image.new("L", (192, 192), 0)
    ImageDraw.Draw(fan).polygon([(60, 5), (132, 5), (190, 170), (2, 170)], fill=255)
    scans = []
    for phantom in phantoms[:6]:
        scan = Image.new("L", phantom.size, 0)
        scan.paste(phantom.convert("L").point([100 + value // 2 for value in range(256)]), mask=fan)
        scans.append(scan.convert("RGB"))
    grey = np.stack([np.asarray(scan.convert("L").resize((32, 32)), float).ravel() for scan in scans])
    assert np.corrcoef(grey).min() > 0.9
    assert pairs_among(scans, min_correlation=0.9) == []
    (found,) = pairs_among([*scans, ImageOps.mirror(scans[2])], min_correlation=0.9)
    assert (found.first, found.second, found.how) == (2, 6, "mirrored")


def test_the_same_bytes_are_a_pair_whatever_they_show(phantoms: list[Image.Image]) -> None:
    black = Image.new("RGB", (64, 64))
    found = pairs_among([phantoms[0], black, black, None, None, phantoms[0]], ["a", "b", "b", "c", "c", "a"])
    assert found == [DuplicatePair(a, b, 1.0, "same file") for a, b in ((0, 5), (1, 2), (3, 4))]


def test_pictures_without_contrast_resemble_nothing() -> None:
    assert pairs_among([Image.new("RGB", (64, 64), (grey,) * 3) for grey in (0, 0, 90, 255)] + [None]) == []


def test_many_copies_are_all_connected_without_listing_every_pair(phantoms: list[Image.Image]) -> None:
    copies = [phantoms[0]] * 60
    same = pairs_among(copies, ["one"] * 60)
    assert len(same) < 60 * duplicates.WHOLE_PARTNERS
    altered = [phantoms[0].resize((192 - number, 192)) for number in range(40)]
    for found in (same, pairs_among(altered)):
        reached = {0}
        for pair in found:
            if pair.first in reached or pair.second in reached:
                reached |= {pair.first, pair.second}
        assert len(reached) in (40, 60)


def test_pairs_do_not_depend_on_how_many_pictures_are_compared_at_once(
    phantoms: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [*phantoms, ImageOps.mirror(phantoms[1]), cut(0.2, 0, 1, 0.9)(phantoms[12]), brighter(phantoms[1])]
    whole = pairs_among(pictures)
    assert {(pair.first, pair.second) for pair in whole} == {(1, 18), (1, 20), (18, 20), (12, 19)}
    for name, value in (("ROWS", 5), ("COLUMNS", 7), ("TRIES", 3)):
        monkeypatch.setattr(duplicates, name, value)
    parts = pairs_among(pictures)
    assert [(pair.first, pair.second, pair.how) for pair in parts] == [
        (pair.first, pair.second, pair.how) for pair in whole
    ]


def test_one_picture_and_none() -> None:
    assert pairs_among([]) == []
    assert pairs_among([Image.new("RGB", (9, 5))]) == []
