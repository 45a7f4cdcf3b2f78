"""The model files of a study and those that ship: listing, importing, retiring and restoring them."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from busapp import paths
from busapp.engine.models.file import read_model_file
from busapp.engine.models.model import MAX_MODEL_BYTES, Model
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name, sha256_of, write_atomically, writing_is_needed
from busapp.errors import BadInput, BadModel

Origin = Literal["this study", "ships with busapp", "not of this study"]

SUFFIX: Final = ".onnx"
_RETIRED: Final = "retired"


@dataclass(frozen=True)
class ModelFile:
    """A model file in a list. It has not been opened yet and may be damaged. `size` is in bytes.

    `name` is the name of the run that it was exported from, if the study has that run, else the file's own name.
    """

    path: Path
    origin: Origin
    name: str
    retired: bool
    size: int

    @cached_property
    def sha256(self) -> str:
        """The content hash (64 hexadecimal digits). Raises `BadModel` if the file cannot be read."""
        return sha256_of(read_model_file(self.path, MAX_MODEL_BYTES))

    @property
    def label(self) -> str:
        """Name and origin."""
        return f"{self.name} ({self.origin}{', retired' if self.retired else ''})"

    @property
    def card_file(self) -> Path:
        """Path of the model card that a person wrote, if there is one."""
        return self.path.with_suffix(".md")


def list_models(workspace: Workspace) -> list[ModelFile]:
    """The study's models, newest first, then those that ship with busapp, then the study's retired models."""
    names = {run.id: run.info.name for run in workspace.runs("validate")}
    retired, shipped = (
        sorted(path for path in folder.glob(f"*{SUFFIX}") if path.exists())
        for folder in (_retired_dir(workspace), paths.models_dir())
    )
    return [
        *(_file(path, "this study", names) for path in workspace.models()),
        *(_file(path, "ships with busapp", {}) for path in shipped),
        *(_file(path, "this study", names, retired=True) for path in retired),
    ]


def _retired_dir(workspace: Workspace) -> Path:
    return workspace.models_dir / _RETIRED


def _file(path: Path, origin: Origin, names: dict[str, str], *, retired: bool = False) -> ModelFile:
    run, _, number = path.stem.rpartition("-")  # a number keeps apart files of one name, see `_place`
    is_numbered = path.stem not in names and run in names and number.isdecimal()
    name = f"{names[run]} {number}" if is_numbered else names.get(path.stem, path.stem)
    return ModelFile(path, origin, printable(name), retired, path.stat().st_size)


def default_model(workspace: Workspace) -> Path:
    """The newest model of the study, else the one that ships.

    Raises:
        BadInput: there is neither.
    """
    shipped = sorted(paths.models_dir().glob("*.onnx"))
    for path in (*workspace.models(), *shipped):
        return path
    raise BadInput(
        "There is no model to diagnose with",
        remedy="Cross-validate a system and export the run (`busapp export RUN`), or name a model file.",
    )


def find_model(workspace: Workspace, wanted: str, *, retired: bool = False) -> ModelFile:
    """Find a model by its path, its file name, or its name. `retired` decides between a model in use and a retired one.

    Raises:
        BadInput: there is none, or there are several of that name.
    """
    known = list_models(workspace)
    path = Path(wanted).expanduser()
    for model in known:
        if model.path in (path, path.absolute()):
            return model
    found = [m for m in known if wanted in (m.path.name, m.path.stem)] or [m for m in known if m.name == wanted]
    found = [m for m in found if m.retired == retired] or found
    if len(found) > 1:
        raise BadInput(
            f"There are {len(found)} models of this name", file=wanted, remedy="Name the file with its path."
        )
    if not found and path.is_file():
        return _file(path, "not of this study", {})
    if not found:
        raise BadInput("There is no such model", file=wanted, remedy="`busapp models list` lists them.")
    return found[0]


def name_of(workspace: Workspace, path: Path) -> str:
    """Label of the model that a run used, even if it was retired or removed since."""
    known = list_models(workspace)
    here = [model for model in known if model.path == path]
    moved = [
        m for m in known if m.path.name == path.name and m.retired and path.parent.name == workspace.models_dir.name
    ]
    return (here or moved)[0].label if here or moved else f"{printable(path.stem)} (no longer there)"


def printable(words: str) -> str:
    """Replace characters with which a foreign file could control a terminal or change the reading direction."""
    return "".join(" " if unicodedata.category(c)[0] == "C" else c for c in words)


# -- in and out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Imported:
    """The model after an import, and how it came there: copied, already there, or restored from retirement."""

    file: ModelFile
    how: Literal["imported", "already there", "brought back"]

    @property
    def sentence(self) -> str:
        """The outcome as a sentence."""
        return {
            "imported": f"“{self.file.name}” is now a model of this study.",
            "already there": f"This model is already there: “{self.file.name}” ({self.file.origin}).",
            "brought back": f"This model was retired; “{self.file.name}” is in use again.",
        }[self.how]


def import_model(workspace: Workspace, source: Path) -> Imported:
    """Copy a foreign model file into the study, after a test: it must open and answer an image. No file is overwritten.

    Raises:
        BadModel: the file is not a model of this program, or its answer is unusable.
        BadInput, NoSpace: it cannot be copied.
    """
    content = read_model_file(source, MAX_MODEL_BYTES)
    same = [model for model in list_models(workspace) if model.size == len(content) and _has(model, content)]
    for model in sorted(same, key=lambda model: model.retired):
        if model.retired:
            return Imported(restore(workspace, model), "brought back")
        return Imported(model, "already there")
    _try_out(Model.from_bytes(content, source))
    target = _place(workspace.models_dir, safe_name(source.stem))
    with writing(target):
        write_atomically(target, content)
    return Imported(find_model(workspace, str(target)), "imported")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn every error in writing or moving a file into a `UserError`."""
    try:
        with writing_is_needed(path):
            yield
    except OSError as error:
        raise BadInput("The model cannot be written", file=path, remedy="Choose another place.") from error


