"""Add images to a catalog: in several steps, as one change of the history."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog import history
from busapp.engine.catalog.groups import are_paired, group_new, regroup
from busapp.engine.catalog.history import Columns, chunks
from busapp.engine.catalog.records import NewImage
from busapp.engine.catalog.schema import ImageRow
from busapp.engine.utils.words import many

CONTENT = func.coalesce(ImageRow.original, ImageRow.sha256)
"""Content hash of an image as it was imported."""


class Addition:
    """Images that are added in any number of steps and appear as one change in the history. Without images there is no
    change."""

    def __init__(self, writing: Callable[[], AbstractContextManager[Session]], in_words: Callable[[int], str]) -> None:
        self._writing = writing
        self._in_words = in_words
        self._changes: list[int] = []
        """One change. If someone undoes it while images are still coming in, the rest becomes another change."""
        self._before = 0, 0
        """`count` and `masks` when the newest change began."""
        self._brought_back = False
        self.count = 0
        """Number of new images so far."""
        self.masks = 0
        """Number of masks so far that were joined to images without a mask."""

    def add(self, images: Sequence[NewImage]) -> int:
        """Add images, and return how many were new. Images whose import was undone come back. An image of the study
        that has no mask gets the new one."""
        with self._writing() as session:
            present = _present(session, {new.file for new in images})
            fresh: list[NewImage] = []
            back: list[int] = []
            masks: dict[int, Columns] = {}
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

    def _write(self, session: Session, fresh: list[NewImage], back: list[int], masks: dict[int, Columns]) -> None:
        joined = history.set_columns(session, masks)
        change = self._changes[-1] if self._changes else None
        if change is None or not history.holds(session, change):
            change = history.record_addition(session, "")
            self._changes.append(change)
            self._before = self.count, self.masks
        self.count += len(fresh) + len(back)
        self.masks += len(masks)
        count, n_masks = self.count - self._before[0], self.masks - self._before[1]
        words = [self._in_words(count)] if count else []
        words += [f"{many(n_masks, 'mask')} joined to images that were there without"] if n_masks else []
        what = ", ".join(words)
        history.extend(session, change, what, joined)
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
        """Undo the whole addition and remove it from the history."""
        with self._writing() as session:
            for change in reversed(self._changes):
                if history.holds(session, change):
                    history.forget_addition(session, change)
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
    query = query.order_by(ImageRow.removed.desc())  # of two with the same content, the present one wins
    for some in chunks(sorted(files)):
        for file, imported, present, image_id, mask, removed in session.execute(query.where(ImageRow.file.in_(some))):
            # A covered image that was exported and is imported again is still the same image.
            found[file, imported] = found[file, present] = _Present(image_id, mask, removed)
    return found
