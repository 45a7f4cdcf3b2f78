"""The pictures of a synthesis (Samrin 2024, Figures 14 to 16): samples over the epochs, drawn images beside real ones,
and loss curves. Only jobs import this."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from busapp.engine.catalog import ImageRecord, Kind
from busapp.engine.events import GanEpochEnded, SamplesDrawn
from busapp.engine.figures import BLUE, ORANGE
from busapp.engine.preprocessing import read_image
from busapp.engine.runs import Run
from busapp.engine.words import many
from busapp.engine.workspace import Workspace
from busapp.errors import UnreadableImage

_PAPERS_EPOCHS: Final = (500, 1000, 1500, 2500, 3500, 4200)
_SHOWN: Final = 5
"""Epochs of Figure 14 where the run has not those of the paper."""
SIDE_BY_SIDE: Final = 6
"""Images of each kind."""


@dataclass(frozen=True)
class Synthesis:
    """One finished synthesis run of a study and its result."""

    workspace: Workspace
    run: Run

    @cached_property
    def result(self) -> dict[str, Any]:
        return self.run.result() or {}

    @property
    def class_name(self) -> str:
        return str(self.result["class"])

    @property
    def title(self) -> str:
        """`malignant, quick, 150 epochs`."""
        return f"{self.class_name}, {self.result['preset']}, {many(self.result['epochs'], 'epoch')}"

    @cached_property
    def epochs(self) -> list[GanEpochEnded]:
        """All epochs in their order; of one that a resumed run recorded twice, the last."""
        latest = {event.epoch: event for event in self.run.events() if isinstance(event, GanEpochEnded)}
        return [latest[number] for number in sorted(latest)]

    @cached_property
    def samples(self) -> list[SamplesDrawn]:
        """The epochs of which there is a grid of samples."""
        drawn = {event.epoch: event for event in self.run.events() if isinstance(event, SamplesDrawn)}
        return [drawn[number] for number in sorted(drawn) if (self.run.folder / drawn[number].file).is_file()]

    def examples(self, kind: Kind) -> list[tuple[ImageRecord, Image.Image]]:
        """A few images of the class in use: real ones, no two of one group; or those that this run drew."""
        run = self.run.id if kind == "synthetic" else None
        images = self.workspace.catalog.images(class_name=self.class_name, kind=kind, run=run, with_excluded=False)
        return readable_examples(self.workspace, images, SIDE_BY_SIDE)


def finished_syntheses(workspace: Workspace) -> list[Synthesis]:
    """Of each class the newest finished synthesis, in the order of the classes' names."""
    newest: dict[str, Synthesis] = {}
    for run in workspace.runs("synthesize"):
        if run.info.state == "finished" and run.result() is not None:
            one = Synthesis(workspace, run)
            newest.setdefault(one.class_name, one)
    return [newest[name] for name in sorted(newest)]


def readable_examples(
    workspace: Workspace, images: Sequence[ImageRecord], most: int
) -> list[tuple[ImageRecord, Image.Image]]:
    """The first images that can be read, one of each group, without those that may have text burned in: figures are
    handed on, and text may name a patient."""
    flags, groups = workspace.catalog.flags(), set[int]()
    found: list[tuple[ImageRecord, Image.Image]] = []
    for record in images:
        if "text" in flags.get(record.id, ()) or (record.kind == "real" and record.group in groups):
            continue
        try:
            picture = read_image(workspace.image_path(record))
        except UnreadableImage:
            continue
        groups.add(record.group)
        found.append((record, picture))
        if len(found) == most:
            break
    return found


def shown_epochs(samples: Sequence[SamplesDrawn]) -> list[SamplesDrawn]:
    """Those of Figure 14: the paper's epochs where the run has them all, else about five spread over the run."""
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
    """Figure 15: real images of the class above, images that the generator drew beneath, each as it is used."""
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
    """Figure 16: the losses of generator and discriminator over the epochs; beneath, D(x) and D(G(z))."""
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
        axes.legend(fontsize=8)
    return figure


def _mark_synthetic(axes: Axes) -> None:
    """A dashed frame and an S, as synthetic images wear everywhere."""
    frame = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, linestyle=(0, (3, 2)), edgecolor="0.2")
    frame.set_clip_on(False)
    axes.add_patch(frame)
    badge = {"boxstyle": "round,pad=0.15", "facecolor": "0.15", "edgecolor": "white", "linewidth": 0.6}
    axes.text(0.97, 0.96, "S", transform=axes.transAxes, fontsize=6.5, color="white", ha="right", va="top", bbox=badge)
