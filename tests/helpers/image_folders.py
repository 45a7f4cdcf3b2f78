"""Folders of small images, and what an import or a preview makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.events import Event
from busapp.engine.imports.preview import Preview, preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (20, 16)) -> Path:
    """Write an image of noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], np.uint8)).save(path)
    return path


def mask(path: Path, inside: slice, value: int = 255, size: tuple[int, int] = (20, 16)) -> Path:
    """Write a mask whose lesion is some of its columns."""
    values = np.zeros(size[::-1], np.uint8)
    values[:, inside] = value
    Image.fromarray(values).save(path)
    return path


def events_of(workspace: Workspace, *sources: Path, **settings: object) -> list[Event]:
    """Import these sources, and return all events."""
    return list(jobs.start(workspace, ImportSettings.model_validate({"sources": sources, **settings})))


def imported(workspace: Workspace, *sources: Path, **settings: object) -> dict[str, Any]:
    """Import these sources, and return the result."""
    return result_of(events_of(workspace, *sources, **settings))


def odd(events: list[Event]) -> list[str]:
    """What the import of these events found odd."""
    return [finding["text"] for finding in result_of(events)["findings"] if finding["kind"] == "odd"]


def looked_at(workspace: Workspace, *sources: Path, **settings: object) -> Preview:
    """The preview, not stopped by anything."""
    seen = preview(ImportSettings.model_validate({"sources": sources, **settings}), workspace.catalog.known())
    assert seen is not None
    return seen
