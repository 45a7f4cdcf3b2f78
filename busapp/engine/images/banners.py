"""Find the text that a machine writes around its picture, such as the patient's name, and the box without it.

The picture itself is where the speckle is. Text on a dark or plain ground beside it can be cut away; text over the
picture cannot.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from busapp.engine.images.marks import Box, Grey, find_marks, find_strokes, reduced

_GRAIN: Final = 7
_GRAIN_SPREAD: Final = 2.0
"""Within squares of the first value in pixels, the grey values of speckle spread by more than the second (standard
deviation). Plain grounds spread by less than 1, also after JPEG."""
_PATCH: Final = 21
"""Pixels. Of a square of this side, more than a half must be speckle."""
_SMALLEST_PICTURE: Final = 0.01
"""Part of the whole. Smaller patches of speckle are logos."""
_BESIDE: Final = 0.25
"""Patches at least this large, relative to the largest, belong to the picture too: two views side by side."""
_MOST_LOST: Final = 0.1
"""The part of the picture's height or width that a cut may take."""
_BANNER: Final = 0.15
"""Part of the height at the top and at the bottom where banners lie."""
_LOWEST_LETTER: Final = 8
"""Pixels, with the margin of a mark."""
_MOST_STROKES: Final = 500
"""If more strokes than this lie in a banner's place, the picture lies there, and consists of noise."""
_MOST_OF_TISSUE: Final = 0.01
"""Strokes for each pixel. Pictures with more consist of noise as fine as pixels. The grainiest of 572 images of BUS-BRA
has 0.006, a page full of letters as small as can be read has less."""
_FLAT: Final = 6
_RUN: Final = 4
"""Pixels of a drawn letter are in a row of at least the second value in pixels, along which they differ by no more than
the first."""
_PLAIN: Final = (15, 0.3)
"""Of a square of this side in pixels, a plain ground with letters fills at least this part."""
_GROUND_SPREAD: Final = 3
_GROUND: Final = 0.35
"""Text lies on a plain ground if this part of the pixels around it has one grey value, give or take the first."""


class Banners(NamedTuple):
    """`box` is the part of the picture without the text around it, None if there is none. `letters_remain` is true if
    there is text in the box, or in the whole picture if there is no box."""

    box: Box | None
    letters_remain: bool


def find_banners(grey: Grey) -> Banners:
    """Look for text around a picture, uint8 (height, width), and for text that cannot be cut away."""
    small, factor = reduced(grey)
    if np.ptp(small) == 0:  # and nothing is written on it
        return Banners(None, False)
    found = _find_in(small)
    if found.box is None or factor == 1:
        return found
    left, top, right, bottom = (factor * place for place in found.box)
    return Banners((left, top, min(right, grey.shape[1]), min(bottom, grey.shape[0])), found.letters_remain)


def _find_in(grey: Grey) -> Banners:
    every = find_strokes(grey)
    is_noise = len(every) > _MOST_OF_TISSUE * grey.size
    drawn = _drawn(grey) if is_noise else np.ones(grey.shape, bool)
    bright = np.where(drawn, grey, 0)
    every = find_strokes(bright) if is_noise else every
    texts = _texts(bright, every)
    beside = [text for text in texts if _on_plain_ground(grey, text)]
    strokes = _strokes_of_banners(grey, every)
    inverted = np.where(drawn, 255 - grey, 0)
    dark = [text for text in _texts(inverted, find_strokes(inverted)) if _on_plain_ground(grey, text)]
    if not (texts or strokes or dark):
        return Banners(None, False)
    picture = _picture_in(grey, beside + strokes + dark)
    if picture is None:
        return Banners(None, True)
    # Inside of the picture, dark letters would be gaps between speckle.
    dark = [text for text in strokes + dark if not _lies_in(text, picture)]
    whole = (0, 0, grey.shape[1], grey.shape[0])
    box = _without(beside + dark, picture, whole)
    return Banners(None if box == whole else box, any(_meet(text, box) for text in texts + dark))


def _drawn(grey: Grey) -> npt.NDArray[np.bool_]:
    """True for pixels that may be of a drawn letter or of its ground, in a picture of noise. Noise has so many strokes
    that letters cannot be found among them."""
    from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter, uniform_filter

    is_flat = maximum_filter(grey, 3) - minimum_filter(grey, 3) <= _GROUND_SPREAD
    side, part = _PLAIN
    drawn: npt.NDArray[np.bool_] = uniform_filter(is_flat.astype(np.float32), side) >= part
    for shape in ((1, _RUN), (_RUN, 1)):
        run = maximum_filter(grey, shape) - minimum_filter(grey, shape) <= _FLAT
        drawn |= binary_dilation(run, np.ones(shape, bool), origin=[-1 if side > 1 else 0 for side in shape])
    return drawn


