"""The catalog of a study: which images there are, what they are, and every change made to that. SQLite.

An image is known by its name as imported (`benign/benign (1).png`) together with its content hash, so that
importing the same folder twice adds nothing, and two names for the same bytes stay two images.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Select, create_engine, delete, event, func, insert, select, text, union
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, aliased

from busapp.engine.catalog import history as steps
from busapp.engine.catalog.addition import CONTENT, Addition
from busapp.engine.catalog.covers import fitting_covers
from busapp.engine.catalog.groups import IS_PAIR, IS_SAME, regroup
from busapp.engine.catalog.records import Change, Cover, FoundPair, ImageRecord, Kind, Measures, NewImage, Pair, Verdict
from busapp.engine.catalog.tables import (
    FORMAT,
    SAME_FILE,
    ChangeRow,
    FlagRow,
    ImageRow,
    MeasureRow,
    PairRow,
    make_tables,
    prepare_connection,
)
from busapp.engine.utils.words import many
from busapp.errors import BadInput, DamagedStudy, NoSpace, UserError

_RECORD_COLUMNS = [getattr(ImageRow, name) for name in ImageRecord._fields]
_FIRST, _SECOND = aliased(ImageRow), aliased(ImageRow)


def _pairs_of_present() -> Select[Any]:
    return (
        select(*PairRow.__table__.columns)
        .join(_FIRST, _FIRST.id == PairRow.first)
        .join(_SECOND, _SECOND.id == PairRow.second)
        .where(IS_PAIR, _FIRST.removed.is_(False), _SECOND.removed.is_(False))
        .order_by(PairRow.first, PairRow.second)
    )


class Catalog:
    """The images of one study. Safe to use from several threads: each call has its own connection."""

    def __init__(self, path: Path) -> None:
        """Open the catalog, making it if there is none.

        Raises:
            DamagedStudy: the file is not a catalog of this program; it is left as it is.
            BadInput: it cannot be written to, or another program does so for too long.
            NoSpace: the disk is full.
        """
        self._path = path
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", prepare_connection)
        try:
            with self._engine.connect() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if path.stat().st_size and connection.execute(text("PRAGMA quick_check")).scalar_one() != "ok":
                    raise DatabaseError("quick_check", None, ValueError("damaged"))
            if version > FORMAT:
                self._engine.dispose()
                what = "The study was made by a newer version of busapp"
                raise DamagedStudy(what, file=path, remedy="Open it with that version.")
            if version < FORMAT:
                with self._engine.begin() as connection:
                    make_tables(connection, version)
        except DatabaseError as error:
            self._engine.dispose()
            if circumstances := _circumstances(error, path):
                raise circumstances from error
            raise DamagedStudy(
                "The catalog of the study is damaged; it was left as it is",
                file=path,
                remedy="Restore it from a copy, or start a new study and import the images again.",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except OperationalError as error:
            if circumstances := _circumstances(error, self._path):
                raise circumstances from error
            raise

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that alone may write until it ends."""
        with self._session() as session:
            # Read and write as one: a number that another thread took meanwhile would be taken twice.
            session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            yield session

    # -- reading -------------------------------------------------------------------------------------------

    def images(
        self,
        *,
        class_name: str | None = None,
        kind: Kind | None = None,
        run: str | None = None,
        with_excluded: bool = True,
        in_pairs: bool = False,
    ) -> list[ImageRecord]:
        """The images, in the order in which they came in; with `in_pairs` only those that pairs speak of."""
        query = select(*_RECORD_COLUMNS).where(ImageRow.removed.is_(False)).order_by(ImageRow.id)
        if class_name is not None:
            query = query.where(ImageRow.class_name == class_name)
        if kind is not None:
            query = query.where(ImageRow.kind == kind)
        if run is not None:
            query = query.where(ImageRow.run == run)
        if not with_excluded:
            query = query.where(ImageRow.excluded.is_(None))
        if in_pairs:
            query = query.where(ImageRow.id.in_(union(select(PairRow.first), select(PairRow.second))))
        with self._session() as session:
            # A hundred thousand rows take half the time without the session's own handling of rows.
            return list(map(ImageRecord._make, session.connection().execute(query).fetchall()))

    def image(self, image_id: int) -> ImageRecord | None:
        """One image, or None where the study does not have it (any more)."""
        query = select(*_RECORD_COLUMNS).where(ImageRow.id == image_id, ImageRow.removed.is_(False))
        with self._session() as session:
            row = session.execute(query).one_or_none()
            return None if row is None else ImageRecord(*row)

    def classes(self) -> list[str]:
        """The class names in their fixed order, the alphabet's."""
        query = select(ImageRow.class_name).where(ImageRow.removed.is_(False)).distinct().order_by(ImageRow.class_name)
        with self._session() as session:
            return list(session.scalars(query))

    def counts(self, kind: Kind | None = "real", *, with_excluded: bool = False) -> dict[str, int]:
        """Images per class, every class of the study named even where it has none of this kind."""
        counted = [] if kind is None else [ImageRow.kind == kind]
        if not with_excluded:
            counted.append(ImageRow.excluded.is_(None))
        query = (
            select(ImageRow.class_name, func.count().filter(*counted) if counted else func.count())
            .where(ImageRow.removed.is_(False))
            .group_by(ImageRow.class_name)
            .order_by(ImageRow.class_name)
        )
        with self._session() as session:
            rows = session.execute(query).all()
        return {name: count for name, count in rows}  # noqa: C416  (a row is no pair to a type checker)

    def flags(self) -> dict[int, list[str]]:
        """Quality flags by image id; images without any are absent."""
        found: dict[int, list[str]] = {}
        with self._session() as session:
            for image_id, flag in session.execute(select(FlagRow.image_id, FlagRow.flag).order_by(FlagRow.flag)):
                found.setdefault(image_id, []).append(flag)
        return found

    def measures(self) -> dict[int, Measures]:
        """What curation measured, by image id."""
        query = select(MeasureRow.image_id, *(getattr(MeasureRow, name) for name in Measures._fields))
        with self._session() as session:
            rows = session.connection().execute(query).fetchall()
        return {row[0]: Measures._make(row[1:]) for row in rows}

    def pairs(self) -> list[Pair]:
        """Pairs of images of the study that look alike or were joined by hand, those judged different too."""
        with self._session() as session:
            return [Pair(*row) for row in session.execute(_pairs_of_present())]

    def conflicts(self) -> list[tuple[int, int]]:
        """Those pairs of near-duplicates that have different classes now, but for those judged different."""
        query = _pairs_of_present().where(IS_SAME, _FIRST.class_name != _SECOND.class_name)
        with self._session() as session:
            return [(row.first, row.second) for row in session.execute(query)]

    def fingerprint(self) -> str:
        """A hash of everything that a run depends on: contents, classes, kinds, groups, what is set aside."""
        digest = hashlib.sha256()
        for row in sorted(
            (r.file, r.sha256, r.class_name, r.kind, str(r.group), str(r.excluded)) for r in self.images()
        ):
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return digest.hexdigest()

    def state(self) -> tuple[object, ...]:
        """Something cheap to compare that is another one after any change of images, flags or measures."""
        newest = select(ChangeRow.what).order_by(ChangeRow.id.desc()).limit(1)
        with self._session() as session:
            # A change grows while an import works, which its words tell.
            measured = session.scalar(select(func.count()).select_from(MeasureRow))
            return steps.revision(session), session.scalar(newest), measured

    # -- bringing in ---------------------------------------------------------------------------------------

    def known(self) -> dict[tuple[str, str], bool]:
        """(file, content hash) of every image of the study, and whether it has a mask; of a covered one the hash of
        the content that was imported and of the covered one."""
        columns = ImageRow.file, CONTENT, ImageRow.sha256, ImageRow.mask.is_not(None)
        known: dict[tuple[str, str], bool] = {}
        with self._session() as session:
            for file, imported, present, has_mask in session.execute(
                select(*columns).where(ImageRow.removed.is_(False))
            ):
                known[file, imported] = known[file, present] = has_mask
        return known

    def addition(self, in_words: Callable[[int], str]) -> Addition:
        """Images to come in step by step, as one change that can be undone; `in_words` says what so many are called
        in the history (`lambda n: f"{n} images imported"`)."""
        return Addition(self.writing, in_words)

    def add(self, images: Sequence[NewImage], what: str) -> int:
        """Add images in one change that can be undone; how many were new. Those undone earlier come back."""
        addition = self.addition(lambda _: what)
        return addition.add(images)

    # -- changing ------------------------------------------------------------------------------------------

    def exclude(self, ids: Iterable[int], reason: str | None) -> None:
        """Set images aside with a reason, or bring them back (None). Nothing is deleted; can be undone."""
        say = f"set aside: {reason}" if reason else "brought back"
        self._change({image_id: {"excluded": reason} for image_id in ids}, lambda n: f"{many(n, 'image')} {say}")

    def exclude_each(self, reasons: Mapping[int, str], why: str) -> None:
        """Set images aside in one change, each by its id with a reason of its own; `why` says for the history what the
        reasons have in common. Can be undone."""
        values = {image_id: {"excluded": reason} for image_id, reason in reasons.items()}
        self._change(values, lambda n: f"{many(n, 'image')} set aside: {why}")

    def reclassify(self, ids: Iterable[int], class_name: str) -> None:
        """Give images another class; can be undone."""
        self._change(
            {image_id: {"class_name": class_name} for image_id in ids},
            lambda n: f"{many(n, 'image')} {'is' if n == 1 else 'are'} now {class_name}",
        )

    def _change(self, values_by_id: dict[int, dict[str, Any]], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = steps.set_columns(session, values_by_id)
            if back:
                steps.record(session, in_words(len(back)), back)

    def cover(self, covers: Sequence[Cover], in_words: Callable[[int], str]) -> set[int]:
        """Let images have another content, in one change that can be undone; the ids of those that have it now.

        An image stays as it is if it no longer has the content that was covered, or if another image of its name has
        the new content. Each is still known by the content that was imported: importing that again adds nothing."""
        with self.writing() as session:
            fitting = fitting_covers(session, covers)
            values = {
                image.id: {"sha256": sha256, "suffix": suffix, "original": image.original or image.sha256}
                for image, sha256, suffix, _ in fitting
            }
            flags = {cover.image.id: cover.flags for cover in fitting}
            back = steps.set_columns(session, values) + steps.set_flags(session, flags)
            if back:
                steps.record(session, in_words(len(fitting)), back)
        return set(values)

    def judge(self, pairs: Iterable[tuple[int, int]], verdict: Verdict | None) -> None:
        """Say of pairs that they show the same picture, or different ones, or take that back (None); groups follow.
        Can be undone, and holds when curation looks again."""
        say = {"same": "the same picture", "different": "different pictures", None: "not decided"}[verdict]
        self._judge({_ordered(pair): verdict for pair in pairs}, lambda n: f"{many(n, 'pair')}: {say}")

    def join(self, ids: Sequence[int]) -> None:
        """Make images one group, whether or not they look alike; can be undone."""
        first, *others = sorted(ids)
        verdicts: dict[tuple[int, int], Verdict | None] = {(first, other): "same" for other in others}
        self._judge(verdicts, lambda _: f"{len(ids)} images joined to one group")

    def split(self, ids: Iterable[int]) -> int:
        """Take images out of their groups, together: they are different pictures from those that stay. Can be undone.
        How many pairs that parted; 0 where it is not likeness that holds the group together, but the patient or the
        same bytes."""
        out = set(ids)
        crossing = [pair for pair in self.pairs() if (pair.first in out) != (pair.second in out)]
        alike = [pair for pair in crossing if pair.verdict != "different" and pair.how != SAME_FILE]
        parted: dict[tuple[int, int], Verdict | None] = {(pair.first, pair.second): "different" for pair in alike}
        self._judge(parted, lambda _: f"{many(len(out), 'image')} taken out of their groups")
        return len(parted)

    def _judge(self, verdicts: dict[tuple[int, int], Verdict | None], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = steps.set_verdicts(session, dict(verdicts))
            if back:
                steps.record(session, in_words(len(back)), back)
                regroup(session)

    def set_curation(
        self,
        seen: Iterable[int],
        pairs: Iterable[FoundPair],
        flags: Mapping[int, Iterable[str]],
        measures: Mapping[int, Measures],
    ) -> None:
        """Replace what curation found: the ids of the images that it saw, pairs of near-duplicates, flags, measures.
        The groups follow from the pairs. What the user said of pairs, and pairs joined by hand, stay. Images that
        were taken back while curation looked at them are left out."""
        with self.writing() as session:
            present = set(session.scalars(select(ImageRow.id).where(ImageRow.removed.is_(False))))
            judged = {
                (row.first, row.second): row
                for row in session.execute(select(*PairRow.__table__.columns).where(PairRow.verdict.is_not(None)))
            }
            rows = {
                (row.first, row.second): [row.first, row.second, row.similarity, row.how, row.verdict]
                for row in judged.values()
            }
            for pair in pairs:
                key = _ordered((pair.first, pair.second))
                if not present.issuperset(key):
                    continue
                verdict = judged[key].verdict if key in judged else None
                rows[key] = [*key, pair.similarity, pair.how, verdict]
            found: dict[str, list[Any]] = {
                "pairs": list(rows.values()),
                "flags": [
                    [image_id, name] for image_id, names in flags.items() if image_id in present for name in names
                ],
                "checked": sorted(present.intersection(seen)),
            }
            back = steps.set_curation(session, found)
            if back:
                steps.record(session, f"{many(len(found['checked']), 'image')} checked", back)
            session.execute(delete(MeasureRow))
            rows_of_measures = [
                {"image_id": image_id, **values._asdict()}
                for image_id, values in measures.items()
                if image_id in present
            ]
            if rows_of_measures:
                session.execute(insert(MeasureRow), rows_of_measures)
            regroup(session)

    # -- history -------------------------------------------------------------------------------------------

    def history(self) -> list[Change]:
        """Every change, the newest first."""
        query = select(ChangeRow.id, ChangeRow.at, ChangeRow.what, ChangeRow.undone_in.is_not(None))
        with self._session() as session:
            return [Change(*row) for row in session.execute(query.order_by(ChangeRow.id.desc()))]

    def undo(self) -> str | None:
        """Take back the newest change that still holds; what it was, or None where there is none."""
        with self.writing() as session:
            undone = steps.undo(session)
            regroup(session)
            return undone

    def redo(self) -> str | None:
        """Make the change again that was taken back last, if nothing was changed since; what it was, or None."""
        with self.writing() as session:
            redone = steps.redo(session)
            regroup(session)
            return redone

    def revision(self) -> int:
        """The number of the newest change or undoing: with it a run can say later what has changed since."""
        with self._session() as session:
            return steps.revision(session)

    def changes_since(self, revision: int) -> list[str]:
        """What has changed since a revision, in words, the oldest first; changes of it that were taken back, too."""
        with self._session() as session:
            return steps.since(session, revision)


def _circumstances(error: DatabaseError, path: Path) -> UserError | None:
    """What keeps a sound catalog from being used, if that is what SQLite complains of."""
    said, name = str(error.orig), getattr(error.orig, "sqlite_errorname", "")
    if "disk is full" in said or name == "SQLITE_IOERR_SHMSIZE":  # no room for the file that connections share
        return NoSpace("The disk is full", file=path, remedy="Free some space; nothing stored was changed.")
    if "readonly" in said or "unable to open" in said:
        remedy = "Check that you may write to its folder, and that its drive is not read-only; or open a copy."
        return BadInput("The study cannot be written to", file=path, remedy=remedy)
    if "is locked" in said:
        remedy = "Wait until it is done, and try again; nothing stored was changed."
        return BadInput("Another program is writing to the study", file=path, remedy=remedy)
    return None


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)
