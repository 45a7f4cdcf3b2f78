"""Find the marks that a scanner drew over a picture: letters and measuring callipers.

Marks have thin strokes of one brightness and sharp edges. Tissue consists of speckle, and its brightest structures lie
across the beam, so upright strokes and true crosses hardly occur in it. Thresholds are in grey values (0 to 255) and
pixels. They were set on 96 BUSI images and measured on 144 others (see tests/engine/images/test_marks.py).
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width), 0 black to 255 white."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first column and row outside."""
Boxes = npt.NDArray[np.intp]
"""(n, 4): one box per row."""
Offsets = tuple[tuple[int, int], ...]
"""Steps down and to the right."""

LONGEST_SIDE: Final = 2048
"""Pixels. Larger pictures are first reduced by a whole factor: marks are drawn for screens of about this width."""
MARGIN: Final = 2
"""Pixels around a mark that its box includes."""

STROKE: Final = 5
"""Pixels. Strokes are thinner than this."""
STROKE_CONTRAST: Final = 50
"""A stroke is brighter than its surroundings by more than this."""
LETTER_HEIGHT: Final = (5, 30)
LETTER_WIDTH: Final = 3.0
"""A letter, or a few that touch, is at most this many times as wide as high."""
MAX_LETTERS: Final = 2000
"""If more strokes than this have the size of a letter, the picture is a pattern, and none of them is a letter."""

LETTER_SPREAD: Final = 0.5
BRIGHTNESS_SPREAD: Final = 30
SPACE: Final = 1.2
"""Limits for neighbours in a line: their difference in height as a fraction of the smaller height, the difference of
their brightest grey values, and their distance in heights."""

CROSS_ARM: Final = 2
REACH: Final = CROSS_ARM + 1
CROSS_CONTRAST: Final = (40, 90)
"""A cross is brighter than three of its four quadrants by the first value. Or it is brighter than two of them by the
second, because a measuring line and a number may stand beside it. In 72 BUSI images without callipers the largest
values were 30 and 69."""
COMPANION_CONTRAST: Final = (25, 65)
"""Callipers come in pairs, so if a picture has a clear cross, these lower values are enough for the others."""
SLANTED_CONTRAST: Final = 60
"""A slanted cross is brighter than all four of its quadrants by this much, because letters often contain similar
shapes."""
UPRIGHT: Final[Offsets] = ((0, 1), (0, -1), (1, 0), (-1, 0))
SLANTED: Final[Offsets] = ((1, 1), (1, -1), (-1, 1), (-1, -1))
QUADRANTS: Final[dict[Offsets, list[Offsets]]] = {
    UPRIGHT: [
        ((CROSS_ARM * y, CROSS_ARM * x), (REACH * y, CROSS_ARM * x), (CROSS_ARM * y, REACH * x)) for y, x in SLANTED
    ],
    SLANTED: [
        ((REACH * y - x, REACH * x - y), (REACH * y, REACH * x), (REACH * y + x, REACH * x + y)) for y, x in UPRIGHT
    ],
}
"""Pixels between the arms that must be darker."""
LONGEST_ARM: Final = 12
MAX_CROSSES: Final = 100
"""Only the clearest candidates are checked. A picture with more of them is a pattern."""


class Mark(NamedTuple):
    """A mark over the picture, and the box that contains it with a small margin.

    `text`: a line of letters or numbers. `calliper`: one end of a measurement, with its number if it has one. The
    dotted line between two ends is not part of their boxes.
    """

    kind: Literal["text", "calliper"]
    box: Box


class _Cross(NamedTuple):
    """A cross: its centre, the grey value halfway between its arms and their surroundings, True if it is clear by
    itself, and the directions of its arms."""

    x: int
    y: int
    level: int
    clear: bool
    arms: Offsets


def find_marks(grey: Grey) -> list[Mark]:
    """The marks in a picture: texts, then callipers, each kind from top to bottom.

    Args:
        grey: uint8 (height, width), any size.
    """
    height, width = grey.shape
    grey, factor = reduced(grey)
    if min(grey.shape) <= 2 * STROKE:
        return []
    strokes = _strokes(grey)
    crosses = _crosses(grey)
    lines = _lines(grey, strokes, [cross for cross in crosses if cross.clear])
    ends = [box for box in (_arm_box(grey, cross) for cross in crosses) if not any(_meet(box, line) for line in lines)]
    texts = [Mark("text", box) for box in lines]
    callipers = [Mark("calliper", box) for box in _joined([_with_number(end, strokes) for end in ends])]
    return [
        Mark(mark.kind, _with_margin(mark.box, factor, width, height))
        for marks in (texts, callipers)
        for mark in sorted(marks, key=lambda mark: mark.box[1])
    ]


def find_strokes(grey: Grey) -> list[Box]:
    """The boxes of all thin bright strokes in a picture, whatever they are: letters of any script, lines, ticks."""
    height, width = grey.shape
    grey, factor = reduced(grey)
    if min(grey.shape) <= 2 * STROKE:
        return []
    boxes: list[Box] = [(left, top, right, bottom) for left, top, right, bottom in _strokes(grey).tolist()]
    return [_with_margin(box, factor, width, height) for box in boxes]


