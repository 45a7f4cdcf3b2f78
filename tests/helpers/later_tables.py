"""Tables that come after their pictures, and what a later import makes of them."""

from pathlib import Path
from typing import Any

from busapp.engine.catalog import ImageRecord
from busapp.engine.study.workspace import Workspace

PATIENTS = "file,class,patient\n" + "".join(
    f"{name},{name.split('/')[0]},P-{number // 2}\n"
    for number, name in enumerate(f"{class_name}/{n}.png" for class_name in ("benign", "malignant") for n in range(4))
)


def table(folder: Path, text: str) -> Path:
    (folder / "later.csv").write_text(text)
    return folder / "later.csv"


def images(study: Workspace) -> dict[str, ImageRecord]:
    return {image.file: image for image in study.catalog.images()}


def told(result: dict[str, Any]) -> list[str]:
    return [finding["text"] for finding in result["findings"] if "already there" in finding["text"]]
