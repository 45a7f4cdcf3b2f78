"""Actions on the images that are selected in the grid. Each change can be undone."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QMessageBox, QPushButton, QWidget

from busapp.engine.catalog import Catalog, ImageRecord
from busapp.engine.settings import CoverSettings
from busapp.gui.dataset.keyed_actions import button_for, keyed_action
from busapp.gui.words import NOT_KNOWN

REASONS: Final = (
    "near-duplicate",
    "contradicting labels",
    "poor image",
    "marks or text in the image",
    "not breast ultrasound",
)


class ImageActions(QObject):
    """Actions for a menu, buttons and keys. They are enabled as the selection allows.

    Signals:
        changed: the catalog was changed.
        told: the reason why something could not be done, a sentence.
        group_requested: the number of the group to show.
        cover_requested: `CoverSettings` to cover the text in the selected images.
    """

    changed = Signal()
    told = Signal(str)
    group_requested = Signal(int)
    cover_requested = Signal(object)

    def __init__(self, selected: Callable[[], Sequence[ImageRecord]], parent: QWidget) -> None:
        """`selected` returns the images that are selected now. `parent` owns the actions and the dialogs."""
        super().__init__(parent)
        self._widget = parent
        self._selected = selected
        self._catalog: Catalog | None = None
        self.exclude = self._action("Set aside…", "X", self._exclude)
        self.bring_back = self._action("Bring back", "B", self._bring_back)
        self.reclassify = self._action("Change class…", "C", self._reclassify)
        self.join = self._action("Make one group", "G", self._join)
        self.split = self._action("Take out of group", "T", self._split)
        self.show_group = self._action("Show group only", "Shift+G", self._show_group)
        self.cover = self._action("Cover text…", "H", self._cover)
        self.set_site = self._action("Set site…", "S", self._set_site)
        self.set_device = self._action("Set device…", "D", self._set_device)
        self.all = (
            self.exclude,
            self.bring_back,
            self.reclassify,
            self.join,
            self.split,
            self.show_group,
            self.cover,
            self.set_site,
            self.set_device,
        )
        self.join.setToolTip("The selected images show the same picture or patient. A split never separates them.")
        self.set_site.setToolTip("The hospital that the selected images are from. No group follows from it.")
        self.set_device.setToolTip("The machine that took the selected images. No group follows from it.")
        self.split.setToolTip("The selected images are different pictures from the others in their groups")

    def open_catalog(self, catalog: Catalog) -> None:
        """Act on the images of another study."""
        self._catalog = catalog

    def follow_selection(self) -> None:
        """Enable the actions that make sense for the selected images."""
        selected = self._selected()
        of_group = {image.group for image in selected}
        self.exclude.setEnabled(any(image.excluded is None for image in selected))
        self.bring_back.setEnabled(any(image.excluded is not None for image in selected))
        self.reclassify.setEnabled(bool(selected))
        are_real = all(image.kind == "real" for image in selected)
        self.join.setEnabled(are_real and len(of_group) > 1)
        self.split.setEnabled(are_real and any(image.group_id is not None for image in selected))
        self.show_group.setEnabled(len(of_group) == 1)
        for action in (self.cover, self.set_site, self.set_device):
            action.setEnabled(bool(selected))

    def button(self, action: QAction) -> QPushButton:
        """A button that triggers one of the actions, with its tooltip."""
        button = button_for(action)
        button.setToolTip(action.toolTip())
        return button

    def _action(self, text: str, keys: str, slot: Callable[[Catalog, list[int]], None]) -> QAction:
        return keyed_action(self._widget, text, keys, lambda: self._do(slot))

    def _do(self, slot: Callable[[Catalog, list[int]], None]) -> None:
        if self._catalog is not None:
            slot(self._catalog, [image.id for image in self._selected()])

    def _exclude(self, catalog: Catalog, ids: list[int]) -> None:
        reason = self._ask("Set aside", f"Why {_these(ids)} set aside?", REASONS, 0)
        if reason:
            catalog.exclude(ids, reason)
            self.changed.emit()

    def _bring_back(self, catalog: Catalog, ids: list[int]) -> None:
        catalog.exclude(ids, None)
        self.changed.emit()

    def _reclassify(self, catalog: Catalog, ids: list[int]) -> None:
        classes = catalog.classes()
        present = classes.index(self._selected()[0].class_name)
        name = self._ask("Change class", f"Which class {_these(ids)}?", classes, present)
        if name:
            catalog.reclassify(ids, name)
            self.changed.emit()

    def _join(self, catalog: Catalog, ids: list[int]) -> None:
        catalog.join(ids)
        self.changed.emit()

    def _split(self, catalog: Catalog, ids: list[int]) -> None:
        if catalog.split(ids):
            self.changed.emit()
        elif any(image.patient is not None for image in self._selected()):
            self.told.emit("These images stay in their group, because they show the same patient.")
        else:
            self.told.emit(
                "These images cannot be taken out: they are alone in their groups, they are whole groups, or they are "
                "the same files as others. Select only some images of a group, and different files."
            )

    def _show_group(self, _catalog: Catalog, _ids: list[int]) -> None:
        self.group_requested.emit(self._selected()[0].group)

    def _cover(self, _catalog: Catalog, ids: list[int]) -> None:
        question = QMessageBox(
            QMessageBox.Icon.Question,
            "Cover text",
            f"Cover the letters and numbers found in {_of(ids)}?",
            QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel,
            self._widget,
        )
        question.setInformativeText(
            "The search misses some text, and finds some where there is none. Check the covered images afterwards. "
            "The imported pictures stay in the study, and you can undo the change."
        )
        question.button(QMessageBox.StandardButton.Ok).setText("Cover text")
        if question.exec() == QMessageBox.StandardButton.Ok:
            self.cover_requested.emit(CoverSettings(ids=tuple(ids)))

    def _set_site(self, catalog: Catalog, ids: list[int]) -> None:
        self._set_place("site", f"Which hospital {_these(ids)} from?", catalog, ids)

    def _set_device(self, catalog: Catalog, ids: list[int]) -> None:
        self._set_place("device", f"Which machine {_these(ids)} from?", catalog, ids)

    def _set_place(self, column: Literal["site", "device"], question: str, catalog: Catalog, ids: list[int]) -> None:
        answers = [NOT_KNOWN, *catalog.places(column)]
        present = getattr(self._selected()[0], column) or NOT_KNOWN
        name = self._ask(f"Set {column}", question, answers, answers.index(present) if present in answers else 0)
        if name:
            (catalog.set_site if column == "site" else catalog.set_device)(ids, name)
            self.changed.emit()

    def _ask(self, title: str, question: str, answers: Sequence[str], first: int) -> str:
        answer, agreed = QInputDialog.getItem(self._widget, title, question, list(answers), first, True)
        return answer.strip() if agreed else ""


def _of(ids: Sequence[int]) -> str:
    return "this image" if len(ids) == 1 else f"these {len(ids):,} images"


def _these(ids: Sequence[int]) -> str:
    return f"{'is' if len(ids) == 1 else 'are'} {_of(ids)}"
