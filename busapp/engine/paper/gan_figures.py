"""Figures of a synthesis (Samrin 2024, Figures 14 to 16): samples over the epochs, synthetic images beside real ones,
and loss curves. Only jobs import this."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from busapp.engine.events import SamplesDrawn
from busapp.engine.images.preprocessing import read_image
from busapp.engine.paper.paper_frame import Drawing, Row, framed
from busapp.engine.synthesis.syntheses import Synthesis
from busapp.engine.utils.figures import BLUE, ORANGE
from busapp.engine.utils.files import safe_name

_PAPERS_EPOCHS: Final = (500, 1000, 1500, 2500, 3500, 4200)
_SHOWN: Final = 5
"""Number of epochs in Figure 14 if the run lacks the paper's epochs."""
_OF_GENERATOR: Final = ("run", "class", "preset")


def gan_drawings(one: Synthesis, *, named_by_run: bool = False) -> Iterator[Drawing]:
    """Figures 14 to 16 of one synthesis: samples over the epochs, real and synthetic images, losses.

    A figure is left out if the run no longer has the data for it. `named_by_run` adds the run's id to the file names.
    """
    about: Row = one.run.id, one.class_name, one.result["preset"]
    name = safe_name(one.class_name).replace(" ", "-") + (f"-{one.run.id}" if named_by_run else "")

    def in_frame(draw: Callable[[Synthesis], Figure], number: int, title: str) -> Callable[[], Figure]:
        def framed_figure() -> Figure:
            figure = draw(one)
            note = "Images with a dashed frame and an S are synthetic: nobody was scanned for them."
            lines = [] if draw is losses_figure else [(note, "0.35")]
            framed(figure, f"Figure {number}: {title}, {one.title}", lines, one.workspace.phantoms)
            return figure

        return framed_figure

    if shown := shown_epochs(one.samples):
        rows: list[Row] = [(*about, event.epoch, event.file) for event in shown]
        draw = in_frame(samples_figure, 14, "samples over the epochs")
        yield Drawing(f"figure14-{name}", draw, (*_OF_GENERATOR, "epoch", "file"), rows)
    drawn = one.examples("synthetic")
    if drawn:
        # Without file names, which may name patients.
        both = (("real", one.examples("real")), ("synthetic", drawn))
        rows = [
            (*about, kind, place, image.id, image.sha256)
            for kind, found in both
            for place, (image, _) in enumerate(found, start=1)
        ]
        draw = in_frame(side_by_side_figure, 15, "real and synthetic images")
        yield Drawing(f"figure15-{name}", draw, (*_OF_GENERATOR, "kind", "place", "image_id", "sha256"), rows)
    if one.epochs:
        rows = [(*about, e.epoch, e.g_loss, e.d_loss, e.d_real, e.d_fake) for e in one.epochs]
        draw = in_frame(losses_figure, 16, "losses")
        head = (*_OF_GENERATOR, "epoch", "g_loss", "d_loss", "d_real", "d_fake")
        yield Drawing(f"figure16-{name}", draw, head, rows)


def shown_epochs(samples: Sequence[SamplesDrawn]) -> list[SamplesDrawn]:
    """Epochs for Figure 14: the paper's if the run has them all, else up to five spread over the run."""
    by_epoch = {event.epoch: event for event in samples}
    if all(epoch in by_epoch for epoch in _PAPERS_EPOCHS):
        return [by_epoch[epoch] for epoch in _PAPERS_EPOCHS]
    places = np.linspace(0, len(samples) - 1, min(_SHOWN, len(samples))).round().astype(int)
    return [samples[place] for place in places]


def samples_figure(one: Synthesis) -> Figure:
    """Figure 14: the grid of samples from fixed noise after some epochs."""
    shown = shown_epochs(one.samples)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.0 * columns, 0.7 + 2.7 * rows), layout="constrained")
    panels: Any = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, event in zip(panels, shown, strict=False):
        axes.imshow(np.asarray(read_image(one.run.folder / event.file)))
        axes.set_title(f"after epoch {event.epoch:,}", fontsize=8)
        _mark_synthetic(axes)
    return figure


def side_by_side_figure(one: Synthesis) -> Figure:
    """Figure 15: real images of the class above, synthetic images of the generator below, each as it is used."""
    rows = [("real", one.examples("real")), ("synthetic", one.examples("synthetic"))]
    columns = max(len(found) for _, found in rows)
    figure = Figure(figsize=(1.35 * columns + 0.5, 3.5), layout="constrained")
    panels: Any = figure.subplots(2, columns, squeeze=False)
    for line, (kind, found) in zip(panels, rows, strict=True):
        for axes in line:
            axes.set_axis_off()
        for place, (axes, (_, picture)) in enumerate(zip(line, found, strict=False)):
            axes.imshow(np.asarray(picture))
            if place == 0:
                axes.set_title(kind, fontsize=9, loc="left")
            if kind == "synthetic":
                _mark_synthetic(axes)
    return figure


def losses_figure(one: Synthesis) -> Figure:
    """Figure 16: the losses of generator and discriminator over the epochs; below them D(x) and D(G(z))."""
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    numbers = [event.epoch for event in one.epochs]
    curves = (
        (above, "g_loss", "generator", BLUE, "-"),
        (above, "d_loss", "discriminator", ORANGE, "--"),
        (below, "d_real", "D(x), real", BLUE, "-"),
        (below, "d_fake", "D(G(z)), drawn", ORANGE, "--"),
    )
    marker = "o" if len(numbers) == 1 else None
    for axes, name, label, colour, style in curves:
        values = [getattr(event, name) for event in one.epochs]
        axes.plot(numbers, values, style, color=colour, linewidth=1.1, label=label, marker=marker)
    above.set_ylabel("loss", fontsize=9)
    below.set_ylabel("probability", fontsize=9)
    below.set_ylim(-0.03, 1.03)
    below.set_xlabel("epoch", fontsize=9)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8, loc="upper right")
    return figure


def _mark_synthetic(axes: Axes) -> None:
    """Add the dashed frame and the S that mark synthetic images everywhere."""
    frame = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, linestyle=(0, (3, 2)), edgecolor="0.2")
    frame.set_clip_on(False)
    axes.add_patch(frame)
    badge = {"boxstyle": "round,pad=0.15", "facecolor": "0.15", "edgecolor": "white", "linewidth": 0.6}
    axes.text(0.97, 0.96, "S", transform=axes.transAxes, fontsize=6.5, color="white", ha="right", va="top", bbox=badge)
