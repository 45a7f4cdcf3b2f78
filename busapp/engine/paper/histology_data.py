"""Figures 7 to 9 of the paper on histology patches (Zion and Tripathy), from a study's own images. Only jobs import
this."""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from busapp.engine.events import Event, Progress
from busapp.engine.paper import image_properties
from busapp.engine.paper.image_properties import FIGURE_8, FIGURE_9, SEED, ImageProperties, Property, measured_images
from busapp.engine.paper.paper_frame import Drawing, Row, framed
from busapp.engine.paper.published_histology import AUTHORS, CLASSES, PAPER
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.colours import class_colour
from busapp.engine.utils.histograms import histograms
from busapp.engine.utils.words import many

QUIET: Final = "0.35"
_CANCER: Final = re.compile(r"malign|bösartig|cancer|carcinoma|karzinom|\bidc\b", re.IGNORECASE)
_NONE_OF_IT: Final = re.compile(r"(?<![a-z])(?:non|(?:no|not|without|ohne|kein)(?![a-z]))", re.IGNORECASE)
_LONG_NAMES: Final = 12
"""Characters of a class's name from which on names stand slanted below the bars."""


def data_drawings(
    workspace: Workspace, progress: Callable[[int, int], Progress]
) -> Generator[Event, None, list[Drawing]]:
    """Return Figures 7 to 9 of the real images in use; none if there are none. `progress` makes the event for so many
    of all images to measure."""
    records = workspace.catalog.images(kind="real", with_excluded=False)
    if not records:
        return []
    chosen = image_properties.sampled(records)
    measured = yield from measured_images(workspace, chosen, lambda done: progress(done, len(chosen)))
    counts = dict.fromkeys(sorted({record.class_name for record in records}), 0)
    for record in records:
        counts[record.class_name] += 1
    aside = len(workspace.catalog.images(kind="real")) - len(records)
    drawings = [_figure7(counts, aside, workspace.phantoms)]
    if measured:
        images = _images_in_words(len(measured), len(records), len(chosen))
        drawings += [
            _histograms(8, "images by their properties", FIGURE_8, measured, (images, _OPEN_8), workspace.phantoms),
            _histograms(9, "images by density", FIGURE_9, measured, (images, *_open_9(measured)), workspace.phantoms),
        ]
    return drawings


_OPEN_8: Final = "The paper names these properties and defines none of them; as measured here:"
_OPEN_9: Final = "The paper does not say what breast density is in an image of tissue; assumed here:"
_GREY: Final = (
    "Most of these images are grey, so they show no stain: here the density only says how dark an image is, in "
    "ultrasound that of fluid, shadow and margins."
)


def _open_9(measured: Sequence[ImageProperties]) -> list[str]:
    grey = sum(image.colour == 0 for image in measured)
    return [*([_GREY] if 2 * grey > len(measured) else []), _OPEN_9]


def _images_in_words(n_measured: int, n_images: int, n_chosen: int) -> str:
    if n_chosen < n_images:
        return (
            f"A random sample of {n_measured:,} of {many(n_images, 'image')} in use (seed {SEED}). Synthetic images "
            "are not counted."
        )
    unreadable = f"; {n_chosen - n_measured:,} cannot be read" if n_measured < n_chosen else ""
    return f"{many(n_measured, 'image')} in use{unreadable}. Synthetic images are not counted."


# -- Figure 7 ----------------------------------------------------------------------------------------------------------


def numbered(classes: Sequence[str]) -> tuple[dict[str, int], bool]:
    """The paper's numbers of two classes: 1 with cancer, 0 without. The second value is True if their names say which
    is which; else they are numbered in the order of their names. Empty unless there are two classes."""
    if len(classes) != CLASSES:
        return {}, False
    with_cancer = [bool(_CANCER.search(name)) and not _NONE_OF_IT.search(name) for name in classes]
    if sum(with_cancer) == 1:
        return {name: int(cancer) for name, cancer in zip(classes, with_cancer, strict=True)}, True
    return {name: number for number, name in enumerate(sorted(classes))}, False


