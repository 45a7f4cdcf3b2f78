"""The catalog of a study: which images there are, what they are, and every change made to that. SQLite.

An image is known by its name as imported (`benign/benign (1).png`) together with its content hash, so that
importing the same folder twice adds nothing, and two names for the same bytes stay two images.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    ForeignKey,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column

from busapp.errors import DamagedStudy, NoSpace

Kind = Literal["real", "synthetic"]
FORMAT = 1


class _Base(DeclarativeBase):
    pass


class _Image(_Base):
    __tablename__ = "image"
    __table_args__ = (UniqueConstraint("file", "sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    suffix: Mapped[str]
    class_name: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    mask: Mapped[str | None]
    source: Mapped[str]
    run: Mapped[str | None]
    group_id: Mapped[int | None]
    excluded: Mapped[str | None]
    removed: Mapped[bool] = mapped_column(default=False)


class _Flag(_Base):
    __tablename__ = "flag"
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    flag: Mapped[str] = mapped_column(primary_key=True)


class _Pair(_Base):
    """Near-duplicates that curation found, the smaller id first."""

    __tablename__ = "pair"
    first: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    second: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)


class _Change(_Base):
    __tablename__ = "change"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    what: Mapped[str]
    undo: Mapped[str]
    """JSON: [[image id, column, value before], …]"""
    undone: Mapped[bool] = mapped_column(default=False)


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to be added: its bytes are already stored under `sha256` (see `Workspace.store_image`)."""

    file: str
    sha256: str
    suffix: str
    class_name: str
    width: int
    height: int
    kind: Kind = "real"
    mask: str | None = None
    source: str = ""
    run: str | None = None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of the study. `excluded` is the reason why it is set aside, `run` the run that drew it, `mask`
    the hash of its lesion mask. `group` is the same for images that must never be split; an image that curation
    has not seen is a group of its own."""

    id: int
    file: str
    sha256: str
    suffix: str
    class_name: str
    kind: Kind
    width: int
    height: int
    mask: str | None
    source: str
    run: str | None
    group_id: int | None
    excluded: str | None

    @property
    def group(self) -> int:
        return self.group_id if self.group_id is not None else self.id


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the dataset's history; `at` is ISO 8601 in UTC."""

    id: int
    at: str
    what: str
    undone: bool


_RECORD_COLUMNS = [getattr(_Image, name) for name in ImageRecord.__dataclass_fields__]


