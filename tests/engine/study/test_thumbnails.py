import io

import numpy as np
import pytest
from PIL import Image

from busapp.engine.study.thumbnails import make_mask_thumbnail, make_thumbnail, thumbnail_path
from busapp.engine.study.workspace import Workspace


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((90, 120), (90, 120)),
        ((256, 200), (256, 200)),
        ((300, 150), (224, 112)),
        ((500, 400), (250, 200)),
        ((9000, 3), (225, 1)),
    ],
)
def test_a_thumbnail_keeps_the_aspect_and_is_never_larger(size: tuple[int, int], small: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (90, 90, 90))
    made = Image.open(io.BytesIO(make_thumbnail(picture)))
    assert (made.format, made.size) == ("JPEG", small)
    assert abs(np.asarray(made).astype(int) - 90).max() <= 2
    assert picture.size == size


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_pictures_of_any_mode_become_thumbnails(mode: str) -> None:
    assert Image.open(io.BytesIO(make_thumbnail(Image.new(mode, (300, 300))))).size == (224, 224)


def test_a_thin_lesion_stays_visible_in_a_small_mask() -> None:
    mask = np.zeros((1000, 1000), np.uint8)
    mask[200:400, 300:800] = 1
    mask[700:703, 100:900] = 1
    small = np.asarray(Image.open(io.BytesIO(make_mask_thumbnail(Image.fromarray(mask)))))
    assert small.shape == (250, 250)
    assert small[60, 120] == 255
    assert small[20, 20] == 0
    assert small[174:177, 100].max() > 60


def test_the_cache_is_inside_the_study(empty_study: Workspace) -> None:
    assert thumbnail_path(empty_study, "ab" * 32).is_relative_to(empty_study.root)
