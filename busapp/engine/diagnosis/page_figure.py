"""The layout of the page of a diagnosed image: one sheet of A4, drawn with matplotlib. Only jobs import it.

Lengths are points (1/72 inch) from the sheet's upper left corner. Texts of unknown length (names of files, classes and
studies, reasons) are measured, broken into lines, then shortened. The pictures get the remaining space.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import text_to_path
from PIL import Image

import busapp
from busapp.engine.diagnosis.diagnosis import Diagnosis
from busapp.engine.images.heat_map import COLOURS, contours, overlay
from busapp.engine.models.abstention import joined_with_or
from busapp.engine.models.model import Model
from busapp.engine.utils.colours import class_colour
from busapp.engine.utils.fonts import SPELT_OUT, drawable, families, has_spelt_out
from busapp.engine.utils.words import RESEARCH_USE

WIDTH: Final = 595.0
HEIGHT: Final = 842.0
MARGIN: Final = 45.0
INNER: Final = WIDTH - 2 * MARGIN
_GAP: Final = 15.0
_COLUMN: Final = (INNER - _GAP) / 2
_RIGHT: Final = MARGIN + _COLUMN + _GAP
_SHARPEST: Final = 900
"""Pixels on the longer side of a picture, for at least 250 dpi."""
_LINE: Final = 1.38
"""Height of a line in multiples of the letters' size."""
_HINTED: Final = 1.03
"""Factor by which letters drawn as pixels may be wider than measured."""
_ROW: Final = 17.0
_TITLE: Final = 15.0
"""Height of the title above a picture."""
_BAR: Final = 17.0
"""Height of the colour bar below the heat map."""
_HASH: Final = 12
_INK: Final = "#1a1a1a"
_MUTED: Final = "#5a5a5a"
_WARNING: Final = "#96430a"
_GREY: Final = "#9a9a9a"
_PALE: Final = "#e4e4e4"


def page_figure(
    image: Image.Image, diagnosis: Diagnosis, model: Model, *, reader: str = "", patient: str = ""
) -> Figure:
    """Draw answer, picture, heat map, probabilities, similar images, notes on the model, and its reader.

    The page names only the given `reader` and `patient`, and of `diagnosis.file` only the file name.
    """
    sheet = _Sheet()
    file = Path(diagnosis.file).name
    top = _head(sheet, file, reader, patient)
    if has_spelt_out((file, reader, patient, model.path.name, *model.card(), *model.classes)):
        top = sheet.put(MARGIN, top + 2, _text(SPELT_OUT, 7.5, colour=_MUTED))
    top = _answer(sheet, top, diagnosis, model)
    notes = _notes(model, diagnosis)
    foot = HEIGHT - MARGIN + 10 - sum(note.height for note in notes)
    rows = max(_ROW * len(diagnosis.probabilities), 12 * (len(diagnosis.similar) + 2))
    evidence = _pictures(sheet, top + 10, foot - rows - 40, image, diagnosis) + 14
    _probabilities(sheet, evidence, diagnosis)
    _similar(sheet, evidence, diagnosis, model)
    for note in notes:
        foot = sheet.put(MARGIN, foot, note)
    return sheet.figure


def answer(diagnosis: Diagnosis) -> str:
    """Return the heading: the class, the classes between which the model cannot decide, or that there is no answer."""
    if not diagnosis.abstained:
        return diagnosis.predicted
    return f"Not decided: {joined_with_or(diagnosis.possible)}" if diagnosis.is_undecided else "No answer"


# -- a sheet and its text --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """Lines of text in one style, and the space above them."""

    lines: tuple[str, ...]
    size: float
    colour: str = _INK
    weight: str = "normal"
    above: float = 0.0

    @property
    def height(self) -> float:
        return self.above + len(self.lines) * self.size * _LINE


@dataclass
class _Sheet:
    figure: Figure = field(default_factory=lambda: Figure(figsize=(WIDTH / 72, HEIGHT / 72)))

    def put(self, x: float, y: float, text: _Text) -> float:
        """Draw lines from `y` downwards. Returns the y where they end."""
        y += text.above
        for line in text.lines:
            self.figure.text(
                x / WIDTH,
                1 - (y + text.size) / HEIGHT,
                line,
                parse_math=False,
                family=families(line),
                fontsize=text.size,
                color=text.colour,
                weight=text.weight,
            )
            y += text.size * _LINE
        return y

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        place = x / WIDTH, 1 - (y + height) / HEIGHT
        self.figure.add_artist(Rectangle(place, width / WIDTH, height / HEIGHT, facecolor=colour, edgecolor="none"))

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes without anything around them."""
        axes = self.figure.add_axes((x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT))
        axes.set_axis_off()
        return axes


def _text(said: str, size: float, *, most: int = 1, width: float = INNER, **style: Any) -> _Text:
    """Break a text into at most `most` lines of this width."""
    return _Text(_lines(said, size, width, most, style.get("weight", "normal")), size, **style)


def _lines(said: str, size: float, width: float, most: int, weight: str) -> tuple[str, ...]:
    """Break a text into lines. Words longer than a line are broken as well; `…` marks a shortened text."""
    # A longer text cannot fit, and names may be of any length.
    words = drawable(said[: int(most * width)]).split()
    found, line = [], ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if _width(longer, size, weight) <= width:
            line = longer
            continue
        if line:
            found.append(line)
        while _width(word, size, weight) > width:
            fitting = _fitting(word, size, width, weight)
            found.append(word[:fitting])
            word = word[fitting:]
        line = word
    found.append(line)
    if len(found) <= most:
        return tuple(found)
    last = f"{found[most - 1]}…"
    while _width(last, size, weight) > width:
        last = f"{last[:-2]}…"
    return *found[: most - 1], last


def _fitting(word: str, size: float, width: float, weight: str) -> int:
    """Number of letters of a word that fit into a line; at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(word[:middle], size, weight) <= width else (low, middle - 1)
    return low