def reduced(grey: Grey) -> tuple[Grey, int]:
    """A picture that is not larger than the screens that marks are drawn for, and the whole factor."""
    factor = -(-max(grey.shape) // LONGEST_SIDE)
    return (np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey), factor


# -- letters -----------------------------------------------------------------------------------------------


def _strokes(grey: Grey) -> Boxes:
    """The boxes of all thin bright strokes. Strokes that touch at a corner are one."""
    from scipy.ndimage import find_objects, label

    thin = grey - _opened(grey) > STROKE_CONTRAST
    found = find_objects(label(thin, np.ones((3, 3), bool))[0])
    return np.array([(x.start, y.start, x.stop, y.stop) for y, x in found], np.intp).reshape(-1, 4)


def _opened(grey: Grey) -> Grey:
    """The picture without the bright parts that are too thin for a square with sides of `STROKE` pixels."""
    opened = np.pad(grey, STROKE - 1, mode="edge")
    for darker_or_lighter in (np.minimum, np.maximum):
        for axis in (0, 1):
            opened = _along(opened, axis, darker_or_lighter)
    return opened


def _along(grey: Grey, axis: int, choose: Callable[..., Grey]) -> Grey:
    """The least or the largest of every `STROKE` neighbours along an axis. The axis gets shorter by `STROKE` - 1."""
    lines = grey.swapaxes(0, axis)
    count = len(lines) - STROKE + 1
    chosen = lines[:count].copy(order="K")
    for offset in range(1, STROKE):
        choose(chosen, lines[offset : offset + count], out=chosen)
    return chosen.swapaxes(0, axis)


def _lines(grey: Grey, strokes: Boxes, crosses: Sequence[_Cross]) -> list[Box]:
    """Boxes of lines of text: at least two neighbouring letters of one brightness on one line."""
    from scipy.sparse.csgraph import connected_components

    left, top, right, bottom = strokes.T
    height = bottom - top
    fits = (height >= LETTER_HEIGHT[0]) & (height <= LETTER_HEIGHT[1]) & (right - left <= LETTER_WIDTH * height)
    letters = strokes[fits]
    if not 2 <= len(letters) <= MAX_LETTERS:
        return []
    count, line_of = connected_components(_beside(letters, _brightness(grey, letters)))
    lines = [letters[line_of == number] for number in range(count)]
    return _joined([_grown(line, strokes) for line in lines if _is_text(line, crosses)])


def _is_text(line: Boxes, crosses: Sequence[_Cross]) -> bool:
    """True if one letter is higher than wide, as bright layers of tissue never are, and if at least two letters and
    half of the line contain no cross. A t contains one, and so does a calliper beside its number."""
    left, top, right, bottom = line.T
    crossed = np.zeros(len(line), bool)
    for cross in crosses:
        crossed |= (left <= cross.x) & (cross.x < right) & (top <= cross.y) & (cross.y < bottom)
    plain = int(np.count_nonzero(~crossed))
    return plain >= 2 and 2 * plain >= len(line) and bool((bottom - top > right - left).any())


def _brightness(grey: Grey, boxes: Boxes) -> npt.NDArray[np.intp]:
    return np.array([grey[top:bottom, left:right].max() for left, top, right, bottom in boxes.tolist()], np.intp)


def _beside(letters: Boxes, brightness: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """True for two letters that can be neighbours in a word or across a space: bool (n, n)."""
    left, top, right, bottom = letters.T
    height = bottom - top
    lower = np.minimum.outer(height, height)
    slack = 1 + lower // 10
    on_line = (_apart(bottom) <= slack) | (_apart(top) <= slack)
    gap = np.maximum.outer(left, left) - np.minimum.outer(right, right)
    alike = _apart(height) <= LETTER_SPREAD * lower
    return np.asarray(on_line & alike & (gap <= SPACE * lower) & (_apart(brightness) <= BRIGHTNESS_SPREAD))


def _apart(values: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.abs(np.subtract.outer(values, values))


def _grown(line: Boxes, strokes: Boxes) -> Box:
    """The box of a line, extended to the rest of its text: punctuation, and letters that were split into pieces."""
    left, top = line[:, :2].min(axis=0)
    right, bottom = line[:, 2:].max(axis=0)
    height = bottom - top
    middle = (strokes[:, 1] + strokes[:, 3]) / 2
    rest = strokes[(middle > top) & (middle < bottom) & (strokes[:, 3] - strokes[:, 1] <= height + 2)]
    while True:
        near = (rest[:, 0] <= right + height // 2) & (rest[:, 2] >= left - height // 2)
        wider = min(left, *rest[near, 0]), max(right, *rest[near, 2])
        if wider == (left, right):
            return int(left), int(top), int(right), int(bottom)
        left, right = wider


# -- callipers ---------------------------------------------------------------------------------------------


def _crosses(grey: Grey) -> list[_Cross]:
    """Crosses of both shapes, clearest first, without overlaps."""
    upright, slanted = _contrasts(grey, UPRIGHT), _contrasts(grey, SLANTED)
    clear = (upright.third >= CROSS_CONTRAST[0]) | (upright.second >= CROSS_CONTRAST[1])
    clear |= slanted.fourth >= SLANTED_CONTRAST
    if not clear.any():
        return []
    likely = clear | (upright.third >= COMPANION_CONTRAST[0]) | (upright.second >= COMPANION_CONTRAST[1])
    contrast = np.maximum(upright.second, slanted.second)
    rows, columns = np.nonzero(likely)
    clearest = np.argsort(-contrast[rows, columns].astype(np.intp), kind="stable")[:MAX_CROSSES]
    crosses: list[_Cross] = []
    for y, x in np.column_stack([rows, columns])[clearest].tolist():
        if all(max(abs(x + REACH - other.x), abs(y + REACH - other.y)) > 2 * CROSS_ARM for other in crosses):
            shape = max(upright, slanted, key=lambda found: int(found.second[y, x]))
            level = int(shape.bright[y, x]) - int(shape.second[y, x]) // 2
            crosses.append(_Cross(x + REACH, y + REACH, level, bool(clear[y, x]), shape.arms))
    return crosses


class _Contrasts(NamedTuple):
    """For every centre that is `REACH` pixels or more from the edges: the darkest pixel of a cross of one shape there,
    and by how much it is brighter than all, three, and two of its quadrants (0 if it is not brighter)."""

    bright: Grey
    fourth: Grey
    third: Grey
    second: Grey
    arms: Offsets


def _contrasts(grey: Grey, arms: Offsets) -> _Contrasts:
    height, width = (side - 2 * REACH for side in grey.shape)

    def shifted(down: int, right: int) -> Grey:
        return grey[REACH + down : REACH + down + height, REACH + right : REACH + right + width]

    bright = reduce(np.minimum, [shifted(step * y, step * x) for y, x in arms for step in range(1, CROSS_ARM + 1)])
    a, b, c, d = (reduce(np.maximum, [shifted(*offset) for offset in quadrant]) for quadrant in QUADRANTS[arms])
    middle = np.maximum(np.minimum(a, b), np.minimum(c, d)), np.minimum(np.maximum(a, b), np.maximum(c, d))
    quadrants = reduce(np.maximum, (a, b, c, d)), np.maximum(*middle), np.minimum(*middle)
    fourth, third, second = (bright - np.minimum(bright, quadrant) for quadrant in quadrants)
    return _Contrasts(bright, fourth, third, second, arms)


def _arm_box(grey: Grey, cross: _Cross) -> Box:
    # The second shortest arm counts: the picture's edge may cut one off, and long ones may run into tissue or a line.
    arm = 1 + sorted(_arm_length(grey, cross, down, right) for down, right in cross.arms)[1]
    return cross.x - arm, cross.y - arm, cross.x + arm + 1, cross.y + arm + 1


def _with_number(end: Box, strokes: Boxes) -> Box:
    """The box of a cross together with the number that touches it or stands beside it."""
    box = np.array(end)
    side = end[2] - end[0]
    small = (strokes[:, 2:] - strokes[:, :2] <= 2 * side).all(axis=1)
    beside = (strokes[:, :2] < box[2:] + side // 4).all(axis=1) & (strokes[:, 2:] > box[:2] - side // 4).all(axis=1)
    parts = np.vstack([box, strokes[small & beside]])
    left, top = parts[:, :2].min(axis=0).tolist()
    right, bottom = parts[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _arm_length(grey: Grey, cross: _Cross, down: int, right: int) -> int:
    """The number of consecutive bright pixels from the centre in one direction."""
    for step in range(1, LONGEST_ARM + 1):
        y, x = cross.y + step * down, cross.x + step * right
        if not (0 <= y < grey.shape[0] and 0 <= x < grey.shape[1]) or grey[y, x] < cross.level:
            return step - 1
    return LONGEST_ARM


# -- boxes -------------------------------------------------------------------------------------------------


def _joined(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, merged where one contains the centre of another."""
    joined: list[Box] = []
    for box in boxes:
        same = [other for other in joined if _hold_each_other(box, other)]
        joined = [other for other in joined if other not in same]
        lefts, tops, rights, bottoms = zip(box, *same, strict=True)
        joined.append((min(lefts), min(tops), max(rights), max(bottoms)))
    return joined


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _hold_each_other(one: Box, other: Box) -> bool:
    return _within(*_centre(one), other) or _within(*_centre(other), one)


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _within(x: float, y: float, box: Box) -> bool:
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def _with_margin(box: Box, factor: int, width: int, height: int) -> Box:
    """The box with `MARGIN` around it, in pixels of the whole picture and within its edges."""
    left, top, right, bottom = box
    return (
        max(0, factor * (left - MARGIN)),
        max(0, factor * (top - MARGIN)),
        min(width, factor * (right + MARGIN)),
        min(height, factor * (bottom + MARGIN)),
    )
