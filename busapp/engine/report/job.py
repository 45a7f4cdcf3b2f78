"""The job that writes a report."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import busapp
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.events import Event, Finished, Job, Progress
from busapp.engine.models.library import default_model
from busapp.engine.models.model import Model
from busapp.engine.report import checklists, limits, run, settings, side_by_side, study, together
from busapp.engine.report.blocks import Block, Heading, Paragraph, Report
from busapp.engine.report.html import to_html
from busapp.engine.report.subject import Subject, pairs_to_compare
from busapp.engine.results.comparison import paired
from busapp.engine.results.measured import Measured, chosen_runs, finished_runs
from busapp.engine.results.predictions import Prediction, read_predictions
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.syntheses import finished_syntheses
from busapp.engine.utils.files import write_atomically
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput

SUFFIXES = (".html", ".htm", ".pdf")
Section = Callable[[], list[Block]]


def make_report(
    workspace: Workspace,
    path: Path,
    *,
    runs: Sequence[str] = (),
    diagnosis_images: Sequence[Path] = (),
    model: Path | None = None,
) -> Job:
    """Write the report of the whole study, as HTML or PDF with the same content.

    Args:
        workspace: the study.
        path: a file that ends in .html, .htm or .pdf; an existing one is replaced.
        runs: ids of the validations to report in full. Default: the longest of each system, protocol,
            network and recipe.
        diagnosis_images: images to diagnose in the report.
        model: the model that diagnoses; None means the study's newest.

    The result holds `report` (the path) and `runs` (ids of the validations reported in full).

    Raises:
        BadInput: the file has another ending or cannot be written, a run is not a finished validation, or there are
            images to diagnose but no model.
        BadModel: the model cannot be used.
        UnreadableImage: one of the images to diagnose cannot be read.
        NoSpace: the disk is full.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput("A report is an HTML or a PDF file", file=path, remedy="End its name in .html or .pdf.")
    yield Progress(0, 1, "reading the runs")
    chosen = chosen_runs(workspace, runs) if runs or finished_runs(workspace) else []
    subject = Subject(workspace, [], {})
    for number, each in enumerate(chosen):
        yield Progress(number, len(chosen), f"measuring {each.info.name}")
        subject = Subject(workspace, [*subject.measured, Measured.of(each)])
    tests = {}
    pairs = pairs_to_compare(subject.measured)
    tested = [_predictions(each) for each in chosen]
    for number, (a, b) in enumerate(pairs):
        yield Progress(number, len(pairs), f"comparing runs, pair {number + 1} of {len(pairs)}")
        if tested[a] and tested[b]:
            tests[a, b] = paired(tested[a], tested[b])
    subject = Subject(workspace, subject.measured, tests)
    sections = [*_sections(subject), *_diagnoses(workspace, diagnosis_images, model), *_end(subject)]
    blocks = _opening(workspace)
    for number, (what, make) in enumerate(sections):
        yield Progress(number, len(sections) + 1, what)
        blocks += make()
    blocks.append(Paragraph("", RESEARCH_USE, "notice"))
    report = Report(
        workspace.name, f"Report of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, busapp {busapp.__version__}", blocks
    )
    content = yield from _laid_out(report, path, Progress(len(sections), len(sections) + 1, "laying out"))
    _write(path, content)
    yield Finished({"report": str(path), "runs": [each.id for each in chosen]})


def write_report(
    workspace: Workspace, path: Path, *, diagnosis_images: Sequence[Path] = (), model: Path | None = None
) -> Path:
    """Run `make_report` to its end and return the path of the report."""
    for _ in make_report(workspace, path, diagnosis_images=diagnosis_images, model=model):
        pass
    return path


def _laid_out(report: Report, path: Path, progress: Progress) -> Generator[Event, None, bytes]:
    """The file's bytes. A thread makes them in one step, while the job keeps yielding progress."""
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(_as_pdf if path.suffix.lower() == ".pdf" else to_html, report)
        while wait([making], timeout=0.1).not_done:
            yield progress
        return making.result()


def _as_pdf(report: Report) -> bytes:
    from busapp.engine.report.pdf import to_pdf  # ReportLab takes 0.2 s to import

    return to_pdf(report)


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise BadInput("The report cannot be written", file=path, remedy="Choose another place.") from error


def _predictions(each: Run) -> list[Prediction]:
    try:
        return read_predictions(each)
    except BadInput:  # the chapter on the run reports it
        return []


def _opening(workspace: Workspace) -> list[Block]:
    blocks: list[Block] = [Paragraph("", RESEARCH_USE, "notice")]
    if workspace.phantoms:
        text = "All images of this study are simulated phantoms. No number below says anything about patients."
        blocks.append(Paragraph(text, "Phantoms.", "warning"))
    return blocks


def _sections(subject: Subject) -> Iterator[tuple[str, Section]]:
    """The sections, each with its name. A section is short enough to be one step of the job."""
    workspace = subject.workspace
    yield "images", partial(study.data, subject)
    for name in workspace.catalog.classes():
        yield f"examples of {name}", partial(study.examples, subject, name)
    syntheses = finished_syntheses(workspace)
    if syntheses:
        yield "synthesis", lambda: [Heading("Synthesis")]
    for each in syntheses:
        yield f"generator of {each.class_name}", partial(study.generator, each)
    yield "validations", partial(together.validations, subject)
    yield "the paper's table", partial(together.paper, subject)
    yield "the table of the paper on histology", partial(together.histology_paper, subject)
    yield "comparisons", partial(together.comparisons, subject)
    yield "worth of synthetic images", partial(together.synthetic_worth, subject)
    yield "rivals", partial(side_by_side.side_by_side, subject, "rivals")
    yield "optimisers", partial(side_by_side.side_by_side, subject, "optimizers")
    yield "leaks", partial(together.leaks_worth, subject)
    if subject.measured:
        yield "runs", lambda: [Heading("The runs in full")]
    for one, title in zip(subject.measured, subject.titles, strict=True):
        yield title, partial(run.protocol, workspace, one, title)
        yield title, partial(run.measures, one)
        yield f"figures of {title}", partial(run.confusion_and_roc, one, title)
        yield f"figures of {title}", partial(run.calibration, one, title)
        yield f"figures of {title}", partial(run.curves, one, title)


def _diagnoses(workspace: Workspace, images: Sequence[Path], model: Path | None) -> Iterator[tuple[str, Section]]:
    if images:
        loaded = Model.load(model or default_model(workspace))
        diagnoser = Diagnoser(loaded)
        yield "model", partial(study.model_card, loaded)
        for path in images:
            yield f"diagnosis of {path.name}", partial(study.diagnosis, diagnoser, path)


def _end(subject: Subject) -> Iterator[tuple[str, Section]]:
    yield "methods", limits.methods
    yield "limits", partial(limits.limits, subject)
    yield "settings", partial(settings.settings, subject)
    yield "versions", partial(settings.versions, subject)
    yield "checklists", partial(checklists.appendix, subject)
