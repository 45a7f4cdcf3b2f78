"""Add images to a catalog, and complete those that are there: in several steps, as one change of the history."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog import history
from busapp.engine.catalog.groups import are_paired, group_new, newest_id, regroup
from busapp.engine.catalog.history import chunks
from busapp.engine.catalog.known import Disagreement, Known, Statement, compared
from busapp.engine.catalog.records import NewImage
from busapp.engine.catalog.schema import ImageRow
from busapp.engine.utils.words import many

CONTENT = func.coalesce(ImageRow.original, ImageRow.sha256)
"""Content hash of an image as it was imported."""
COMPLETED: Final = {"patient": "patient", "site": "site", "device": "device", "class_name": "class"}
"""Columns that an addition may set in images that are there, in words."""


class Addition:
    """Images that are added in any number of steps and appear as one change in the history, together with what the
    addition tells about images that are there already. Without either there is no change.

    Of an image that is there, only missing values are set. With `update`, other values for class, patient, site and
    device are replaced."""

    def __init__(
        self,
        writing: Callable[[], AbstractContextManager[Session]],
        in_words: Callable[[int], str],
        *,
        update: bool = False,
    ) -> None:
        self._writing = writing
        self._in_words = in_words
        self._update = update
        self._changes: list[int] = []
        """One change. If someone undoes it while images are still coming in, the rest becomes another change."""
        self._before: tuple[int, Counter[str], Counter[str]] = (0, Counter(), Counter())
        """`count`, `completed` and `replaced` when the newest change began."""
        self._must_regroup = False
        self.count = 0
        """Number of new images so far."""
        self.completed: Counter[str] = Counter()
        """Number of images that were there so far and got a value that they lacked, by its column."""
        self.replaced: Counter[str] = Counter()
        """Number of images that were there and got another value in place of their own, by its column."""
        self.disagreements: Counter[Disagreement] = Counter()
        """Number of images that stay as they are although the addition says something else."""

    def add(self, images: Sequence[NewImage], statements: Sequence[Statement] = ()) -> int:
        """Add images, and return how many were new. Images whose import was undone come back. `statements` are about
        images that are there, or that come in now."""
        with self._writing() as session:
            fresh: list[NewImage] = []
            back: list[int] = []
            present = _present(session, {new.file for new in images} | {one.file for one in statements})
            said = list(statements)
            for new in {(new.file, new.sha256): new for new in images}.values():
                found = present.get((new.file, new.sha256))
                if found is None:
                    fresh.append(new)
                elif found.removed:
                    back.append(found.id)
                else:
                    said.append(statement_of(new))
            if fresh or back:
                self._bring(session, fresh, back)
                present = _present(session, {image.file for image in said})
            self._complete(session, said, present)
        return len(fresh) + len(back)

    def _bring(self, session: Session, fresh: list[NewImage], back: list[int]) -> None:
        change = self._open_change(session)
        self.count += len(fresh) + len(back)
        before = newest_id(session)
        if fresh:
            names = NewImage.__slots__
            rows = [{name: getattr(new, name) for name in names} | {"change": change} for new in fresh]
            session.execute(insert(ImageRow), rows)
        for some in chunks(back):
            values = {"removed": False, "change": change, "group_id": None}
            session.execute(update(ImageRow).where(ImageRow.id.in_(some)).values(values))
        history.extend(session, change, self._what(), [])
        if are_paired(session, back):
            regroup(session)
        else:
            group_new(session, before, back)
        self._must_regroup = self._must_regroup or bool(back)

    def _complete(
        self, session: Session, statements: Iterable[Statement], present: Mapping[tuple[str, str], "_Present"]
    ) -> None:
        values: dict[int, dict[str, str]] = {}
        completed, replaced = Counter[str](), Counter[str]()
        now: dict[int, Known] = {}
        for said in statements:
            found = present.get((said.file, said.sha256))
            if found is None or found.removed or not found.known.is_real:
                continue
            known = now.get(found.id, found.known)
            result = compared(known, said, update=self._update)
            completed.update(result.missing.keys())
            replaced.update(result.replaced.keys())
            self.disagreements.update(result.disagreements)
            if new := result.missing | result.replaced:
                values.setdefault(found.id, {}).update(new)
                now[found.id] = known.with_values(new)
        if not values:
            return
        change = self._open_change(session)
        self.completed += completed
        self.replaced += replaced
        history.extend(session, change, self._what(), history.set_columns(session, values))
        if any("patient" in new for new in values.values()):
            regroup(session)
            self._must_regroup = True

    def _open_change(self, session: Session) -> int:
        change = self._changes[-1] if self._changes else None
        if change is None or not history.holds(session, change):
            change = history.record_addition(session, "")
            self._changes.append(change)
            self._before = self.count, self.completed.copy(), self.replaced.copy()
        return change

    def _what(self) -> str:
        """The newest change in words."""
        count, completed, replaced = self._before
        return ", ".join(self._words(self.count - count, self.completed - completed, self.replaced - replaced))

    def _words(self, count: int, completed: Counter[str], replaced: Counter[str]) -> Iterator[str]:
        if count:
            yield self._in_words(count)
        if masks := completed["mask"]:
            yield f"{many(masks, 'mask')} joined to images that were there without"
        for column, name in COMPLETED.items():
            if n := completed[column]:
                yield f"{many(n, 'image')} got a {name}"
            if n := replaced[column]:
                yield f"{many(n, 'image')} got another {name}"

    def take_back(self) -> None:
        """Undo the whole addition and remove it from the history."""
        with self._writing() as session:
            for change in reversed(self._changes):
                if history.holds(session, change):
                    history.forget_addition(session, change)
            if self._must_regroup:
                regroup(session)
        self._changes = []


def statement_of(new: NewImage) -> Statement:
    """What a new image says about the same image, if the study has it."""
    return Statement(new.file, new.sha256, new.class_name, new.mask, new.patient, new.site, new.device)


class _Present(NamedTuple):
    id: int
    removed: bool
    known: Known


def _present(session: Session, files: Iterable[str]) -> dict[tuple[str, str], _Present]:
    found = {}
    columns = [getattr(ImageRow, name) for name in ("file", "class_name", "kind", "mask", "patient", "site", "device")]
    query = select(CONTENT, ImageRow.sha256, ImageRow.id, ImageRow.removed, *columns)
    query = query.order_by(ImageRow.removed.desc())  # of two with the same content, the present one wins
    for some in chunks(sorted(files)):
        rows = session.execute(query.where(ImageRow.file.in_(some)))
        for imported, present, image_id, removed, file, class_name, kind, mask, *rest in rows:
            known = Known(file, class_name, kind == "real", mask is not None, *rest)
            # A covered image that was exported and is imported again is still the same image.
            found[file, imported] = found[file, present] = _Present(image_id, removed, known)
    return found
