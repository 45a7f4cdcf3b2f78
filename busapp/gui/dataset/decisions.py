"""The changes of a review to the catalog, one for each decision, and their undo."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from busapp.engine.catalog import Catalog, ImageRecord, Pair, Verdict
from busapp.engine.utils.words import many


class Decisions:
    """Every method returns a sentence that says what was done."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._own: set[int] = set()
        self.has_news = False
        """True if the catalog has changed since the caller last reset this."""

    def judge(self, pairs: Sequence[Pair], verdict: Verdict | None) -> str:
        """Decide that pairs are the same picture or different pictures; None takes the decision back."""
        with self._changing():
            self._catalog.judge([(pair.first, pair.second) for pair in pairs], verdict)
        pairs_decided = f"Decided for {len(pairs):,} pairs" if len(pairs) > 1 else "Decided"
        return {
            "same": f"{pairs_decided}: the same picture.",
            "different": f"{pairs_decided}: different pictures.",
            None: "No longer decided.",
        }[verdict]

    def split(self, images: Sequence[ImageRecord]) -> str:
        """Take images out of their group. They stay together."""
        with self._changing():
            parted = self._catalog.split([image.id for image in images])
        taken_out = f"{many(len(images), 'image')} taken out of the group."
        return f"{taken_out} {many(parted, 'pair')} decided: different pictures."

    def set_aside(self, images: Sequence[ImageRecord], reason: str) -> str:
        """Set images aside, for a reason."""
        with self._changing():
            self._catalog.exclude([image.id for image in images], reason)
        return f"Set aside: {' and '.join(image.file for image in images)} ({reason})."

    def bring_back(self, images: Sequence[ImageRecord]) -> str:
        """Use images again that were set aside."""
        with self._changing():
            self._catalog.exclude([image.id for image in images], None)
        return f"Brought back: {' and '.join(image.file for image in images)}."

    def reclassify(self, image: ImageRecord, class_name: str) -> str:
        """Give an image another class."""
        with self._changing():
            self._catalog.reclassify([image.id], class_name)
        return f"{image.file} is now {class_name}."

    def undo(self) -> str:
        """Undo the newest change of the dataset, but only if this review made it. An import is never undone by
        mistake."""
        newest = next((change for change in self._catalog.history() if not change.undone), None)
        if newest is None or newest.id not in self._own:
            return "No decision of this review is left to undo. Edit → History… lists the earlier changes."
        self._catalog.undo()
        self.has_news = True
        return f"Undone: {newest.what}"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        before = self._catalog.revision()
        yield
        revision = self._catalog.revision()
        if revision != before:
            self._own.add(revision)
            self.has_news = True