def _has(model: ModelFile, content: bytes) -> bool:
    try:
        return read_model_file(model.path, MAX_MODEL_BYTES) == content
    except BadModel:
        return False


def _try_out(model: Model) -> None:
    """Let a model answer a picture of stripes of growing brightness. Raises `BadModel` if it cannot."""
    size = model.description.image_size
    rows, columns = np.indices((size, size))
    stripes = ((rows // 4 % 2) * columns * 255 // size).astype(np.uint8)
    model.run(np.repeat(stripes[None, :, :, None], 3, axis=-1))


def _place(folder: Path, stem: str) -> Path:
    """Return a free path for a model of this name. Case does not matter, because some systems ignore it."""
    taken = {path.name.casefold() for path in folder.glob("*")}
    name, number = f"{stem}{SUFFIX}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}{SUFFIX}"
    return folder / name


# -- retirement ----------------------------------------------------------------------------------------------------


def retire(workspace: Workspace, file: ModelFile) -> ModelFile:
    """Retire a model of the study, so that it is no longer offered. Its file moves to `models/retired/`.

    Raises:
        BadInput: it ships with busapp, is not the study's, or is already retired.
    """
    if file.origin == "ships with busapp":
        raise BadInput(
            "A model that ships with busapp cannot be retired",
            file=file.path,
            remedy="A study's own models are used before it.",
        )
    if file.origin != "this study" or file.retired:
        what = "The model is already retired" if file.retired else "The model does not belong to this study"
        raise BadInput(what, file=file.path, remedy="`busapp models list` shows the models of this study.")
    return _move(workspace, file, _retired_dir(workspace))


def restore(workspace: Workspace, file: ModelFile) -> ModelFile:
    """Restore a retired model, so that it is offered again.

    Raises:
        BadInput: it is not retired.
    """
    if not file.retired:
        raise BadInput(
            "The model is not retired", file=file.path, remedy="`busapp models list` shows the retired ones."
        )
    return _move(workspace, file, workspace.models_dir)


def _move(workspace: Workspace, file: ModelFile, folder: Path) -> ModelFile:
    if not file.path.exists():
        raise BadInput("The model is no longer there", file=file.path, remedy="List the models again.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        target = _place(folder, file.path.stem)
        file.path.rename(target)
    return find_model(workspace, str(target))
