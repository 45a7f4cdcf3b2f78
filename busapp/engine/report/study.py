"""The chapters on the data: images, generators, and diagnoses of single images."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from PIL import Image

from busapp.engine.catalog import ImageRecord, Kind
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.diagnosis.figure import diagnosis_figure
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.images.pictures import open_picture
from busapp.engine.models.model import Model
from busapp.engine.paper.gan_figures import losses_figure, side_by_side_figure
from busapp.engine.report.blocks import Block, Bullets, Heading, Illustration, Illustrations, Paragraph, Table
from busapp.engine.report.subject import Subject
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import newest_finished, reviews_of
from busapp.engine.synthesis.syntheses import EXAMPLES, Synthesis, readable_examples
from busapp.engine.utils.figures import image_to_png, to_png
from busapp.engine.utils.words import many, with_spread
from busapp.errors import BadModel

THUMBNAIL: Final = 160
"""Pixels on the longer side."""


def data(subject: Subject) -> list[Block]:
    """Counts of images by class: real, groups of near-duplicates, set aside, synthetic."""
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
    """Further facts from the catalog: sizes, reasons for setting aside, patients, covered text, masks."""
    patients = {record.patient for record in real if record.patient}
    covered = sum(record.original is not None for record in real)
    masks = sum(record.mask is not None for record in real)
    named = sum(record.patient is not None for record in real)
    sizes = sorted(record.width for record in real)
    widths = f"{sizes[0]:,} to {sizes[-1]:,}" if sizes and sizes[0] < sizes[-1] else f"{sizes[0]:,}" if sizes else ""
    said = [f"The images are {widths} pixels wide."] if sizes else []
    reasons = {record.excluded for record in real if record.excluded}
    if reasons:
        said.append(f"Images were set aside for these reasons: {'; '.join(sorted(reasons))}.")
    said.append(
        f"{many(named, 'image')} are known to be of {many(len(patients), 'patient')} (as keyed hashes)."
        if named
        else "The patients are not known."
    )
    if covered:
        said.append(f"In {many(covered, 'image')} text burned in was covered before any training.")
    if masks:
        said.append(f"{many(masks, 'image')} have a lesion mask. Training and tests do not use masks.")
    return said


def examples(subject: Subject, class_name: str) -> list[Block]:
    """A few images of a class, real and synthetic."""
    workspace = subject.workspace
    of = " (phantoms)" if workspace.phantoms else ""
    shown: list[Block] = [Heading(f"{class_name}{of}", 3)]
    real = _thumbnails(workspace, class_name, "real")
    drawn = _thumbnails(workspace, class_name, "synthetic")
    if real:
        shown.append(Illustrations(real))
    if drawn:
        shown += [Paragraph("Synthetic, drawn by the generator:", tone="quiet"), Illustrations(drawn, synthetic=True)]
    return shown


def _thumbnails(workspace: Workspace, class_name: str, kind: Kind) -> list[Illustration]:
    images = workspace.catalog.images(class_name=class_name, kind=kind, with_excluded=False)
    found: list[Illustration] = []
    for number, (_, image) in enumerate(readable_examples(workspace, images, EXAMPLES), start=1):
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
        of = "synthetic " if kind == "synthetic" else ""
        png = image_to_png(image)
        found.append(Illustration(png, f"{of}{class_name}, example {number}", 0.155 * image.width / THUMBNAIL))
    return found


def generator(one: Synthesis) -> list[Block]:
    """A generator's training, the scores of its images against real ones, and examples."""
    result, settings = one.result, one.run.info.settings
    trained_on = ""
    with suppress(BadModel):
        trained_on = f" on {many(len(GeneratorRecord.load(one.run.folder).trained_on), 'image')}"
    blocks: list[Block] = [
        Heading(f"{one.class_name}, preset {result['preset']}", 3),
        Paragraph(
            f"Trained{trained_on} for {many(result['epochs'], 'epoch')} at {settings['image_size']}×"
            f"{settings['image_size']} pixels, batch {settings['batch_size']}, {result['seconds']:.0f} s; "
            f"{many(result['images'], 'image')} drawn. {_copies(result)} Run {one.run.id}."
        ),
        *_scores(result),
        *_reviewed(one),
    ]
    if one.examples("synthetic"):
        caption = "Real images above, synthetic images below:"
        blocks += [Paragraph(caption, tone="quiet"), _figure(side_by_side_figure(one), "real and synthetic images")]
    for event in one.samples[-1:]:
        caption = f"Synthetic samples after epoch {event.epoch:,}, from fixed noise:"
        grid = Illustration((one.run.folder / event.file).read_bytes(), "grid of synthetic samples", 0.6)
        blocks += [Paragraph(caption, tone="quiet"), Illustrations([grid], synthetic=True)]
    if one.epochs:
        caption = "Losses of generator and discriminator, and the discriminator's output for real and drawn images:"
        blocks += [Paragraph(caption, tone="quiet"), _figure(losses_figure(one), "loss curves of the generator")]
    return blocks


