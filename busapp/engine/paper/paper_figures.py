"""The figures of both papers, from a study's own images and runs. Only jobs import this.

Table 1 and Figures 11 to 13 of the paper on ultrasound (Samrin 2024) are drawn here, its Figures 14 to 16 in
`gan_figures.py`; those of the paper on histology patches (Zion and Tripathy) in `histology_data.py` and
`histology_runs.py`.

A figure of numbers that leak says so within the figure, so that it cannot be shown without this warning.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from busapp.engine.events import EpochEnded, Finished, Job, Note, Progress
from busapp.engine.paper.gan_figures import gan_drawings
from busapp.engine.paper.histology_data import data_drawings
from busapp.engine.paper.histology_runs import run_drawings
from busapp.engine.paper.histology_table import table2
from busapp.engine.paper.paper_frame import DESCRIPTION, Drawing, described, file_names, framed, leaks_of
from busapp.engine.paper.paper_table import table1
from busapp.engine.paper.table_drawing import draw_table
from busapp.engine.results.measured import Measured, chosen_runs, finished_runs
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.syntheses import Synthesis, finished_syntheses
from busapp.engine.utils.figures import BLUE, ORANGE, to_png, to_svg
from busapp.engine.utils.files import space_is_needed, write_atomically
from busapp.errors import BadInput

_PANELS: Final = ("system1", "system2", "existing")
"""The order of Figures 12 and 13."""
_ORDER_OF_FIGURE_12: Final = ("normal", "benign", "malignant")
_ROLES: Final = {"TP": "#0072B2", "TN": "#CFE5F3", "FP": "#F7D9C4", "FN": "#E69F00"}


def draw_figures(workspace: Workspace, out: Path, ids: Sequence[str] = ()) -> Job:
    """Write the figures of both papers into a folder, each as SVG, PNG and CSV.

    Table 1 and Figures 11 to 13 need validations, Figures 14 to 16 syntheses; those without runs are left out. The
    names of the second paper's figures begin with `zion-`: Figures 7 to 9 show the study's images, Table 2, Figures 10
    and 11 and the folds its validations.

    Args:
        workspace: the study.
        out: the folder; created if it is missing. Files of the same name are replaced.
        ids: finished validation and synthesis runs. Default: the longest validation of each system, protocol and
            recipe, the newest synthesis of each class, and every other synthesis whose images are in use.

    The result holds `out`, `runs` (their ids) and `files` (their names, in the order of writing).

    Raises:
        BadInput: see `chosen_runs`, if there are neither syntheses nor images; a synthesis is not finished; or the
            folder cannot be written to.
        NoSpace: the disk is full.
    """
    runs, syntheses = _chosen(workspace, ids)
    measured: list[Measured] = []
    for number, run in enumerate(runs):
        yield _progress(number, len(runs), 0, f"measuring {run.info.name}")
        measured.append(Measured.of(run))
    phantoms = workspace.phantoms
    for sentence in table1(measured, with_paper=not phantoms).contradictions:
        yield Note(sentence, "warning")
    drawings: list[Drawing] = []
    if measured:
        drawings += paper_drawings(measured, phantoms=phantoms)
        of_patches = table2(measured, with_paper=not phantoms)
        for sentence in of_patches.contradictions:
            yield Note(sentence, "warning")
    if measured or not ids:
        drawings += yield from data_drawings(
            workspace, lambda done, of: _progress(done, of, 1, f"measuring image {min(done + 1, of):,} of {of:,}")
        )
    if measured:
        drawings += run_drawings(of_patches, phantoms=phantoms)
    classes = [one.class_name for one in syntheses]
    for one in syntheses:
        drawings += gan_drawings(one, named_by_run=classes.count(one.class_name) > 1)
    files: list[str] = []
    for number, drawing in enumerate(drawings):
        yield _progress(number, len(drawings), 2, f"drawing {drawing.name}")
        figure = drawing.draw()
        for suffix, content in (("svg", to_svg), ("png", to_png)):
            files.append(_write(out / f"{drawing.name}.{suffix}", content(figure)))
            yield _progress(number, len(drawings), 2, f"drawing {drawing.name}")
        files.append(_write(out / f"{drawing.name}.csv", drawing.as_csv()))
    used = [run.id for run in (*runs, *(one.run for one in syntheses))]
    yield Finished({"out": str(out), "runs": used, "files": files})


def _progress(done: int, of: int, part: int, doing: str) -> Progress:
    """Progress within one of three parts of equal length: runs, images, drawings."""
    return Progress(part * of + done, 3 * of, doing)


def _chosen(workspace: Workspace, ids: Sequence[str]) -> tuple[list[Run], list[Synthesis]]:
    """The validations and the syntheses to draw."""
    if not ids:
        syntheses = finished_syntheses(workspace)
        has_something = bool(syntheses or workspace.catalog.counts("real"))
        return (chosen_runs(workspace, ()) if finished_runs(workspace) or not has_something else []), syntheses
    drawn = [run for run in map(workspace.run, dict.fromkeys(ids)) if run.info.kind == "synthesize"]
    for run in drawn:
        if run.info.state != "finished" or run.result() is None:
            raise BadInput("This is not a finished synthesis run", file=run.id, remedy="Finish it first.")
    validations = [run_id for run_id in ids if run_id not in {run.id for run in drawn}]
    return (chosen_runs(workspace, validations) if validations else []), [Synthesis(workspace, run) for run in drawn]


def _write(path: Path, content: bytes) -> str:
    try:
        with space_is_needed(path, "Free some space, or choose another folder."):
            write_atomically(path, content)
    except OSError as error:
        raise BadInput("The figure cannot be written", file=path, remedy="Choose another folder.") from error
    return path.name


def paper_drawings(measured: Sequence[Measured], *, phantoms: bool) -> Iterator[Drawing]:
    """Table 1 of all runs, Figure 11 of each run, Figures 12 and 13 of the runs that share protocol and recipe."""
    yield _table1(measured, phantoms)
    names = file_names(measured)
    for one, name in zip(measured, names, strict=True):
        yield _figure11(one, f"figure11-{name}", phantoms)
    variants = dict.fromkeys(one.variant for one in measured)
    for variant in variants:
        together = [one for system in _PANELS for one in measured if (one.system, one.variant) == (system, variant)]
        name = "-".join(variant).replace(" ", "-")
        yield _figure12(together, f"figure12-{name}", phantoms)
        yield _figure13(together, f"figure13-{name}", phantoms)


# -- Table 1 and Figures 11 to 13 ------------------------------------------------------------------------------------


def _table1(measured: Sequence[Measured], phantoms: bool) -> Drawing:
    table = table1(measured, with_paper=not phantoms)
    title = "Table 1: the paper's systems, published and measured here"
    return Drawing(
        "table1",
        lambda: draw_table(title, table.columns, table.lines, table.notes(phantoms)),
        table.head,
        table.numbers,
    )


def _figure11(one: Measured, name: str, phantoms: bool) -> Drawing:
    """The role of each cell of the confusion matrix (TP, FN, FP, TN) for each class, with the run's own counts."""
    matrix, classes = np.asarray(one.result["confusion"]), one.classes
    rows = [
        (*described(one), of_class, true, predicted, _role(k, i, j), int(matrix[i, j]))
        for k, of_class in enumerate(classes)
        for i, true in enumerate(classes)
        for j, predicted in enumerate(classes)
    ]

    def draw() -> Figure:
        figure = Figure(figsize=(0.6 + (0.9 + 0.72 * len(classes)) * len(classes), 1.9 + 0.62 * len(classes)))
        framed(figure, f"Figure 11: TP, FN, FP and TN of each class, {one.title}", leaks_of([one]), phantoms)
        panels: Any = figure.subplots(1, len(classes), squeeze=False)[0]
        for k, axes in enumerate(panels):
            _draw_roles(axes, matrix, classes, k)
        return figure

    return Drawing(name, draw, (*DESCRIPTION, "class", "true", "predicted", "counts_as", "images"), rows)


