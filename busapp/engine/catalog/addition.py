"""How images come into a catalog: in many steps, as one change."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog import history as steps
from busapp.engine.catalog.groups import are_paired, group_new, regroup
from busapp.engine.catalog.history import chunks
from busapp.engine.catalog.records import NewImage
from busapp.engine.catalog.tables import ImageRow
from busapp.engine.utils.words import many

CONTENT = func.coalesce(ImageRow.original, ImageRow.sha256)
"""The content hash that an image was imported with."""


class Addition:
    """Images that come in as one change, in as many steps as there are; an empty one leaves no change behind."""

    def __init__(self, writing: Callable[[], AbstractContextManager[Session]], in_words: Callable[[int], str]) -> None:
        self._writing = writing
        self._in_words = in_words
        self._changes: list[int] = []
        """One, unless someone took it back while images were still coming in: what comes then is another."""
        self._before = 0, 0
        """`count` and `masks` when the newest of them began."""
        self._brought_back = False
        self.count = 0
        """New images so far."""
        self.masks = 0
        """Masks so far that were joined to images which the study had without."""

    def add(self, images: Sequence[NewImage]) -> int:
        """Add some more; how many were new. Those undone earlier come back; an image that the study has without a
        mask takes the mask."""
        with self._writing() as session:
            present = _present(session, {new.file for new in images})
            fresh: list[NewImage] = []
            back: list[int] = []
            masks: dict[int, dict[str, Any]] = {}
            for new in {(new.file, new.sha256): new for new in images}.values():
                found = present.get((new.file, new.sha256))
                if found is None:
                    fresh.append(new)
                elif found.removed:
                    back.append(found.id)
                elif new.mask is not None and found.mask is None:
                    masks[found.id] = {"mask": new.mask}
            if fresh or back or masks:
                self._write(session, fresh, back, masks)
        return len(fresh) + len(back)

    def _write(
        self, session: Session, fresh: list[NewImage], back: list[int], masks: dict[int, dict[str, Any]]
    ) -> None:
        joined = steps.set_columns(session, masks)
        change = self._changes[-1] if self._changes else None
        if change is None or not steps.holds(session, change):
            change = steps.record_addition(session, "")
            self._changes.append(change)
            self._before = self.count, self.masks
        self.count += len(fresh) + len(back)
        self.masks += len(masks)
        count, n_masks = self.count - self._before[0], self.masks - self._before[1]
        words = [self._in_words(count)] if count else []
        words += [f"{many(n_masks, 'mask')} joined to images that were there without"] if n_masks else []
        what = ", ".join(words)
        steps.extend(session, change, what, joined)
        if fresh:
            names = NewImage.__slots__
            rows = [{name: getattr(new, name) for name in names} | {"change": change} for new in fresh]
            session.execute(insert(ImageRow), rows)
        for some in chunks(back):
            values = {"removed": False, "change": change, "group_id": None}
            session.execute(update(ImageRow).where(ImageRow.id.in_(some)).values(values))
        self._brought_back = self._brought_back or bool(back)
        if are_paired(session, back):
            regroup(session)
        else:
            group_new(session, change)

    def take_back(self) -> None:
        """Leave the dataset as it was before."""
        with self._writing() as session:
            for change in reversed(self._changes):
                if steps.holds(session, change):
                    steps.forget_addition(session, change)
            if self._brought_back:
                regroup(session)
        self._changes = []


class _Present(NamedTuple):
    id: int
    mask: str | None
    removed: bool


def _present(session: Session, files: Iterable[str]) -> dict[tuple[str, str], _Present]:
    found = {}
    query = select(ImageRow.file, CONTENT, ImageRow.sha256, ImageRow.id, ImageRow.mask, ImageRow.removed)
    query = query.order_by(ImageRow.removed.desc())  # of two of the same content, the one that is there counts
    for some in chunks(sorted(files)):
        for file, imported, present, image_id, mask, removed in session.execute(query.where(ImageRow.file.in_(some))):
            # A covered image that was exported and comes back is the same image, too.
            found[file, imported] = found[file, present] = _Present(image_id, mask, removed)
    return found
