"""The banner of the Dataset tab: what the last import found, and what still waits to be checked or reviewed."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.duplicate_review import PairReview
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.widgets.message_strip import Level, Message, MessageStrip
from busapp.summaries.dataset import alike


class DatasetBanner(MessageStrip):
    """A message that the user has closed stays closed until its text changes.

    Signals:
        check_requested, review_requested, import_requested, summary_requested: the user pressed that button.
    """

    check_requested = Signal()
    review_requested = Signal()
    import_requested = Signal()
    summary_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: list[Message] = []
        self._imported: list[Message] = []

    def forget(self) -> None:
        """Remove what belongs to the former study."""
        self.clear()
        self._told, self._imported = [], []

    def offer_to_complete(self, workspace: Workspace) -> None:
        """If the newest run is an interrupted import, offer to import the rest.

        The user has to choose the sources again, because runs do not store paths, which may name patients."""
        newest = next(iter(workspace.runs()), None)
        if newest is None or newest.info.kind != "import" or newest.info.state != "interrupted":
            return
        self.add(
            "The last import was interrupted. Its images so far are complete. Import the same files again to get the "
            "rest.",
            level="warning",
            action="Import again…",
            on_action=self.import_requested.emit,
        )

    def tell_import(self, result: Mapping[str, Any]) -> None:
        """Tell what an import assumed, left out or found odd, until the next one ends."""
        kinds = [finding["kind"] for finding in result.get("findings", [])]
        n_odd, n_left = kinds.count("odd"), len(result.get("skipped", []))
        parts = [f"{many(n_odd, 'thing')} {'looks' if n_odd == 1 else 'look'} odd"] if n_odd else []
        parts += [f"{many(n_left, 'file')} {'was' if n_left == 1 else 'were'} left out"] if n_left else []
        if "assumed" in kinds and not parts:
            parts = ["some things were assumed"]
        level: Level = "warning" if n_odd else "info"
        sentence = f"The import is done, but {' and '.join(parts)}."
        message = Message(sentence, level=level, action="Show summary", on_action=self.summary_requested.emit)
        self._imported = [message] if parts else []

    def tell_what_waits(self, images: Sequence[ImageRecord], review: PairReview) -> None:
        """Show what is not checked or reviewed yet, and what the last import found."""
        unchecked = sum(image.kind == "real" and not image.checked for image in images)
        waiting = review.waiting
        contested = sum(map(review.contradicts, waiting))
        told: list[Message] = []
        if unchecked:
            have = "has" if unchecked == 1 else "have"
            sentence = f"{many(unchecked, 'image')} {have} not been checked for duplicates and quality yet."
            told.append(Message(sentence, level="info", action="Check images", on_action=self.check_requested.emit))
        if waiting:
            level: Level = "warning" if contested else "info"
            sentence = f"{alike(len(waiting), contested)}."
            told.append(Message(sentence, level=level, action="Review", on_action=self.review_requested.emit))
        told += self._imported  # last, so that it is on top
        if [message.sentence for message in told] != [message.sentence for message in self._told]:
            self._told = told
            self.clear()
            self.tell_again()

    def tell_again(self) -> None:
        """Show the messages again, because pressing a button closed its message but did not finish the work."""
        for message in self._told:
            self.add(message.sentence, level=message.level, action=message.action, on_action=message.on_action)