def _role(of_class: int, true: int, predicted: int) -> str:
    if true == of_class:
        return "TP" if predicted == of_class else "FN"
    return "FP" if predicted == of_class else "TN"


def _draw_roles(axes: Axes, matrix: Any, classes: Sequence[str], k: int) -> None:
    sums = dict.fromkeys(_ROLES, 0)
    for i in range(len(classes)):
        for j in range(len(classes)):
            role = _role(k, i, j)
            sums[role] += int(matrix[i, j])
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=_ROLES[role], edgecolor="white"))
            ink = "white" if role == "TP" else "black"
            axes.text(j, i, f"{role}\n{matrix[i, j]}", ha="center", va="center", fontsize=8, color=ink)
    _label(axes, classes, classes, "predicted", "true")
    axes.set_title(f"{'abcdefghijklmnopqrstuvwxyz'[k % 26]}) {classes[k]}", fontsize=9, parse_math=False)
    sensitivity = _quotient("sensitivity", sums["TP"], sums["FN"])
    specificity = _quotient("specificity", sums["TN"], sums["FP"])
    axes.set_xlabel(f"predicted\n{sensitivity}\n{specificity}", fontsize=7.5)


def _quotient(name: str, right: int, wrong: int) -> str:
    share = f"{right / (right + wrong):.3f}" if right + wrong else "undefined"
    return f"{name} {right} / ({right} + {wrong}) = {share}"


def _label(axes: Axes, columns: Sequence[str], rows: Sequence[str], across: str, down: str) -> None:
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(columns)), columns, fontsize=7, parse_math=False)
    axes.set_yticks(range(len(rows)), rows, fontsize=7, rotation=90, va="center", parse_math=False)
    axes.tick_params(length=0)
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(down, fontsize=8)
    axes.spines[:].set_visible(False)