def _figure7(counts: Mapping[str, int], aside: int, phantoms: bool) -> Drawing:
    """The number of images of each class; two classes as 0 and 1."""
    numbers, by_name = numbered(list(counts))
    classes = sorted(counts, key=lambda name: (numbers.get(name, 0), name))
    rows: list[Row] = [(numbers.get(name), name, counts[name]) for name in classes]

    def draw() -> Figure:
        long = len(classes) > CLASSES and max(map(len, classes)) * len(classes) > 5 * _LONG_NAMES
        figure = Figure(figsize=(max(5.6, 0.8 + 0.7 * len(classes)), 4.0 if long else 3.6))
        excluded = f", nor {many(aside, 'image')} set aside" if aside else ""
        total = many(sum(counts.values()), "image")
        notes = [f"{total} in use. Synthetic images are not counted{excluded}.", *_about_numbers(numbers, by_name)]
        framed(figure, f"{AUTHORS}, Figure 7: images by class", [(note, QUIET) for note in notes], phantoms)
        axes = figure.subplots()
        for place, name in enumerate(classes):
            axes.bar(place, counts[name], 0.62, color=class_colour(name, classes))
            axes.text(place, counts[name], f"{counts[name]:,}", ha="center", va="bottom", fontsize=9)
        labels = [f"{numbers[name]}\n{name}" if numbers else name for name in classes]
        turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
        axes.set_xticks(range(len(classes)), labels, fontsize=8.5, parse_math=False, **turned)
        axes.set_ylabel("images", fontsize=9)
        axes.set_ylim(0, 1.12 * max(counts.values()))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", alpha=0.25)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", labelsize=8)
        return figure

    return Drawing(f"{PAPER}-figure7", draw, ("number", "class", "images"), rows)


def _about_numbers(numbers: Mapping[str, int], by_name: bool) -> list[str]:
    if not numbers:
        return ["The paper counts two classes, as 0 (without cancer) and 1 (with cancer); these are not two."]
    if by_name:
        return ["1: with cancer, 0: without, by the names of the classes."]
    return [
        "0 and 1 in the order of the classes' names, which do not say which of them has cancer. In the paper 1 is with "
        "cancer."
    ]


# -- Figures 8 and 9 ---------------------------------------------------------------------------------------------------


def _histograms(
    number: int,
    title: str,
    properties: Sequence[Property],
    measured: Sequence[ImageProperties],
    notes: Sequence[str],
    phantoms: bool,
) -> Drawing:
    """One panel for each property: the number of images of each class over its values."""
    classes = sorted({image.class_name for image in measured})
    panels = []
    rows: list[Row] = []
    for each in properties:
        values = {name: [each.of(image) for image in measured if image.class_name == name] for name in classes}
        edges, counts = histograms(values)
        panels.append((each, edges, counts))
        rows += [
            (each.title.lower(), each.definition, name, float(edges[place]), float(edges[place + 1]), int(count))
            for name in classes
            for place, count in enumerate(counts[name])
        ]
    defined = [f"{each.title}: {each.definition}." for each in properties]

    def draw() -> Figure:
        lines = -(-len(panels) // 2)
        figure = Figure(figsize=(8.4, 0.9 + 2.3 * lines + 0.15 * (len(notes) + len(defined))))
        framed(figure, f"{AUTHORS}, Figure {number}: {title}", [(note, QUIET) for note in (*notes, *defined)], phantoms)
        drawn: Any = figure.subplots(lines, 2, squeeze=False).ravel()
        for axes, (each, edges, counts) in zip(drawn, panels, strict=True):
            _draw_histogram(axes, each, edges, counts, classes)
        names = drawn[0].get_legend_handles_labels()
        legend = figure.legend(*names, loc="outside right upper", fontsize=8, title="class", title_fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)
        return figure

    head = ("property", "definition", "class", "from", "to", "images")
    return Drawing(f"{PAPER}-figure{number}", draw, head, rows)


def _draw_histogram(axes: Axes, each: Property, edges: Any, counts: Mapping[str, Any], classes: Sequence[str]) -> None:
    for name, style in zip(classes, cycle(("-", "--", "-.", ":")), strict=False):
        colour = class_colour(name, classes)
        axes.stairs(counts[name], edges, color=colour, linestyle=style, linewidth=1.3, label=name)
        axes.stairs(counts[name], edges, color=colour, alpha=0.15, fill=True)
    axes.set_title(each.title, fontsize=9)
    axes.set_xlabel(each.label, fontsize=8)
    axes.set_ylabel("images", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=7.5)
