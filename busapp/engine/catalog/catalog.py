"""The catalog of a study: its images, their properties, and the history of every change. Stored in SQLite.

The name as imported (`benign/benign (1).png`) and the content hash together identify an image. Importing the same
folder twice therefore adds nothing, and two names for the same bytes stay two images.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Select, create_engine, delete, event, func, insert, select, text, union
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, aliased

from busapp.engine.catalog import history
from busapp.engine.catalog.addition import CONTENT, Addition
from busapp.engine.catalog.circumstances import unusable_now
from busapp.engine.catalog.covers import fitting_covers
from busapp.engine.catalog.groups import IS_PAIR, IS_SAME, regroup
from busapp.engine.catalog.history import Columns, CurationFound, UndoStep
from busapp.engine.catalog.records import Change, Cover, FoundPair, ImageRecord, Kind, Measures, NewImage, Pair, Verdict
from busapp.engine.catalog.schema import (
    FORMAT,
    SAME_FILE,
    ChangeRow,
    FlagRow,
    ImageRow,
    MeasureRow,
    PairRow,
    close_connections,
    make_tables,
    prepare_connection,
)
from busapp.engine.utils.words import many
from busapp.errors import DamagedStudy

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
        """Open the catalog, or create it.

        Raises:
            DamagedStudy: the file is not a catalog of this program. It is left as it is.
            BadInput: the file cannot be written to, or another program keeps it locked for too long.
            NoSpace: the disk is full.
        """
        self._path = path
        self._engine: Engine = create_engine(URL.create("sqlite", database=str(path)))
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
            if reason := unusable_now(error, path):
                raise reason from error
            raise DamagedStudy(
                "The catalog of the study is damaged and was left unchanged",
                file=path,
                remedy="Restore it from a copy, or start a new study and import the images again.",
            ) from error

    def close(self) -> None:
        """Close the file."""
        close_connections(self._engine)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except OperationalError as error:
            if reason := unusable_now(error, self._path):
                raise reason from error
            raise

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session with an exclusive right to write until it ends."""
        with self._session() as session:
            # Read and write in one transaction, or two threads could take the same number.
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
        """Images in the order in which they came in; with `in_pairs` only those that belong to any pair."""
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
        """One image, None if it is not in the study or no longer in it."""
        query = select(*_RECORD_COLUMNS).where(ImageRow.id == image_id, ImageRow.removed.is_(False))
        with self._session() as session:
            row = session.execute(query).one_or_none()
            return None if row is None else ImageRecord(*row)

    def classes(self) -> list[str]:
        """The class names in alphabetical order, which is their fixed order everywhere."""
        query = select(ImageRow.class_name).where(ImageRow.removed.is_(False)).distinct().order_by(ImageRow.class_name)
        with self._session() as session:
            return list(session.scalars(query))

    def counts(self, kind: Kind | None = "real", *, with_excluded: bool = False) -> dict[str, int]:
        """Number of images per class. Every class of the study is listed, also with 0 images of this kind."""
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
        """Quality flags by image id. Images without flags are absent."""
        found: dict[int, list[str]] = {}
        with self._session() as session:
            for image_id, flag in session.execute(select(FlagRow.image_id, FlagRow.flag).order_by(FlagRow.flag)):
                found.setdefault(image_id, []).append(flag)
        return found

    def measures(self) -> dict[int, Measures]:
        """Measurements of curation by image id."""
        query = select(MeasureRow.image_id, *(getattr(MeasureRow, name) for name in Measures._fields))
        with self._session() as session:
            rows = session.connection().execute(query).fetchall()
        return {row[0]: Measures._make(row[1:]) for row in rows}

    def pairs(self) -> list[Pair]:
        """Pairs of images that look alike or were joined by hand, including those judged different."""
        with self._session() as session:
            return [Pair(*row) for row in session.execute(_pairs_of_present())]

    def conflicts(self) -> list[tuple[int, int]]:
        """Ids of the pairs of near-duplicates whose classes differ now, except those judged different."""
        query = _pairs_of_present().where(IS_SAME, _FIRST.class_name != _SECOND.class_name)
        with self._session() as session:
            return [(row.first, row.second) for row in session.execute(query)]

    def fingerprint(self) -> str:
        """A hash of everything that a run depends on: contents, classes, kinds, groups and images set aside."""
        digest = hashlib.sha256()
        for row in sorted(
            (r.file, r.sha256, r.class_name, r.kind, str(r.group), str(r.excluded)) for r in self.images()
        ):
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return digest.hexdigest()

    def state(self) -> tuple[object, ...]:
        """A value that differs after any change of images, flags or measures, and is cheap to compare."""
        newest = select(ChangeRow.what).order_by(ChangeRow.id.desc()).limit(1)
        with self._session() as session:
            # A change grows while an import is running; only its description shows that.
            measured = session.scalar(select(func.count()).select_from(MeasureRow))
            return history.revision(session), session.scalar(newest), measured

    # -- adding ---------------------------------------------------------------------------------------------

    def known(self) -> dict[tuple[str, str], bool]:
        """(file, content hash) of every image of the study; the value is true if it has a mask. A covered image is
        listed with the hash of its imported content and with that of its covered content."""
        columns = ImageRow.file, CONTENT, ImageRow.sha256, ImageRow.mask.is_not(None)
        known: dict[tuple[str, str], bool] = {}
        with self._session() as session:
            for file, imported, present, has_mask in session.execute(
                select(*columns).where(ImageRow.removed.is_(False))
            ):
                known[file, imported] = known[file, present] = has_mask
        return known

    def addition(self, in_words: Callable[[int], str]) -> Addition:
        """Add images step by step, as one change that can be undone. `in_words` describes *n* images in the history
        (`lambda n: f"{n} images imported"`)."""
        return Addition(self.writing, in_words)

    def add(self, images: Sequence[NewImage], what: str) -> int:
        """Add images in one change that can be undone, and return how many were new; see `Addition.add`."""
        addition = self.addition(lambda _: what)
        return addition.add(images)

    # -- changing ------------------------------------------------------------------------------------------

    def exclude(self, ids: Iterable[int], reason: str | None) -> None:
        """Set images aside with a reason, or bring them back (None). Nothing is deleted. Can be undone."""
        say = f"set aside: {reason}" if reason else "brought back"
        self._change({image_id: {"excluded": reason} for image_id in ids}, lambda n: f"{many(n, 'image')} {say}")

    def exclude_each(self, reasons: Mapping[int, str], why: str) -> None:
        """Set images aside in one change, each with its own reason. `why` describes all reasons in the history. Can be
        undone."""
        values = {image_id: {"excluded": reason} for image_id, reason in reasons.items()}
        self._change(values, lambda n: f"{many(n, 'image')} set aside: {why}")

    def reclassify(self, ids: Iterable[int], class_name: str) -> None:
        """Give images another class. Can be undone."""
        self._change(
            {image_id: {"class_name": class_name} for image_id in ids},
            lambda n: f"{many(n, 'image')} {'is' if n == 1 else 'are'} now {class_name}",
        )

    def _change(self, values_by_id: Mapping[int, Columns], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = history.set_columns(session, values_by_id)
            if back:
                history.record_change(session, in_words(len(back)), back)

    def cover(self, covers: Sequence[Cover], in_words: Callable[[int], str]) -> set[int]:
        """Replace the content of images in one change that can be undone. Returns the ids of the replaced images.

        An image stays as it is if its content is no longer the one that was covered, or if another image with the same
        name has the new content. The imported content still identifies each image: importing it again adds nothing."""
        with self.writing() as session:
            fitting = fitting_covers(session, covers)
            values = {
                image.id: {"sha256": sha256, "suffix": suffix, "original": image.original or image.sha256}
                for image, sha256, suffix, _ in fitting
            }
            flags = {cover.image.id: cover.flags for cover in fitting}
            back: list[UndoStep] = [*history.set_columns(session, values), *history.set_flags(session, flags)]
            if back:
                history.record_change(session, in_words(len(fitting)), back)
        return set(values)

    def judge(self, pairs: Iterable[tuple[int, int]], verdict: Verdict | None) -> None:
        """Judge pairs as the same picture or as different pictures, or withdraw the verdict (None). The groups follow.
        Can be undone. A later curation keeps the verdicts."""
        say = {"same": "the same picture", "different": "different pictures", None: "not decided"}[verdict]
        self._judge({_ordered(pair): verdict for pair in pairs}, lambda n: f"{many(n, 'pair')}: {say}")

    def join(self, ids: Sequence[int]) -> None:
        """Join images to one group, whether or not they look alike. Can be undone."""
        first, *others = sorted(ids)
        verdicts: dict[tuple[int, int], Verdict | None] = {(first, other): "same" for other in others}
        self._judge(verdicts, lambda _: f"{len(ids)} images joined to one group")

    def split(self, ids: Iterable[int]) -> int:
        """Take images out of their groups, as different pictures from those that stay. Can be undone.

        Returns the number of separated pairs: 0 if the patient or the same bytes hold the group together."""
        out = set(ids)
        crossing = [pair for pair in self.pairs() if (pair.first in out) != (pair.second in out)]
        alike = [pair for pair in crossing if pair.verdict != "different" and pair.how != SAME_FILE]
        parted: dict[tuple[int, int], Verdict | None] = {(pair.first, pair.second): "different" for pair in alike}
        self._judge(parted, lambda _: f"{many(len(out), 'image')} taken out of their groups")
        return len(parted)

    def _judge(self, verdicts: Mapping[tuple[int, int], Verdict | None], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = history.set_verdicts(session, verdicts)
            if back:
                history.record_change(session, in_words(len(back)), back)
                regroup(session)

    def set_curation(
        self,
        seen: Iterable[int],
        pairs: Iterable[FoundPair],
        flags: Mapping[int, Iterable[str]],
        measures: Mapping[int, Measures],
    ) -> None:
        """Replace the findings of curation: ids of the checked images, pairs of near-duplicates, flags and measures.

        The groups follow from the pairs. The user's verdicts and pairs joined by hand stay. Images that were removed
        while curation was running are skipped."""
        with self.writing() as session:
            present = set(session.scalars(select(ImageRow.id).where(ImageRow.removed.is_(False))))
            judged = {
                (row.first, row.second): row
                for row in session.execute(select(*PairRow.__table__.columns).where(PairRow.verdict.is_not(None)))
            }
            rows = {
                (row.first, row.second): (row.first, row.second, row.similarity, row.how, row.verdict)
                for row in judged.values()
            }
            for pair in pairs:
                key = _ordered((pair.first, pair.second))
                if not present.issuperset(key):
                    continue
                verdict = judged[key].verdict if key in judged else None
                rows[key] = (*key, pair.similarity, pair.how, verdict)
            found: CurationFound = {
                "pairs": list(rows.values()),
                "flags": [(known, name) for known, names in flags.items() if known in present for name in names],
                "checked": sorted(present.intersection(seen)),
            }
            back = history.set_curation(session, found)
            if back:
                history.record_change(session, f"{many(len(found['checked']), 'image')} checked", back)
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
        """Every change, newest first."""
        query = select(ChangeRow.id, ChangeRow.at, ChangeRow.what, ChangeRow.undone_in.is_not(None))
        with self._session() as session:
            return [Change(*row) for row in session.execute(query.order_by(ChangeRow.id.desc()))]

    def undo(self) -> str | None:
        """Undo the newest change that is not undone. Returns its description, None if there is none."""
        with self.writing() as session:
            undone = history.undo(session)
            regroup(session)
            return undone

    def redo(self) -> str | None:
        """Redo the change that was undone last, if nothing was changed since. Returns its description or None."""
        with self.writing() as session:
            redone = history.redo(session)
            regroup(session)
            return redone

    def revision(self) -> int:
        """The number of the newest change or undo. A run keeps it to list later what has changed since."""
        with self._session() as session:
            return history.revision(session)

    def changes_since(self, revision: int) -> list[str]:
        """Descriptions of everything that changed after a revision, oldest first, including undone changes."""
        with self._session() as session:
            return history.since(session, revision)


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)
