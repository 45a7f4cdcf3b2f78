"""The history of a catalog. Each change keeps the steps that undo it; an undone change keeps those that redo it.

The steps are stored as JSON arrays. Each begins with its kind:

- `["image", id, {column: value, …}]`: set columns of an image
- `["verdict", first, second, verdict]`: set the user's verdict on a pair
- `["added", change, removed]`: mark the images that a change brought in as removed, or as present
- `["flags", id, [flag, …]]`: set the flags of one image
- `["curation", {"pairs": […], "flags": […], "checked": [id, …]}]`: replace everything that curation found
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal, TypedDict, TypeVar

from sqlalchemy import BindParameter, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog.schema import BY_HAND, ChangeRow, FlagRow, ImageRow, PairRow

T = TypeVar("T")
Columns = Mapping[str, str | int | float | bool | None]
"""Values of an image by the names of its columns."""


class CurationFound(TypedDict):
    """Everything that curation found: rows of the tables of pairs and flags, and the ids of the checked images."""

    pairs: list[tuple[int, int, float, str, str | None]]
    flags: list[tuple[int, str]]
    checked: list[int]


ImageStep = tuple[Literal["image"], int, Columns]
VerdictStep = tuple[Literal["verdict"], int, int, str | None]
AddedStep = tuple[Literal["added"], int, bool]
FlagsStep = tuple[Literal["flags"], int, list[str]]
CurationStep = tuple[Literal["curation"], CurationFound]
UndoStep = ImageStep | VerdictStep | AddedStep | FlagsStep | CurationStep
"""One step of an undo or redo; the docstring of this module describes each kind."""

AT_ONCE = 10_000
"""Values in one statement; SQLite takes about 32,000."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split the values into parts that fit into one statement."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def revision(session: Session) -> int:
    """The number of the newest change or undo, 0 if there is none."""
    made, undone = session.execute(select(func.max(ChangeRow.id), func.max(ChangeRow.undone_in))).one()
    return max(made or 0, undone or 0)


def record_change(session: Session, what: str, steps: Iterable[UndoStep]) -> int:
    """Record a change with the steps that undo it, and return its number. Changes undone earlier can no longer be
    redone."""
    session.execute(update(ChangeRow).where(ChangeRow.undone_in.is_not(None)).values(undo=""))
    change = ChangeRow(id=revision(session) + 1, at=_now(), what=what, undo=json.dumps(list(steps)))
    session.add(change)
    session.flush()
    return change.id


def record_addition(session: Session, what: str) -> int:
    """Record that images come in, and return the number of the change."""
    number = record_change(session, what, [])
    extend(session, number, what, [("added", number, True)])
    return number


def extend(session: Session, number: int, what: str, steps: Iterable[UndoStep]) -> None:
    """Add steps to a recorded change and replace its description."""
    change = session.get_one(ChangeRow, number)
    change.what, change.undo = what, json.dumps([*json.loads(change.undo), *steps])


def holds(session: Session, number: int) -> bool:
    """True if the change with this number exists and is not undone."""
    change = session.get(ChangeRow, number)
    return change is not None and change.undone_in is None


def forget_addition(session: Session, number: int) -> None:
    """Undo an addition and remove it from the history."""
    change = session.get_one(ChangeRow, number)
    _swap(session, change)
    # The number will be used again. Redoing that later change must not bring these images back.
    session.execute(update(ImageRow).where(ImageRow.change == number).values(change=None))
    session.delete(change)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def undo(session: Session) -> str | None:
    """Undo the newest change that is not undone. Returns its description, None if there is none."""
    change = session.scalars(
        select(ChangeRow).where(ChangeRow.undone_in.is_(None)).order_by(ChangeRow.id.desc()).limit(1)
    ).one_or_none()
    if change is None:
        return None
    _swap(session, change)
    change.undone_in = revision(session) + 1
    return change.what


def redo(session: Session) -> str | None:
    """Redo the change that was undone last, if nothing was changed since. Returns its description, None if there is
    none."""
    undone = select(ChangeRow).where(ChangeRow.undone_in.is_not(None), ChangeRow.undo != "")
    change = session.scalars(undone.order_by(ChangeRow.undone_in.desc()).limit(1)).one_or_none()
    if change is None:
        return None
    _swap(session, change)
    number = revision(session) + 1
    session.execute(update(ImageRow).where(ImageRow.change == change.id).values(change=number))
    steps = [["added", number, step[2]] if step[0] == "added" else step for step in json.loads(change.undo)]
    change.undo, change.id, change.undone_in = json.dumps(steps), number, None
    return change.what


def since(session: Session, number: int) -> list[str]:
    """Descriptions of everything that changed after a revision, oldest first, including earlier changes that were
    undone since."""
    query = select(ChangeRow.id, ChangeRow.undone_in, ChangeRow.what).order_by(ChangeRow.id)
    changed = []
    for made, undone, what in session.execute(query):
        if made > number and undone is None:
            changed.append(what)
        elif made <= number and undone is not None and undone > number:
            changed.append(f"Undone: {what}")
    return changed