def _reviewed(one: Synthesis) -> list[Block]:
    """The newest finished blinded review of its images, as one paragraph."""
    review = newest_finished(reviews_of(one.run))
    if review is None or review.result is None:
        return []
    result = review.result
    early = f", ended after {review.answered} of {many(review.asked, 'image')}" if review.ended_early else ""
    return [
        Paragraph(
            f"{review.reader}, {(review.ended or review.began)[:10]}{early}. {result.headline} {result.caution} "
            f"Synthetic images judged fit: {result.fit_synthetic.in_words()}. Brackets: exact 95 % intervals.",
            "Reviewed blindly.",
        )
    ]


def _figure(figure: Figure, words: str) -> Illustration:
    return Illustration(to_png(figure), words, 0.9)


def _copies(result: Mapping[str, Any]) -> str:
    copies, left_out = result.get("copies"), result.get("left_out")  # older results lack them
    if copies is None:
        return "Copies of training images were not searched for."
    again = f", and {many(left_out, 'image')} that had been set aside" if left_out else ""
    of = "near-copy" if copies == 1 else "near-copies"
    return f"Left out: {copies:,} {of} of training images{again}."


def _scores(result: Mapping[str, Any]) -> list[Block]:
    """A table of the measured scores, each beside its floor."""
    rows = [
        (
            title,
            *(with_spread(result.get(of), result.get(f"{of}_spread"), decimals) for of in (name, f"{name}_floor")),
            meaning,
        )
        for name, (title, meaning, decimals) in SCORES_IN_WORDS.items()
        if result.get(name) is not None
    ]
    if not rows:
        return [Paragraph("The images were not scored.", tone="quiet")]
    n_scored = result.get("n_scored")
    of = f" of {many(n_scored, 'image')}" if n_scored else ""
    caption = (
        f"How far drawn images are from real ones, on the features of the classifier's backbone. Means ± standard "
        f"deviations over random subsets{of}; the floor is the same score of real images against other real ones:"
    )
    head = ("score", "drawn against real", "real against real (floor)", "how to read it")
    return [Table(head, rows, frozenset({1, 2}), caption)]


def model_card(model: Model) -> list[Block]:
    """The card and the cautions of the model that diagnoses."""
    cautions = [Paragraph(caution, tone="warning") for caution in model.cautions]
    return [Heading("Diagnosis"), Paragraph(f"Model {model.path.name}"), Bullets(model.card()), *cautions]


def diagnosis(diagnoser: Diagnoser, path: Path) -> list[Block]:
    """The model's answer for an image, with reasons and a heat map. Raises `UnreadableImage`."""
    loop = open_picture(path)
    picture = loop.frame(loop.middle)
    answer = diagnoser.diagnose(picture, path.name)
    figure = to_png(diagnosis_figure(picture, answer))
    unseen = diagnoser.model.description.preprocessing.unseen
    return [
        Heading(f"{answer.file}: {'no answer' if answer.abstained else answer.predicted}", 3),
        *(Paragraph(reason) for reason in answer.reasons),
        *([Paragraph(unseen)] if unseen else []),
        Illustration(figure, f"image, heat map and probabilities of {answer.file}", 1.0),
    ]
