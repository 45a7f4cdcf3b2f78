"""The images that a grid shows, in sections by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from busapp.engine.catalog import ImageRecord
from busapp.engine.utils.words import many

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Section:
    """A run of images of one class. Of the `count` images, `synthetic` are synthetic."""

    class_name: str
    count: int
    synthetic: int

    def in_words(self) -> str:
        """`437 images, 20 of them synthetic`"""
        words = many(self.count, "image")
        return f"{words}, {self.synthetic:,} of them synthetic" if self.synthetic else words


class ImageModel(QAbstractListModel):
    """A list of `ImageRecord`s with their flags."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.images: list[ImageRecord] = []
        self.classes: list[str] = []
        self.sections: list[Section] = []
        """Empty if the images stand in the order in which they were given."""
        self.quality_flags: Mapping[int, list[str]] = {}
        self.in_conflict: frozenset[int] = frozenset()

    def show(
        self,
        images: Sequence[ImageRecord],
        classes: Sequence[str],
        flags: Mapping[int, list[str]],
        in_conflict: frozenset[int],
        *,
        by_class: bool,
    ) -> None:
        """List these images, class by class in the order of `classes`, or in the order given. `in_conflict` are the ids
        of images with a near-duplicate of another class."""
        self.beginResetModel()
        self.classes = list(classes)
        self.quality_flags = flags
        self.in_conflict = in_conflict
        if by_class:
            self._sort(images)
        else:
            self.images, self.sections = list(images), []
        self.endResetModel()

    def _sort(self, images: Sequence[ImageRecord]) -> None:
        sorted_by_class: dict[str, list[ImageRecord]] = {name: [] for name in self.classes}
        for image in images:
            sorted_by_class[image.class_name].append(image)
        self.images = [image for together in sorted_by_class.values() for image in together]
        self.sections = [
            Section(name, len(together), sum(image.kind == "synthetic" for image in together))
            for name, together in sorted_by_class.items()
            if together
        ]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self.images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.images[index.row()].class_name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            image = self.images[index.row()]
            return "\n".join(facts(image, self.quality_flags.get(image.id, []), image.id in self.in_conflict))
        return None


def facts(image: ImageRecord, flags: Sequence[str], is_in_conflict: bool) -> list[str]:
    """Facts about an image, one in each line."""
    lines = [image.file, f"{image.class_name}, {image.kind}, {image.width}×{image.height} px"]
    if image.excluded is not None:
        lines.append(f"Set aside: {image.excluded}")
    if is_in_conflict:
        lines.append("Looks like an image of another class")
    if image.group_id is not None:
        lines.append(f"Group {image.group}")
    lines += [f"{name}: {place}" for name, place in (("Site", image.site), ("Device", image.device)) if place]
    if flags:
        lines.append("Flags: " + ", ".join(flags))
    return lines
