"""The history of a catalog: each change carries the steps that take it back, and taking it back, those that redo it.

A step is a list: its kind, and what it needs.

- `["image", id, {column: value, …}]`: give an image these values
- `["verdict", first, second, verdict]`: what the user said of a pair
- `["added", change, removed]`: whether the images that a change brought in are gone
- `["flags", id, [flag, …]]`: the flags of one image
- `["curation", {"pairs": […], "flags": {…}, "checked": [id, …]}]`: all that curation found
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog.tables import BY_HAND, ChangeRow, FlagRow, ImageRow, PairRow

Step = list[Any]
T = TypeVar("T")

AT_ONCE = 10_000
"""SQLite takes about 32,000 values in one statement."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in parts that one statement can take."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def revision(session: Session) -> int:
    """The number of the newest change or undoing, 0 where there is none."""
    made, undone = session.execute(select(func.max(ChangeRow.id), func.max(ChangeRow.undone_in))).one()
    return max(made or 0, undone or 0)


def record(session: Session, what: str, steps: Iterable[Step]) -> int:
    """Write a change down with the steps that take it back; its number. What was undone before cannot be redone."""
    session.execute(update(ChangeRow).where(ChangeRow.undone_in.is_not(None)).values(undo=""))
    change = ChangeRow(id=revision(session) + 1, at=_now(), what=what, undo=json.dumps(list(steps)))
    session.add(change)
    session.flush()
    return change.id


def record_addition(session: Session, what: str) -> int:
    """Write down that images come in under the number that is returned."""
    number = record(session, what, [])
    extend(session, number, what, [["added", number, True]])
    return number


def extend(session: Session, number: int, what: str, steps: Iterable[Step]) -> None:
    """Write down that more came to a change."""
    change = session.get_one(ChangeRow, number)
    change.what, change.undo = what, json.dumps([*json.loads(change.undo), *steps])


def holds(session: Session, number: int) -> bool:
    """Whether there is a change of this number, and nobody has taken it back."""
    change = session.get(ChangeRow, number)
    return change is not None and change.undone_in is None


def forget_addition(session: Session, number: int) -> None:
    """Take an addition back as if it had never been."""
    change = session.get_one(ChangeRow, number)
    _swap(session, change)
    # The number will be given again, and whoever makes that change again must not bring these images back.
    session.execute(update(ImageRow).where(ImageRow.change == number).values(change=None))
    session.delete(change)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def undo(session: Session) -> str | None:
    """Take back the newest change that holds; what it was, or None where there is none."""
    change = session.scalars(
        select(ChangeRow).where(ChangeRow.undone_in.is_(None)).order_by(ChangeRow.id.desc()).limit(1)
    ).one_or_none()
    if change is None:
        return None
    _swap(session, change)
    change.undone_in = revision(session) + 1
    return change.what


def redo(session: Session) -> str | None:
    """Make again what was taken back last, if nothing was changed since; what it was, or None."""
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
    """What has changed since a revision, the oldest first; a change that was taken back since is named as such."""
    query = select(ChangeRow.id, ChangeRow.undone_in, ChangeRow.what).order_by(ChangeRow.id)
    changed = []
    for made, undone, what in session.execute(query):
        if made > number and undone is None:
            changed.append(what)
        elif made <= number and undone is not None and undone > number:
            changed.append(f"Taken back: {what}")
    return changed


def _swap(session: Session, change: ChangeRow) -> None:
    """Take the steps of a change, and keep those that lead back."""
    back: list[Step] = []
    for kind, steps in groupby(json.loads(change.undo), key=lambda step: step[0]):
        back[:0] = _TAKE[kind](session, list(steps))
    change.undo = json.dumps(back)


def set_columns(session: Session, values_by_id: dict[int, dict[str, Any]]) -> list[Step]:
    """Give images other values; the steps back, those of images that had these values already left out."""
    columns = sorted({column for values in values_by_id.values() for column in values})
    if not columns:
        return []
    back: list[Step] = []
    rows: list[dict[str, Any]] = []
    for some in chunks(list(values_by_id)):
        query = select(ImageRow.id, *(getattr(ImageRow, column) for column in columns)).where(ImageRow.id.in_(some))
        for image_id, *before in session.execute(query):
            old = dict(zip(columns, before, strict=True))
            wanted = old | values_by_id[image_id]
            if wanted != old:
                back.append(["image", image_id, {name: old[name] for name in columns if wanted[name] != old[name]}])
                rows.append({"of": image_id, **{f"new_{column}": wanted[column] for column in columns}})
    if rows:
        table = ImageRow.__table__
        new: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
        session.connection().execute(update(table).where(table.c.id == bindparam("of")).values(new), rows)  # type: ignore[arg-type]
    return back


def set_verdicts(session: Session, verdicts: dict[tuple[int, int], str | None]) -> list[Step]:
    """Say of pairs what they are, making those that are not there yet; the steps back."""
    back: list[Step] = []
    for (first, second), verdict in verdicts.items():
        pair = session.get(PairRow, (first, second))
        if pair is None:
            pair = PairRow(first=first, second=second, similarity=0.0, how=BY_HAND, verdict=None)
            session.add(pair)
        if pair.verdict != verdict:
            back.append(["verdict", first, second, pair.verdict])
            pair.verdict = verdict
    session.flush()
    return back


def set_flags(session: Session, flags: dict[int, list[str]]) -> list[Step]:
    """Give images other flags; the steps back."""
    back: list[Step] = []
    for image_id, names in flags.items():
        of_image = FlagRow.image_id == image_id
        before = list(session.scalars(select(FlagRow.flag).where(of_image).order_by(FlagRow.flag)))
        if before != sorted(names):
            back.append(["flags", image_id, before])
            session.execute(delete(FlagRow).where(of_image))
            session.add_all(FlagRow(image_id=image_id, flag=name) for name in names)
    return back


def set_curation(session: Session, found: dict[str, Any]) -> list[Step]:
    """Replace all pairs and flags, and which images were looked at; the step back, if anything is new."""
    before: dict[str, list[Any]] = {
        "pairs": [list(row) for row in session.execute(select(*PairRow.__table__.columns))],
        "flags": [list(row) for row in session.execute(select(*FlagRow.__table__.columns))],
        "checked": list(session.scalars(select(ImageRow.id).where(ImageRow.checked))),
    }
    if all(sorted(before[name]) == sorted(found[name]) for name in before):
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
    return [["curation", before]]


def _set_added(session: Session, steps: list[Step]) -> list[Step]:
    for _, change, removed in steps:
        session.execute(update(ImageRow).where(ImageRow.change == change).values(removed=removed))
    return [["added", change, not removed] for _, change, removed in steps]


def _set_all_curation(session: Session, steps: list[Step]) -> list[Step]:
    return [back for _, found in steps for back in set_curation(session, found)]


_TAKE = {
    "image": lambda session, steps: set_columns(session, {image_id: values for _, image_id, values in steps}),
    "verdict": lambda session, steps: set_verdicts(session, {(first, second): v for _, first, second, v in steps}),
    "flags": lambda session, steps: set_flags(session, {image_id: names for _, image_id, names in steps}),
    "added": _set_added,
    "curation": _set_all_curation,
}
