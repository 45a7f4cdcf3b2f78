"""The chapters on the data: images, generators, and what a model makes of single images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image

from busapp.engine import figures
from busapp.engine.catalog import ImageRecord
from busapp.engine.diagnosis import Diagnoser, Model
from busapp.engine.events import SamplesDrawn
from busapp.engine.preprocessing import read_image
from busapp.engine.report.blocks import Block, Bullets, Heading, Paragraph, Picture, Pictures, Table
from busapp.engine.report.subject import Subject
from busapp.engine.runs import Run
from busapp.engine.words import many
from busapp.engine.workspace import Workspace
from busapp.errors import UnreadableImage

EXAMPLES: Final = 6
"""Images of each class that the report shows."""
THUMBNAIL: Final = 160
"""Pixels on the longer side."""


def data(subject: Subject) -> list[Block]:
    """How many images there are of what, how many are copies of each other, and what was left out."""
    workspace, real = subject.workspace, subject.real
    of = " (phantoms)" if workspace.phantoms else ""
    counts, synthetic = workspace.catalog.counts("real"), workspace.catalog.counts("synthetic")
    set_aside = {name: sum(r.excluded is not None for r in real if r.class_name == name) for name in counts}
    groups = {name: len({r.group for r in real if r.class_name == name}) for name in counts}
    rows = [
        (name, f"{counts[name]:,}", f"{groups[name]:,}", f"{set_aside[name]:,}", f"{synthetic[name]:,}")
        for name in counts
    ]
    return [
        Heading("Images"),
        Paragraph(
            f"{many(len(real), 'real image')} in {many(len({record.group for record in real}), 'group')} (a group is "
            "one picture with its near-duplicates, or one patient; it is never split between training and test under "
            f"the strict protocol). {many(subject.conflicts, 'pair')} of near-duplicates have different classes; "
            f"{many(sum(set_aside.values()), 'image')} were set aside by hand."
        ),
        Bullets(_further(real)),
        Table(
            ("class", f"real{of}", "groups", "of these set aside", "synthetic"),
            rows,
            frozenset({1, 2, 3, 4}),
        ),
    ]


def _further(real: Sequence[ImageRecord]) -> list[str]:
    """What else the catalog knows of the images, where there is something to say."""
    patients = {record.patient for record in real if record.patient}
    covered = sum(record.original is not None for record in real)
    masks = sum(record.mask is not None for record in real)
    named = sum(record.patient is not None for record in real)
    sizes = sorted(record.width for record in real)
    widths = f"{sizes[0]:,} to {sizes[-1]:,}" if sizes and sizes[0] < sizes[-1] else f"{sizes[0]:,}" if sizes else ""
    said = [f"The images are {widths} pixels wide."] if sizes else []
    reasons = {record.excluded for record in real if record.excluded}
    if reasons:
        said.append(f"Reasons for which images were set aside: {'; '.join(sorted(reasons))}.")
    said.append(
        f"{many(named, 'image')} are known to be of {many(len(patients), 'patient')} (as keyed hashes)."
        if named
        else "Whose patients the images are of is not known."
    )
    if covered:
        said.append(f"In {many(covered, 'image')} something was covered (text burned in) before any training.")
    if masks:
        said.append(f"{many(masks, 'image')} have a lesion mask. Masks are neither trained nor tested on.")
    return said


def examples(subject: Subject, class_name: str) -> list[Block]:
    """A few images of a class, real and synthetic."""
    workspace = subject.workspace
    of = " (phantoms)" if workspace.phantoms else ""
    shown: list[Block] = [Heading(f"{class_name}{of}", 3)]
    real = _thumbnails(workspace, class_name, "real")
    drawn = _thumbnails(workspace, class_name, "synthetic")
    if real:
        shown.append(Pictures(real))
    if drawn:
        shown += [Paragraph("Synthetic, drawn by the generator:", tone="quiet"), Pictures(drawn, synthetic=True)]
    return shown


def _thumbnails(workspace: Workspace, class_name: str, kind: Any) -> list[Picture]:
    found: list[Picture] = []
    flags, groups = workspace.catalog.flags(), set[int]()
    for record in workspace.catalog.images(class_name=class_name, kind=kind, with_excluded=False):
        if "text" in flags.get(record.id, ()):  # reports are handed on, and text may name a patient
            continue
        if kind == "real" and record.group in groups:  # near-duplicates show nothing new
            continue
        try:
            image = read_image(workspace.image_path(record))
        except UnreadableImage:
            continue
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
        groups.add(record.group)
        of = "synthetic " if kind == "synthetic" else ""
        png = figures.image_to_png(image)
        found.append(Picture(png, f"{of}{class_name}, example {len(found) + 1}", 0.155 * image.width / THUMBNAIL))
        if len(found) == EXAMPLES:
            break
    return found


def generator(run: Run) -> list[Block]:
    """What a generator learned from, how far its images are from real ones, and what they look like."""
    result, settings = run.result() or {}, run.info.settings
    blocks: list[Block] = [
        Heading(f"{result['class']}, preset {result['preset']}", 3),
        Paragraph(
            f"{many(result['epochs'], 'epoch')} at {settings['image_size']}×{settings['image_size']} pixels, batch "
            f"{settings['batch_size']}, {result['seconds']:.0f} s; {many(result['images'], 'image')} drawn. "
            f"Run {run.id}."
        ),
    ]
    if result.get("kid") is not None:
        floor = result.get("kid_floor")
        against = "" if floor is None else f"; real against real images {floor:.3f}"
        blocks.append(Paragraph(f"Kernel inception distance {result['kid']:.3f}{against}."))
    drawn = [event for event in run.events() if isinstance(event, SamplesDrawn)]
    for event in drawn[-1:]:
        path = run.folder / event.file
        if path.exists():
            said = f"Synthetic samples after epoch {event.epoch}, from fixed noise:"
            grid = Picture(path.read_bytes(), "grid of synthetic samples", 0.6)
            blocks += [Paragraph(said, tone="quiet"), Pictures([grid], synthetic=True)]
    return blocks


def model_card(model: Model) -> list[Block]:
    """What the model is that diagnoses."""
    cautions = [Paragraph(caution, tone="warning") for caution in model.cautions]
    return [Heading("Diagnosis"), Paragraph(f"Model {model.path.name}"), Bullets(model.card()), *cautions]


def diagnosis(diagnoser: Diagnoser, path: Path) -> list[Block]:
    """What the model says of an image, and why. Raises `UnreadableImage`."""
    picture = read_image(path)
    said = diagnoser.diagnose(picture, path.name)
    figure = figures.to_png(figures.diagnosis_figure(picture, said))
    return [
        Heading(f"{said.file}: {'no answer' if said.abstained else said.predicted}", 3),
        *(Paragraph(reason) for reason in said.reasons),
        Picture(figure, f"image, heat map and probabilities of {said.file}", 1.0),
    ]