def _swap(session: Session, change: ChangeRow) -> None:
    """Apply the steps of a change, and keep the steps that lead back in their place."""
    back: list[UndoStep] = []
    for kind, steps in groupby(json.loads(change.undo), key=lambda step: step[0]):
        back[:0] = _APPLY[kind](session, list(steps))
    change.undo = json.dumps(back)


def set_columns(session: Session, values_by_id: Mapping[int, Columns]) -> list[ImageStep]:
    """Set columns of images. Returns the steps that undo it, none for images that had these values already."""
    columns = sorted({column for values in values_by_id.values() for column in values})
    if not columns:
        return []
    back: list[ImageStep] = []
    rows: list[dict[str, object]] = []
    for some in chunks(list(values_by_id)):
        query = select(ImageRow.id, *(getattr(ImageRow, column) for column in columns)).where(ImageRow.id.in_(some))
        for image_id, *before in session.execute(query):
            old = dict(zip(columns, before, strict=True))
            wanted = old | dict(values_by_id[image_id])
            if wanted != old:
                back.append(("image", image_id, {name: old[name] for name in columns if wanted[name] != old[name]}))
                rows.append({"of": image_id, **{f"new_{column}": wanted[column] for column in columns}})
    if rows:
        table = ImageRow.__table__
        new: dict[str, BindParameter[Any]] = {column: bindparam(f"new_{column}") for column in columns}
        session.connection().execute(update(table).where(table.c.id == bindparam("of")).values(new), rows)  # type: ignore[arg-type]
    return back


def set_verdicts(session: Session, verdicts: Mapping[tuple[int, int], str | None]) -> list[VerdictStep]:
    """Set the user's verdict on pairs, adding pairs that are missing. Returns the steps that undo it."""
    back: list[VerdictStep] = []
    for (first, second), verdict in verdicts.items():
        pair = session.get(PairRow, (first, second))
        if pair is None:
            pair = PairRow(first=first, second=second, similarity=0.0, how=BY_HAND, verdict=None)
            session.add(pair)
        if pair.verdict != verdict:
            back.append(("verdict", first, second, pair.verdict))
            pair.verdict = verdict
    session.flush()
    return back


def set_flags(session: Session, flags: Mapping[int, list[str]]) -> list[FlagsStep]:
    """Replace the flags of images. Returns the steps that undo it."""
    back: list[FlagsStep] = []
    for image_id, names in flags.items():
        of_image = FlagRow.image_id == image_id
        before = list(session.scalars(select(FlagRow.flag).where(of_image).order_by(FlagRow.flag)))
        if before != sorted(names):
            back.append(("flags", image_id, before))
            session.execute(delete(FlagRow).where(of_image))
            session.add_all(FlagRow(image_id=image_id, flag=name) for name in names)
    return back


def set_curation(session: Session, found: CurationFound) -> list[CurationStep]:
    """Replace all pairs, all flags and the marks of checked images. Returns the step that undoes it, none if nothing
    changes."""
    before: CurationFound = {
        "pairs": [tuple(row) for row in session.execute(select(*PairRow.__table__.columns))],
        "flags": [tuple(row) for row in session.execute(select(*FlagRow.__table__.columns))],
        "checked": list(session.scalars(select(ImageRow.id).where(ImageRow.checked))),
    }
    if (
        sorted(before["pairs"]) == sorted(map(tuple, found["pairs"]))
        and sorted(before["flags"]) == sorted(map(tuple, found["flags"]))
        and sorted(before["checked"]) == sorted(found["checked"])
    ):
        return []
    session.execute(delete(PairRow))
    session.execute(delete(FlagRow))
    for table, rows in ((PairRow, found["pairs"]), (FlagRow, found["flags"])):
        names = [column.name for column in table.__table__.columns]
        if rows:
            session.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
    session.execute(update(ImageRow).values(checked=False))
    for some in chunks(found["checked"]):
        session.execute(update(ImageRow).where(ImageRow.id.in_(some)).values(checked=True))
    return [("curation", before)]


def _set_added(session: Session, steps: Iterable[AddedStep]) -> list[AddedStep]:
    back: list[AddedStep] = []
    for _, change, removed in steps:
        session.execute(update(ImageRow).where(ImageRow.change == change).values(removed=removed))
        back.append(("added", change, not removed))
    return back


def _oldest(steps: Sequence[ImageStep]) -> dict[int, Columns]:
    """The columns to set by image. If steps set a column of an image repeatedly, the first leads back furthest."""
    values: dict[int, Columns] = {}
    for _, image_id, columns in reversed(steps):
        values[image_id] = {**values.get(image_id, {}), **columns}
    return values


_APPLY: dict[str, Callable[[Session, list[Any]], Iterable[UndoStep]]] = {
    "image": lambda session, steps: set_columns(session, _oldest(steps)),
    "verdict": lambda session, steps: set_verdicts(session, {(first, second): v for _, first, second, v in steps}),
    "flags": lambda session, steps: set_flags(session, {image_id: names for _, image_id, names in steps}),
    "added": _set_added,
    "curation": lambda session, steps: [back for _, found in steps for back in set_curation(session, found)],
}
"""Applies steps of one kind, as read from JSON, and returns the steps that lead back."""
