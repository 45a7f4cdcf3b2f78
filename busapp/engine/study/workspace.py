"""A workspace: the folder that holds one study. Copying the folder copies the study."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from busapp.engine.catalog import Catalog, ImageRecord
from busapp.engine.study.runs import Run
from busapp.engine.utils.files import sha256_of, write_atomically, write_json
from busapp.errors import BadInput, DamagedStudy

DESCRIPTION = "study.json"


@dataclass(frozen=True)
class Workspace:
    """One study on disk: `study.json`, `catalog.sqlite`, `images/`, `masks/`, `runs/`, `models/`, `cache/`."""

    root: Path
    name: str
    phantoms: bool = False
    """True if all images are simulated phantoms. Every screen and report says so."""

    @classmethod
    def create(cls, root: Path, *, name: str = "", phantoms: bool = False) -> "Workspace":
        """Create a study in an empty or new folder, or open the study that is there.

        Raises:
            BadInput: the folder holds other files, or cannot be written to.
        """
        root = root.expanduser().resolve()
        if (root / DESCRIPTION).exists():
            return cls.open(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            if any(root.iterdir()):
                raise BadInput(
                    "The folder is not a study and not empty",
                    file=root,
                    remedy="Choose an empty or a new folder.",
                )
            write_json(root / DESCRIPTION, {"format": 1, "name": name or root.name, "phantoms": phantoms})
        except OSError as error:
            raise BadInput(
                "The folder cannot be created or written to", file=root, remedy="Choose another folder."
            ) from error
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """Open a study.

        Raises:
            BadInput: there is no study in this folder.
            DamagedStudy: the description or the catalog cannot be read. Both stay as they are.
        """
        root = root.expanduser().resolve()
        try:
            described = json.loads((root / DESCRIPTION).read_text(encoding="utf-8"))
            workspace = cls(root, str(described["name"]), bool(described.get("phantoms", False)))
        except FileNotFoundError as error:
            raise BadInput(
                "There is no study in this folder",
                file=root,
                remedy="Import images into it first, or open another.",
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedStudy(
                "The description of the study cannot be read",
                file=root / DESCRIPTION,
                remedy="Restore it from a copy of the study.",
            ) from error
        _ = workspace.catalog
        return workspace

    @cached_property
    def catalog(self) -> Catalog:
        """The images of the study."""
        return Catalog(self.root / "catalog.sqlite")

    def close(self) -> None:
        """Close the catalog's file. It is opened again if the catalog is used afterwards."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    # -- images --------------------------------------------------------------------------------------------

    def _stored(self, folder: str, sha256: str, suffix: str) -> Path:
        return self.root.joinpath(folder, sha256[:2], f"{sha256}{suffix}")

    def image_path(self, image: ImageRecord) -> Path:
        """Path of an image's content."""
        return self._stored("images", image.sha256, image.suffix)

    def imported_path(self, image: ImageRecord) -> Path:
        """Path of an image's content as imported, whatever was covered since."""
        if image.original is None:
            return self.image_path(image)
        stored = self._stored("images", image.original, "")
        return next(stored.parent.glob(f"{image.original}*"), stored)

    def mask_path(self, sha256: str) -> Path:
        """Path of a lesion mask (PNG, non-zero inside the lesion)."""
        return self._stored("masks", sha256, ".png")

    def store_image(self, content: bytes, suffix: str) -> str:
        """Store the bytes under their hash and return it. Bytes that are stored already are not written again."""
        return self._store("images", content, suffix)

    def restore_image(self, content: bytes, suffix: str) -> bool:
        """Store the bytes of an image that the study has. True if they were missing or truncated."""
        path = self._stored("images", sha256_of(content), suffix)
        is_whole = path.exists() and path.stat().st_size == len(content)
        if not is_whole:
            write_atomically(path, content)
        return not is_whole

    def store_mask(self, content: bytes) -> str:
        """Store a mask's PNG bytes under their hash and return it."""
        return self._store("masks", content, ".png")

    def _store(self, folder: str, content: bytes, suffix: str) -> str:
        sha256 = sha256_of(content)
        path = self._stored(folder, sha256, suffix)
        if not path.exists():
            write_atomically(path, content)
        return sha256

    # -- runs and models -----------------------------------------------------------------------------------

    @property
    def models_dir(self) -> Path:
        """ONNX files exported from runs, named after them."""
        return self.root / "models"

    def models(self) -> list[Path]:
        """The study's models, newest first."""
        found = [path for path in self.models_dir.glob("*.onnx") if path.exists()]
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)

    def new_run(self, kind: str, settings: dict[str, object], name: str = "") -> Run:
        """Create a run for one execution of a job, with its settings and the dataset's fingerprint."""
        catalog = self.catalog
        return Run.create(self.root / "runs", kind, settings, catalog.fingerprint(), name, catalog.revision())

    def changed_since(self, run: Run) -> list[str]:
        """Changes of the dataset since a run began, in words, oldest first. Empty if the images, classes and groups are
        the same as then."""
        if run.info.dataset == self.catalog.fingerprint():
            return []
        changes = [] if run.info.revision is None else self.catalog.changes_since(run.info.revision)
        return changes or ["The dataset was changed; the changes are not known"]

    def run(self, run_id: str) -> Run:
        """A run by its id. Raises `BadInput` if there is none."""
        return Run.open(self.root / "runs" / run_id)

    def runs(self, kind: str | None = None) -> list[Run]:
        """The runs, newest first. Folders that cannot be read are skipped."""
        found = []
        for folder in sorted((self.root / "runs").glob("*"), reverse=True):
            try:
                run = Run.open(folder)
            except BadInput:
                continue
            if kind is None or run.info.kind == kind:
                found.append(run)
        return found

    def delete_run(self, run: Run) -> None:
        """Move a run to the study's trash."""
        trash = self.root / "trash"
        trash.mkdir(exist_ok=True)
        shutil.move(run.folder, trash / run.id)

    def restore_run(self, run_id: str) -> Run:
        """Bring a run back from the trash."""
        shutil.move(self.root / "trash" / run_id, self.root / "runs" / run_id)
        return self.run(run_id)