def _figure12(together: Sequence[Measured], name: str, phantoms: bool) -> Drawing:
    """Confusion matrices in the paper's orientation: true classes as columns, predicted classes as rows."""
    panels = [(one, *_turned(one)) for one in together]
    rows = [
        (*described(one), classes[j], classes[i], int(counts[i, j]))
        for one, classes, counts in panels
        for i in range(len(classes))
        for j in range(len(classes))
    ]

    def draw() -> Figure:
        largest = max(len(classes) for _, classes, _ in panels)
        width = max((0.9 + 0.78 * largest) * len(panels) + 0.4, 5.0)
        figure = Figure(figsize=(width, 1.5 + 0.15 * len(panels) + 0.72 * largest))
        title = f"Figure 12: confusion matrices, {', '.join(together[0].variant)}"
        framed(figure, title, leaks_of(together), phantoms)
        drawn: Any = figure.subplots(1, len(panels), squeeze=False)[0]
        for letter, axes, (one, classes, counts) in zip("abcdefghijklmnopqrstuvwxyz", drawn, panels, strict=False):
            _draw_counts(axes, counts, classes)
            axes.set_title(f"{letter}) {_accuracy(one)}", fontsize=9)
        return figure

    return Drawing(name, draw, (*DESCRIPTION, "true", "predicted", "images"), rows)


def _accuracy(one: Measured) -> str:
    value, interval = one.result["accuracy"], one.result["accuracy_ci95"]
    between = f"\n95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else ""
    return f"{'⚠ ' if one.leaks else ''}{one.system}: accuracy {100 * value:.1f} %{between}"


def _turned(one: Measured) -> tuple[list[str], Any]:
    """Classes, in the paper's order if they are the paper's, and counts with predicted classes as rows."""
    names = one.classes
    classes = list(_ORDER_OF_FIGURE_12) if set(names) == set(_ORDER_OF_FIGURE_12) else names
    places = [names.index(name) for name in classes]
    return classes, np.asarray(one.result["confusion"])[np.ix_(places, places)].T


def _draw_counts(axes: Axes, counts: Any, classes: Sequence[str]) -> None:
    shares = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i in range(len(classes)):
        for j in range(len(classes)):
            ink = "white" if shares[i, j] > 0.55 else "black"
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=10, color=ink)
    _label(axes, classes, classes, "true (actual)", "predicted")


def _figure13(together: Sequence[Measured], name: str, phantoms: bool) -> Drawing:
    """Loss and accuracy over all epochs, one fold after the other."""
    curves = [(one, _end_to_end(one)) for one in together]
    rows = [
        (*described(one), e.fold, e.epoch, at, e.train_loss, e.test_loss, e.train_accuracy, e.test_accuracy)
        for one, points in curves
        for at, e in points
    ]

    def draw() -> Figure:
        figure = Figure(figsize=(9.5, 0.8 + 2.1 * len(curves) + 0.15 * len(curves)))
        title = f"Figure 13: loss and accuracy over all epochs, {', '.join(together[0].variant)}"
        framed(figure, title, leaks_of(together), phantoms)
        drawn: Any = figure.subplots(len(curves), 2, squeeze=False)
        for axes, (one, points) in zip(drawn, curves, strict=True):
            _draw_curves(axes[0], points, "loss", one)
            _draw_curves(axes[1], points, "accuracy", one)
        return figure

    measures = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    return Drawing(name, draw, (*DESCRIPTION, "fold", "epoch", "epoch_of_all", *measures), rows)


def _end_to_end(one: Measured) -> list[tuple[int, EpochEnded]]:
    """The epochs of all folds, numbered from 1. For an epoch that a resumed run recorded twice, the last record."""
    latest = {(e.fold, e.epoch): e for e in one.run.events() if isinstance(e, EpochEnded)}
    return list(enumerate((latest[key] for key in sorted(latest)), start=1))


def _draw_curves(axes: Axes, points: Sequence[tuple[int, EpochEnded]], quantity: str, one: Measured) -> None:
    carried = one.result["switches"]["carry_weights"]
    for part, colour, style in (("train", BLUE, "--"), ("test", ORANGE, "-")):
        xs, ys = [], []
        for number, (at, event) in enumerate(points):
            if number and event.epoch == 1 and not carried:  # a new network begins: the curve must not connect the two
                xs.append(float(at))
                ys.append(float("nan"))
            xs.append(float(at))
            ys.append(getattr(event, f"{part}_{quantity}"))
        marker = "." if len(points) <= len(one.result["folds"]) else None
        axes.plot(xs, ys, style, color=colour, linewidth=1.1, label=part, marker=marker)
    for at, event in points[1:]:
        if event.epoch == 1:
            axes.axvline(at - 0.5, color="0.8", linewidth=0.6, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch, folds end to end", fontsize=8)
    axes.set_ylabel(quantity, fontsize=8)
    axes.set_title(f"{'⚠ ' if one.leaks else ''}{one.system}: {quantity}", fontsize=9)
    axes.grid(axis="y", alpha=0.25)
    axes.tick_params(labelsize=7)
    if points:
        axes.legend(fontsize=7)