def _width(said: str, size: float, weight: str) -> float:
    letters = FontProperties(family=families(said), size=size, weight=weight)
    return _HINTED * float(text_to_path.get_text_width_height_descent(said, letters, False)[0])


# -- the parts of the page -------------------------------------------------------------------------------------


def _head(sheet: _Sheet, file: str, reader: str, patient: str) -> float:
    """Draw the notice, then patient, reader, file and date. Returns the y where it ends."""
    y = sheet.put(MARGIN, MARGIN - 14, _text(RESEARCH_USE, 11, colour=_WARNING, weight="bold"))
    sheet.box(MARGIN, y + 2, INNER, 0.8, _INK)
    y += 8
    named = [("Patient", patient, 2)] if patient else []
    named += [("Reader", reader, 2)] if reader else []
    named += [("File", file, 3), ("Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, busapp {busapp.__version__}", 1)]
    for name, value, most in named:
        sheet.put(MARGIN, y, _Text((name,), 9, _MUTED))
        y = sheet.put(MARGIN + 50, y, _text(value, 9, most=most, width=INNER - 50))
    sheet.box(MARGIN, y + 3, INNER, 0.8, _PALE)
    return y + 4


def _answer(sheet: _Sheet, y: float, diagnosis: Diagnosis, model: Model) -> float:
    """Draw the answer, or why there is none, and the classes that cannot be ruled out. Returns the y where it ends."""
    heading = answer(diagnosis)
    size = 20 if _width(heading, 20, "bold") <= INNER - 24 else 14
    indent = 0
    if not diagnosis.abstained:
        indent = 24
        sheet.box(MARGIN, y + size / 2 + 1, 14, 14, class_colour(diagnosis.predicted, model.classes))
    y = sheet.put(
        MARGIN + indent, y, _text(heading, size, weight="bold", most=3, width=INNER - indent, above=size / 2 - 2)
    )
    said = [] if diagnosis.is_undecided else list(diagnosis.reasons)  # the heading already says it
    if not diagnosis.abstained:
        said = [
            f"The model gives this class a probability of {_percent(diagnosis.probabilities[diagnosis.predicted])}."
        ]
    conformal = model.description.conformal
    if conformal is not None and (diagnosis.is_undecided or not diagnosis.abstained):
        classes = "" if diagnosis.is_undecided else f": {joined_with_or(diagnosis.possible)}"
        which = "These classes cannot" if diagnosis.is_undecided else "Classes that cannot"
        said.append(f"{which} be ruled out, with a coverage of {conformal.coverage:.0%}{classes}.")
    for sentence in said:
        y = sheet.put(MARGIN, y, _text(sentence, 10.5, most=3))
    return y


def _pictures(sheet: _Sheet, top: float, bottom: float, image: Image.Image, diagnosis: Diagnosis) -> float:
    """Draw the image and its heat map, with a line at half of its maximum, side by side or one below the other,
    whichever makes them larger. Returns the y where they end."""
    shape = image.width / image.height
    beside = min(_COLUMN, (bottom - top - _TITLE - _BAR) * shape)
    beneath = min(INNER, (bottom - top - 2 * _TITLE - _BAR - 8) / 2 * shape)
    wide = max(beside, beneath)
    high = wide / shape
    second = (_RIGHT, top) if beside >= beneath else (MARGIN, top + _TITLE + high + 8)
    shown = image.convert("RGB")
    shown.thumbnail((_SHARPEST, _SHARPEST), Image.Resampling.LANCZOS)
    no_answer = " (no answer)" if diagnosis.abstained else ""
    titles = f"Image, {image.width:,}×{image.height:,} pixels", f"Evidence for {diagnosis.predicted}{no_answer}"
    pictures = shown, overlay(shown, diagnosis.heat_map)
    for (x, y), title, picture in zip(((MARGIN, top), second), titles, pictures, strict=True):
        sheet.put(x, y, _text(title, 9.5, weight="bold", width=_COLUMN))
        axes = sheet.axes(x, y + _TITLE, wide, high)
        axes.imshow(picture, aspect="auto", extent=(0, shown.width, shown.height, 0), interpolation="antialiased")
    lines = contours(diagnosis.heat_map, shown.size)
    for line in lines:
        axes.plot(*line.T, color="white", linewidth=1.1, path_effects=[withStroke(linewidth=2.4, foreground="black")])
    axes.set(xlim=(0, shown.width), ylim=(shown.height, 0))
    x, y = second
    _colour_bar(sheet, x, y + _TITLE + high + 6, has_line=bool(lines))
    return y + _TITLE + high + _BAR