def _strokes_of_banners(grey: Grey, every: Sequence[Box]) -> list[Box]:
    """Strokes where banners lie. Letters of some scripts hang together, so that they are not found as letters."""
    height = grey.shape[0]
    strokes = [
        (left, top, right, bottom)
        for left, top, right, bottom in every
        if (bottom <= _BANNER * height or top >= (1 - _BANNER) * height) and bottom - top >= _LOWEST_LETTER
    ]
    return [stroke for stroke in strokes if _on_plain_ground(grey, stroke)] if len(strokes) <= _MOST_STROKES else []


def _texts(grey: Grey, strokes: Sequence[Box]) -> list[Box]:
    """Lines of text, each with the strokes that meet it, such as commas and the lower ends of letters."""
    if not strokes:
        return []
    texts = []
    for left, top, right, bottom in (mark.box for mark in find_marks(grey) if mark.kind == "text"):
        line = left, top, right, bottom
        parts = [line, *(part for part in strokes if _meet(part, line) and part[3] - part[1] <= bottom - top)]
        texts.append((left, min(part[1] for part in parts), right, max(part[3] for part in parts)))
    return texts


def _picture_in(grey: Grey, texts: Sequence[Box]) -> Box | None:
    """The box around the speckle; None if there is none."""
    from scipy.ndimage import find_objects, label, uniform_filter

    values = grey.astype(np.float32)
    mean = uniform_filter(values, _GRAIN)
    grain: npt.NDArray[np.bool_] = uniform_filter(values * values, _GRAIN) - mean * mean > _GRAIN_SPREAD**2
    for left, top, right, bottom in texts:
        grain[top:bottom, left:right] = False
    patches, _ = label(uniform_filter(grain.astype(np.float32), _PATCH) > 0.5)
    sizes = np.bincount(patches.ravel())[1:]
    if not len(sizes) or sizes.max() < _SMALLEST_PICTURE * grey.size:
        return None
    found = [place for place, size in zip(find_objects(patches), sizes, strict=True) if size >= _BESIDE * sizes.max()]
    rows, columns = zip(*found, strict=True)
    return (
        min(column.start for column in columns),
        min(row.start for row in rows),
        max(column.stop for column in columns),
        max(row.stop for row in rows),
    )


def _on_plain_ground(grey: Grey, text: Box) -> bool:
    left, top, right, bottom = text
    around = (bottom - top) // 3
    near = grey[max(0, top - around) : bottom + around, max(0, left - around) : right + around]
    counts = np.bincount(near.ravel(), minlength=256)
    most = np.convolve(counts, np.ones(2 * _GROUND_SPREAD + 1, np.intp)).max()
    return int(most) >= _GROUND * near.size


def _without(texts: Sequence[Box], picture: Box, whole: Box) -> Box:
    """The box that is left if the texts around the picture are cut away, each on the side where the least is lost."""
    box = whole
    for text in sorted(texts, key=lambda text: len(_cuts(text, picture, whole))):
        if _meet(text, box) and (cuts := _cuts(text, picture, box)):
            box = max(cuts, key=lambda cut: (_area(_common(cut, picture)), _area(cut)))
    return box


def _cuts(text: Box, picture: Box, box: Box) -> list[Box]:
    """The boxes without a text, for each side of the picture on which it lies, or near which: a banner that touches
    the picture looks like a part of it."""
    (left, top, right, bottom), x, y = box, (text[0] + text[2]) / 2, (text[1] + text[3]) / 2
    across, down = (_MOST_LOST * (picture[side + 2] - picture[side]) for side in (0, 1))
    sides = (
        (x < picture[0] + across, (text[2], top, right, bottom)),
        (y < picture[1] + down, (left, text[3], right, bottom)),
        (x >= picture[2] - across, (left, top, text[0], bottom)),
        (y >= picture[3] - down, (left, top, right, text[1])),
    )
    return [cut for is_there, cut in sides if is_there and _keeps(picture, _common(picture, box), cut)]


def _keeps(picture: Box, before: Box, cut: Box) -> bool:
    """True if a cut takes at most a small part of the picture."""
    after = _common(before, cut)
    across = (after[2] - after[0]) >= (1 - _MOST_LOST) * (picture[2] - picture[0])
    return across and (after[3] - after[1]) >= (1 - _MOST_LOST) * (picture[3] - picture[1])


def _lies_in(text: Box, picture: Box) -> bool:
    x, y = (text[0] + text[2]) / 2, (text[1] + text[3]) / 2
    return picture[0] <= x < picture[2] and picture[1] <= y < picture[3]


def _common(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _meet(one: Box, other: Box) -> bool:
    return _area(_common(one, other)) > 0
