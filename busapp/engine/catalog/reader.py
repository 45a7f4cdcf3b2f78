"""Open a catalog and read it: images, classes, counts, pairs and the history."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Select, create_engine, event, func, select, text, union
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, aliased

from busapp.engine.catalog import history
from busapp.engine.catalog.addition import CONTENT
from busapp.engine.catalog.circumstances import unusable_now
from busapp.engine.catalog.groups import IS_PAIR, IS_SAME
from busapp.engine.catalog.known import Known, KnownImages
from busapp.engine.catalog.records import Change, ImageRecord, Kind, Measures, Pair
from busapp.engine.catalog.schema import (
    FORMAT,
    ChangeRow,
    FlagRow,
    ImageRow,
    MeasureRow,
    PairRow,
    close_connections,
    make_tables,
    prepare_connection,
)
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


class CatalogReader:
    """The images of one study, without the means to change them. Each call has its own connection."""

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
                    make_tables(connection)
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

    # -- images --------------------------------------------------------------------------------------------

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

    def known(self) -> KnownImages:
        """All images of the study, to be found by name and content."""
        columns = [getattr(ImageRow, name) for name in ("class_name", "patient", "site", "device")]
        hashes = CONTENT, ImageRow.sha256
        query = select(ImageRow.file, ImageRow.kind, ImageRow.mask.is_not(None), *hashes, *columns)
        known = KnownImages()
        texts: dict[str | None, str | None] = {}
        with self._session() as session:
            rows = session.connection().execute(query.where(ImageRow.removed.is_(False)).order_by(ImageRow.id))
            for file, kind, has_mask, imported, present, *rest in rows:
                # Many images share these texts; each is kept once.
                shared = [texts.setdefault(value, value) for value in rest]
                known.add(Known(file, shared[0] or "", kind == "real", has_mask, *shared[1:]), {imported, present})
        return known

    def places(self, column: Literal["site", "device"]) -> list[str]:
        """The hospitals or the machines of the study's images, in alphabetical order."""
        of_image = getattr(ImageRow, column)
        query = select(of_image).where(ImageRow.removed.is_(False), of_image.is_not(None)).distinct()
        with self._session() as session:
            return sorted(session.scalars(query), key=str.casefold)

    def patient_counts(self) -> Counter[tuple[str | None, str]]:
        """Number of real images in use by patient and class. The patient is None for images without one."""
        query = (
            select(ImageRow.patient, ImageRow.class_name, func.count())
            .where(ImageRow.kind == "real", ImageRow.removed.is_(False), ImageRow.excluded.is_(None))
            .group_by(ImageRow.patient, ImageRow.class_name)
        )
        with self._session() as session:
            return Counter({(patient, name): count for patient, name, count in session.execute(query)})

    # -- history -------------------------------------------------------------------------------------------

    def history(self) -> list[Change]:
        """Every change, newest first."""
        query = select(ChangeRow.id, ChangeRow.at, ChangeRow.what, ChangeRow.undone_in.is_not(None))
        with self._session() as session:
            return [Change(*row) for row in session.execute(query.order_by(ChangeRow.id.desc()))]

    def revision(self) -> int:
        """The number of the newest change or undo. A run keeps it to list later what has changed since."""
        with self._session() as session:
            return history.revision(session)

    def changes_since(self, revision: int) -> list[str]:
        """Descriptions of everything that changed after a revision, oldest first, including undone changes."""
        with self._session() as session:
            return history.since(session, revision)
