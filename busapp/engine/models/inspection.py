"""The inspection of a model: its card and its description in words, and a copy of it for others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from busapp.engine.contract.diagnosis import InspectedModel, ListedModel
from busapp.engine.models.file import read_model_file
from busapp.engine.models.library import SUFFIX, ModelFile, list_models, printable, writing
from busapp.engine.models.model import MAX_MODEL_BYTES, Model, ModelDescription
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput, UserError

_LONGEST_CARD: Final = 1_000_000

Section = tuple[str, tuple[tuple[str, str], ...]]
"""A heading, and its pairs of name and value."""


@dataclass(frozen=True)
class Inspection:
    """Everything about a model: its card in lines, sections of readable pairs, cautions as sentences."""

    file: ModelFile
    sha256: str
    description: ModelDescription
    card: tuple[str, ...]
    sections: tuple[Section, ...]
    cautions: tuple[str, ...]

    def as_json(self) -> InspectedModel:
        """Return everything about the model, as JSON."""
        return {
            **listed(self),
            "card": list(self.card),
            "cautions": list(self.cautions),
            "description": self.description.model_dump(mode="json"),
        }

    def as_markdown(self) -> str:
        """Return the model card as text."""
        lines = [f"# {self.file.name}", "", RESEARCH_USE, "", *(f"- {line}" for line in self.card), ""]
        lines += [f"> {caution}" for caution in self.cautions]
        for heading, pairs in self.sections:
            lines += ["", f"## {heading}", "| | |", "|---|---|"]
            lines += [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in pairs]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Unusable:
    """A model file that cannot be opened, and why."""

    file: ModelFile
    error: str


def inspect(file: ModelFile) -> Inspection:
    """Open a model and read its description.

    Raises:
        BadModel: it cannot be opened.
    """
    content = read_model_file(file.path, MAX_MODEL_BYTES)
    sha256, model = sha256_of(content), Model.from_bytes(content, file.path)
    return Inspection(
        file,
        sha256,
        model.description,
        tuple(printable(line) for line in model.card()),
        tuple(_sections(file, sha256, model.description)),
        tuple(model.cautions),
    )


def inspect_all(workspace: Workspace) -> Iterator[Inspection | Unusable]:
    """Inspect each model of `list_models`."""
    for file in list_models(workspace):
        try:
            yield inspect(file)
        except UserError as error:
            yield Unusable(file, str(error))


def listed(found: Inspection | Unusable) -> ListedModel:
    """Return the entry of a model in a list of models, as JSON; a model that cannot be opened has `error`."""
    file = found.file
    entry: ListedModel = {
        "name": file.name,
        "path": str(file.path),
        "origin": file.origin,
        "retired": file.retired,
        "bytes": file.size,
    }
    if isinstance(found, Unusable):
        return {**entry, "error": found.error}
    about = found.description.provenance
    return {
        **entry,
        "sha256": found.sha256,
        "accuracy": about.accuracy,
        "accuracy_ci95": about.accuracy_ci95,
        "protocol": printable(about.protocol),
        "n_images": about.n_images,
        "n_groups": about.n_groups,
        "leaks": about.leaks,
        "created": printable(about.created),
    }


_MEASURED: Final = ("Calibration and abstention", "Possible classes")
"""Headings of the first sentences of `OutOfFold.sentences`."""


def _sections(file: ModelFile, sha256: str, about: ModelDescription) -> Iterator[Section]:
    """All that the window and the command line show about a model besides its card. A new part of the description gets
    a new section here."""
    yield _section(
        "The file",
        {
            "File": str(file.path),
            "From": file.origin + (", retired" if file.retired else ""),
            "Size": f"{file.size / 1e6:.1f} MB",
            "SHA-256": sha256,
            "Format": f"ONNX, description {about.format}",
        },
    )
    yield _section(
        "Input and output",
        {
            "Classes": ", ".join(about.classes),
            "Image size": f"{about.image_size} × {about.image_size} pixels",
            "Images": about.preprocessing.in_words,
            "Temperature": f"{about.temperature:.3f}",
        },
    )
    learned = about.provenance
    interval = learned.accuracy_ci95
    leaks = {name.replace("_", " "): count for name, count in learned.leaks.items() if count}
    yield _section(
        "Training data",
        {
            "Study": learned.study + (" (simulated phantoms)" if learned.phantoms else ""),
            "Run": learned.run,
            "System": learned.system,
            "Protocol": learned.protocol,
            "Network": learned.network,
            "Recipe": learned.recipe or "paper",
            "Epochs": f"{learned.epochs:,}",
            "Real images": f"{learned.n_images:,} in {learned.n_groups:,} groups",
            "Images of each class": ", ".join(f"{name} {count:,}" for name, count in learned.class_counts.items()),
            "Synthetic images": f"{learned.n_synthetic:,}",
            "Accuracy": f"{learned.accuracy:.1%} in cross-validation",
            "95 % interval": f"{interval[0]:.1%} to {interval[1]:.1%}" if interval else "not known: one group alone",
            "Leaks": ", ".join(f"{name} {count}" for name, count in leaks.items()) or "none",
            "Made": f"{learned.created} by busapp {learned.busapp}",
        },
    )
    silence: dict[str, str] = {}
    if about.conformal:
        least = ", ".join(f"{name} {value:.3f}" for name, value in about.conformal.least_probability.items())
        silence["Not decided"] = (
            f"if several classes are possible: those with a probability of at least {least} "
            f"(they include the true class for {about.conformal.coverage:.0%} of the images of each class)"
        )
    if about.novelty:
        silence["Unlike its training images"] = (
            f"novelty above {about.novelty.limit:.2f}; about 1 is usual for its {len(about.known):,} training images"
        )
    if silence:
        yield _section("When it abstains", silence)
    if about.out_of_fold:
        truth = about.out_of_fold.heat_maps
        shares = (("all", True), ("right", truth.right), ("wrong", truth.wrong)) if truth else ()
        headings = [*_MEASURED, *(f"Heat maps, {name}" for name, share in shares if share)]
        yield _section("Measured out of fold", dict(zip(headings, about.out_of_fold.sentences(), strict=True)))


def _section(heading: str, pairs: dict[str, str]) -> Section:
    return heading, tuple((name, printable(value)) for name, value in pairs.items())


# -- for others ----------------------------------------------------------------------------------------------------


def export_model_file(file: ModelFile, out: Path) -> tuple[Path, Path]:
    """Copy a model to `out`, and its card beside it under the same name with `.md`. An existing model is replaced.

    Raises:
        BadModel: the model cannot be opened.
        BadInput: the name does not end in .onnx, `out` is the model's own file, another file has the card's name, or
            `out` cannot be written.
        NoSpace: the disk is full.
    """
    if out.suffix.lower() != SUFFIX:
        raise BadInput("The name of a model file must end in .onnx", file=out, remedy="Choose another name.")
    if out.resolve() == file.path.resolve():
        raise BadInput("This is the model's own file", file=out, remedy="Choose another name.")
    card = out.with_suffix(".md")
    if card.exists() and not out.exists():
        raise BadInput("Another file has the name of the model's card", file=card, remedy="Choose another name.")
    inspection = inspect(file)
    with writing(out):
        write_atomically(out, read_model_file(file.path, MAX_MODEL_BYTES))
        write_atomically(card, (written_card(file) or inspection.as_markdown()).encode())
    return out, card


def written_card(file: ModelFile) -> str:
    """Read the model card that a person wrote, beside the file; empty if there is none."""
    try:
        with file.card_file.open("rb") as stream:
            return stream.read(_LONGEST_CARD).decode(errors="replace")
    except OSError:
        return ""


# -- in words ------------------------------------------------------------------------------------------------------


def list_lines(entries: Sequence[ListedModel]) -> list[str]:
    """Return a line for each entry of `listed`."""
    lines = []
    for entry in entries:
        where = entry["origin"] + (", retired" if entry["retired"] else "")
        if "error" in entry:
            lines.append(f"{entry['name']} ({where}): {entry['error']}")
            continue
        low, high = entry["accuracy_ci95"] or (0.0, 1.0)  # one group alone says nothing about others
        accuracy = f"accuracy {entry['accuracy']:.1%} ({low:.1%} to {high:.1%}), protocol {entry['protocol']}"
        if entry["protocol"] == "published" or any(entry["leaks"].values()):
            accuracy += ", which leaks"
        size = f"{entry['n_images']:,} images in {entry['n_groups']:,} groups"
        lines.append(f"{entry['name']} ({where}): {accuracy}, {size}, made {entry['created']}")
    return lines or ["There is no model yet. `busapp export RUN` makes one, `busapp models import FILE` takes one."]


def inspection_lines(found: Inspection) -> list[str]:
    """Return everything about a model as lines for a terminal."""
    lines = [found.file.label, *found.card, *(f"Warning: {caution}" for caution in found.cautions)]
    for heading, pairs in found.sections:
        lines += ["", heading, *(f"  {name}: {value}" for name, value in pairs)]
    return [*lines, "", RESEARCH_USE]