class Catalog:
    """The images of one study. Safe to use from several threads: each call has its own connection."""

    def __init__(self, path: Path) -> None:
        """Open the catalog, making it if there is none.

        Raises:
            DamagedStudy: the file is not a catalog of this program; it is left as it is.
        """
        self._path = path
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _prepare_connection)
        try:
            with self._engine.connect() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if path.stat().st_size and connection.execute(text("PRAGMA quick_check")).scalar_one() != "ok":
                    raise DatabaseError("quick_check", None, ValueError("damaged"))
            if version not in (0, FORMAT):
                raise DamagedStudy(
                    "The study was made by a newer version of busapp",
                    file=path,
                    remedy="Open it with that version.",
                )
            _Base.metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                connection.execute(text(f"PRAGMA user_version = {FORMAT}"))
        except DatabaseError as error:
            self._engine.dispose()
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
            if "disk is full" in str(error):
                raise NoSpace(
                    "The disk is full", file=self._path, remedy="Free some space; nothing stored was changed."
                ) from error
            raise

    # -- reading -------------------------------------------------------------------------------------------

    def images(
        self,
        *,
        class_name: str | None = None,
        kind: Kind | None = None,
        run: str | None = None,
        with_excluded: bool = True,
    ) -> list[ImageRecord]:
        """The images, in the order in which they came in."""
        query = select(*_RECORD_COLUMNS).where(_Image.removed.is_(False)).order_by(_Image.id)
        if class_name is not None:
            query = query.where(_Image.class_name == class_name)
        if kind is not None:
            query = query.where(_Image.kind == kind)
        if run is not None:
            query = query.where(_Image.run == run)
        if not with_excluded:
            query = query.where(_Image.excluded.is_(None))
        with self._session() as session:
            return [ImageRecord(*row) for row in session.execute(query)]

    def classes(self) -> list[str]:
        """The class names in their fixed order, the alphabet's."""
        query = select(_Image.class_name).where(_Image.removed.is_(False)).distinct().order_by(_Image.class_name)
        with self._session() as session:
            return list(session.scalars(query))

    def counts(self, kind: Kind | None = "real", *, with_excluded: bool = False) -> dict[str, int]:
        """Images per class, every class of the study named even where it has none of this kind."""
        query = select(_Image.class_name, func.count()).where(_Image.removed.is_(False)).group_by(_Image.class_name)
        if kind is not None:
            query = query.where(_Image.kind == kind)
        if not with_excluded:
            query = query.where(_Image.excluded.is_(None))
        found = dict.fromkeys(self.classes(), 0)
        with self._session() as session:
            found.update((name, count) for name, count in session.execute(query))
        return found

    def flags(self) -> dict[int, list[str]]:
        """Quality flags by image id; images without any are absent."""
        found: dict[int, list[str]] = {}
        with self._session() as session:
            for image_id, flag in session.execute(select(_Flag.image_id, _Flag.flag).order_by(_Flag.flag)):
                found.setdefault(image_id, []).append(flag)
        return found

    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of near-duplicates as image ids, as curation left them."""
        with self._session() as session:
            return [(a, b) for a, b in session.execute(select(_Pair.first, _Pair.second))]

    def conflicts(self) -> list[tuple[int, int]]:
        """Those pairs of near-duplicates that have different classes now."""
        first, second = aliased(_Image), aliased(_Image)
        query = (
            select(_Pair.first, _Pair.second)
            .join(first, first.id == _Pair.first)
            .join(second, second.id == _Pair.second)
            .where(first.class_name != second.class_name)
        )
        with self._session() as session:
            return [(a, b) for a, b in session.execute(query)]

    def fingerprint(self) -> str:
        """A hash of everything that a run depends on: contents, classes, kinds, groups, what is set aside."""
        digest = hashlib.sha256()
        for row in sorted(
            (r.file, r.sha256, r.class_name, r.kind, str(r.group_id), str(r.excluded)) for r in self.images()
        ):
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return digest.hexdigest()

    # -- changing ------------------------------------------------------------------------------------------

    def known(self) -> set[tuple[str, str]]:
        """(file, sha256) of every image of the study."""
        with self._session() as session:
            rows = session.execute(select(_Image.file, _Image.sha256).where(_Image.removed.is_(False)))
            return {(file, sha256) for file, sha256 in rows}

    def add(self, images: Sequence[NewImage], what: str) -> int:
        """Add images in one change that can be undone; how many were new. Those undone earlier come back."""
        with self._session() as session:
            added: list[int] = []
            for new in images:
                found = session.scalars(select(_Image).filter_by(file=new.file, sha256=new.sha256)).one_or_none()
                if found is None:
                    row = _Image(removed=False, **{name: getattr(new, name) for name in NewImage.__slots__})
                    session.add(row)
                    session.flush()
                    added.append(row.id)
                elif found.removed:
                    found.removed = False
                    added.append(found.id)
            if added:
                self._record(session, what, [(image_id, "removed", True) for image_id in added])
        return len(added)

    def exclude(self, ids: Iterable[int], reason: str | None) -> None:
        """Set images aside with a reason, or bring them back (None). Nothing is deleted; can be undone."""
        wanted = list(ids)
        what = f"{len(wanted)} images set aside: {reason}" if reason else f"{len(wanted)} images brought back"
        self._change(wanted, "excluded", reason, what)

    def reclassify(self, ids: Iterable[int], class_name: str) -> None:
        """Give images another class; can be undone."""
        wanted = list(ids)
        self._change(wanted, "class_name", class_name, f"{len(wanted)} images are now {class_name}")

    def _change(self, ids: list[int], column: str, value: Any, what: str) -> None:
        with self._session() as session:
            before = session.execute(select(_Image.id, getattr(_Image, column)).where(_Image.id.in_(ids))).all()
            changed = [(image_id, column, old) for image_id, old in before if old != value]
            if not changed:
                return
            session.execute(update(_Image).where(_Image.id.in_([c[0] for c in changed])).values({column: value}))
            self._record(session, what, changed)

    def set_curation(
        self,
        groups: Mapping[int, int],
        pairs: Iterable[tuple[int, int]],
        flags: Mapping[int, Iterable[str]],
    ) -> None:
        """Replace what curation found: group by image id, pairs of near-duplicates, flags."""
        with self._session() as session:
            session.execute(update(_Image).values(group_id=None))
            if groups:
                session.execute(update(_Image), [{"id": i, "group_id": g} for i, g in groups.items()])
            session.execute(delete(_Pair))
            session.execute(delete(_Flag))
            session.add_all(_Pair(first=min(pair), second=max(pair)) for pair in pairs)
            session.add_all(_Flag(image_id=i, flag=f) for i, names in flags.items() for f in names)

    # -- history -------------------------------------------------------------------------------------------

    def _record(self, session: Session, what: str, before: Sequence[tuple[int, str, Any]]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        session.add(_Change(at=now, what=what, undo=json.dumps(before), undone=False))

    def history(self) -> list[Change]:
        """Every change, the newest first."""
        with self._session() as session:
            query = select(_Change.id, _Change.at, _Change.what, _Change.undone).order_by(_Change.id.desc())
            return [Change(*row) for row in session.execute(query)]

    def undo(self) -> str | None:
        """Take back the newest change that still holds; what it was, or None where there is none."""
        with self._session() as session:
            change = session.scalars(
                select(_Change).where(_Change.undone.is_(False)).order_by(_Change.id.desc()).limit(1)
            ).one_or_none()
            if change is None:
                return None
            for image_id, column, value in json.loads(change.undo):
                session.execute(update(_Image).where(_Image.id == image_id).values({column: value}))
            change.undone = True
            return change.what


def _prepare_connection(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # WAL lets the window read while a job writes, and survives a kill -9 at any moment.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()