def _colour_bar(sheet: _Sheet, x: float, y: float, *, has_line: bool) -> None:
    sheet.put(x, y - 1, _Text(("none",), 7.5, _MUTED))
    sheet.axes(x + 24, y, 55, 7).imshow(COLOURS[None], aspect="auto")
    sheet.put(x + 83, y - 1, _Text(("strongest",), 7.5, _MUTED))
    if has_line:
        sheet.box(x + 134, y + 2, 15, 3, "black")
        sheet.box(x + 134, y + 3, 15, 1, "white")
        sheet.put(x + 153, y - 1, _Text(("half of the strongest",), 7.5, _MUTED))


def _probabilities(sheet: _Sheet, y: float, diagnosis: Diagnosis) -> None:
    """Draw one bar for each class, in the model's order; grey if the model abstains."""
    title = "Probabilities (no answer)" if diagnosis.abstained else "Probabilities"
    y = sheet.put(MARGIN, y, _text(title, 9.5, weight="bold", width=_COLUMN)) + 3
    names, numbers = 88.0, 44.0
    bar = _COLUMN - names - numbers
    for name, value in diagnosis.probabilities.items():
        is_answer = name == diagnosis.predicted and not diagnosis.abstained
        weight = "bold" if is_answer else "normal"
        fits = _width(name, 9, weight) <= names - 5
        label = _text(name, 9 if fits else 7, most=2, width=names - 5, weight=weight)
        sheet.put(MARGIN, y + (9 * _LINE - label.height) / 2, label)
        sheet.box(MARGIN + names, y + 1.5, bar, 9, _PALE)
        colour = _GREY if diagnosis.abstained else class_colour(name, diagnosis.probabilities)
        sheet.box(MARGIN + names, y + 1.5, bar * value, 9, colour)
        sheet.put(MARGIN + names + bar + 5, y, _Text((_percent(value),), 9, weight=weight))
        y += _ROW


def _similar(sheet: _Sheet, y: float, diagnosis: Diagnosis, model: Model) -> None:
    """List the training images that are most similar to this one."""
    y = sheet.put(_RIGHT, y, _text("Most similar training images", 9.5, weight="bold", width=_COLUMN)) + 3
    if not diagnosis.similar:
        said = "The model does not list its training images."
        sheet.put(_RIGHT, y, _text(said, 8, most=2, width=_COLUMN))
        return
    for known in diagnosis.similar:
        sheet.box(_RIGHT, y + 2, 6, 6, class_colour(known.class_name, model.classes))
        sheet.put(_RIGHT + 11, y, _text(known.class_name, 8, width=92))
        sheet.put(_RIGHT + 107, y, _Text((f"distance {known.distance:.2f}",), 8))
        sheet.put(_RIGHT + 172, y, _Text((known.sha256[:_HASH],), 7, _MUTED))
        y += 12
    novelty = model.description.novelty
    said = "1 is the usual distance between images of the study."
    if novelty is not None and diagnosis.novelty is not None:
        said += f" Novelty {diagnosis.novelty:.2f}; above {novelty.limit:.2f} the model does not answer."
    sheet.put(_RIGHT, y, _text(said, 7.5, colour=_MUTED, most=2, width=_COLUMN))


def _notes(model: Model, diagnosis: Diagnosis) -> list[_Text]:
    """Return notes on the picture, and on the model: its card, its calibration, and its cautions."""
    about = model.description
    said = (
        f"Probabilities are calibrated, with a temperature of {about.temperature:.2f}, on images that were held out "
        "from the networks of the cross-validation."
    )
    if about.conformal is not None:
        said += (
            f" Coverage: for at least {about.conformal.coverage:.0%} of new images of each class, the classes that "
            "cannot be ruled out are expected to include the true one, if the images come from the same source as the "
            "study's."
        )
    title = _text(f"Model {model.path.name}", 9.5, weight="bold", most=2)
    cautions = [_text(caution, 8.5, colour=_WARNING, weight="bold", most=3, above=2) for caution in model.cautions]
    unseen = about.preprocessing.unseen
    remarks = [_text(remark, 8, most=2) for remark in (*diagnosis.remarks, *([unseen] if unseen else []))]
    return [*remarks, title, *(_text(line, 8, most=4) for line in model.card()), _text(said, 8, most=4), *cautions]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
