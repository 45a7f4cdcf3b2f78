"""What a review does to the catalog, each decision one change; and the way back from those that were taken here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from busapp.engine.catalog import Catalog, ImageRecord, Pair, Verdict


class Decisions:
    """Every method says in a sentence what was done."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._own: set[int] = set()
        self.has_news = False
        """Whether the catalog was changed since somebody asked last; whoever asks resets it."""

    def judge(self, pairs: Sequence[Pair], verdict: Verdict | None) -> str:
        """Say of pairs that they are the same picture, different ones, or neither yet."""
        with self._changing():
            self._catalog.judge([(pair.first, pair.second) for pair in pairs], verdict)
        many = f" of {len(pairs):,} pairs" if len(pairs) > 1 else ""
        return {
            "same": f"Said{many}: the same picture.",
            "different": f"Said{many}: different pictures.",
            None: "Not decided any more.",
        }[verdict]

    def split(self, images: Sequence[ImageRecord]) -> str:
        """Take images out of their group, together."""
        with self._changing():
            parted = self._catalog.split([image.id for image in images])
        many = f"{len(images):,} image{'s' if len(images) > 1 else ''}"
        pairs = f"{parted:,} pair{'s are' if parted != 1 else ' is'}"
        return f"{many} taken out of the group: {pairs} now said to be different pictures."

    def set_aside(self, images: Sequence[ImageRecord], reason: str) -> str:
        """Take images out of use, for a reason."""
        with self._changing():
            self._catalog.exclude([image.id for image in images], reason)
        return f"Set aside: {' and '.join(image.file for image in images)} ({reason})."

    def bring_back(self, images: Sequence[ImageRecord]) -> str:
        """Take images into use again."""
        with self._changing():
            self._catalog.exclude([image.id for image in images], None)
        return f"Brought back: {' and '.join(image.file for image in images)}."

    def reclassify(self, image: ImageRecord, class_name: str) -> str:
        """Give an image another class."""
        with self._changing():
            self._catalog.reclassify([image.id], class_name)
        return f"{image.file} is {class_name} now."

    def undo(self) -> str:
        """Take back the newest change of the dataset, if it was made here: an import is not undone by a slip."""
        newest = next((change for change in self._catalog.history() if not change.undone), None)
        if newest is None or newest.id not in self._own:
            return "Nothing decided here is left to undo. Edit → History… has the earlier changes."
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
