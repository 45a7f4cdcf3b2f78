"""Add images to a study, share them, and read the exported files."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.events import Event
from busapp.engine.images.preprocessing import decode
from busapp.engine.settings import ImportSettings, ShareSettings
from busapp.engine.study.workspace import Workspace


def shared(workspace: Workspace, out: Path, **settings: Any) -> list[Event]:
    """Export a study, and return all events."""
    return list(jobs.start(workspace, ShareSettings(out=out, **settings)))


def rows_of(out: Path) -> list[dict[str, str]]:
    """Rows of the table of an export."""
    return list(csv.DictReader(io.StringIO((out / "images.csv").read_text(encoding="utf-8"))))


def files_of(out: Path) -> dict[str, bytes]:
    """Content of every file in a folder, by its path relative to the folder."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """An image file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def opened(path: Path) -> Image.Image:
    """A stored PNG, decoded."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def added(workspace: Workspace, file: str, class_name: str, content: bytes, **fields: Any) -> int:
    """Add an image to the catalog as an import does, and return its id."""
    suffix = Path(file).suffix
    picture = decode(content, file=file)
    sha256 = workspace.store_image(content, suffix)
    new = NewImage(file, sha256, suffix, class_name, picture.width, picture.height, **fields)
    workspace.catalog.add([new], "1 image imported")
    return workspace.catalog.images()[-1].id


def speckle(seed: int, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """A grey image of noise, different for each seed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8))


def imported(source: Path, root: Path) -> Workspace:
    """Import a folder, archive or table into a new study."""
    workspace = Workspace.create(root)
    list(jobs.start(workspace, ImportSettings(sources=(source,))))
    return workspace
