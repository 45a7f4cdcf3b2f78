"""The tables of a study's catalog (SQLite), and the upgrade of catalogs from earlier versions."""

import json
from typing import Any, Final

from sqlalchemy import Connection, Engine, ForeignKey, Index, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

FORMAT: Final = 3
PATIENCE: Final = 10.0
"""Seconds that a writer waits for another writer."""
SAME_FILE: Final = "same file"
"""`how` of a pair whose images have the same bytes. No verdict can separate them."""
BY_HAND: Final = "joined by hand"
"""`how` of a pair that the user made. It counts as a pair only with the verdict "same"."""


class Base(DeclarativeBase):
    pass


class ImageRow(Base):
    """`sha256` is the hash of the content in use; `original` that of the imported content, if it was covered since.
    `change` is the number of the change that brought the image in. `removed` is true if that change is undone."""

    __tablename__ = "image"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[str] = mapped_column(index=True)
    sha256: Mapped[str] = mapped_column(index=True)
    suffix: Mapped[str]
    class_name: Mapped[str] = mapped_column()
    kind: Mapped[str] = mapped_column()
    width: Mapped[int]
    height: Mapped[int]
    mask: Mapped[str | None]
    source: Mapped[str]
    run: Mapped[str | None]
    group_id: Mapped[int | None]
    excluded: Mapped[str | None] = mapped_column()
    removed: Mapped[bool] = mapped_column(default=False)
    original: Mapped[str | None]
    patient: Mapped[str | None] = mapped_column(index=True)
    spacing_mm: Mapped[float | None]
    checked: Mapped[bool] = mapped_column(default=False)
    site: Mapped[str | None]
    device: Mapped[str | None]
    change: Mapped[int | None] = mapped_column(index=True)
    # Removed images are exempt: undoing a cover restores content that an undone import may have brought as well.
    __table_args__ = (
        Index("ix_image_once", file, sha256, unique=True, sqlite_where=~removed),
        # Every tab counts images by class; this index alone answers the query.
        Index("ix_image_counted", class_name, kind, removed, excluded),
    )


class FlagRow(Base):
    __tablename__ = "flag"
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    flag: Mapped[str] = mapped_column(primary_key=True)


class MeasureRow(Base):
    __tablename__ = "measure"
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    coverage: Mapped[float]
    brightness: Mapped[float]
    contrast: Mapped[float]
    colour: Mapped[float]
    texture: Mapped[float]


class PairRow(Base):
    """Near-duplicates, the smaller id first. `verdict` is the user's: "same", "different" or none."""

    __tablename__ = "pair"
    first: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    second: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    similarity: Mapped[float]
    how: Mapped[str]
    verdict: Mapped[str | None]


class ChangeRow(Base):
    """`undo` is a JSON array of steps (see `history.py`), empty if the change can no longer be redone. Changes and
    undos share one sequence of numbers, so that `id` and `undone_in` give their order."""

    __tablename__ = "change"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    what: Mapped[str]
    undo: Mapped[str]
    undone_in: Mapped[int | None]


def prepare_connection(connection: Any, _record: Any) -> None:
    """Apply the settings of every connection to a catalog."""
    cursor = connection.cursor()
    # WAL lets the window read while a job writes, and it survives a kill -9 at any moment.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE)}")
    cursor.close()


def close_connections(engine: Engine) -> None:
    """Close all connections to a catalog. One that another thread is using closes when that thread returns it."""
    pool = engine.pool
    engine.dispose()  # gives the engine a new pool, so that only the old one closes what comes back
    event.listen(pool, "checkin", lambda _connection, record: record.invalidate())
    pool.dispose()  # again, for connections that came back meanwhile


_FROM_1_TO_2: Final = (
    "ALTER TABLE image ADD COLUMN original VARCHAR",
    "ALTER TABLE image ADD COLUMN patient VARCHAR",
    "ALTER TABLE image ADD COLUMN spacing_mm FLOAT",
    # No image counts as checked: version 1 missed pictures that show a part of another, 30 of BUSI's 233 pairs.
    "ALTER TABLE image ADD COLUMN checked BOOLEAN NOT NULL DEFAULT 0",
    "ALTER TABLE image ADD COLUMN change INTEGER",
    "CREATE INDEX ix_image_change ON image (change)",
    "CREATE INDEX ix_image_counted ON image (class_name, kind, removed, excluded)",
    "ALTER TABLE pair ADD COLUMN similarity FLOAT NOT NULL DEFAULT 1",
    "ALTER TABLE pair ADD COLUMN how VARCHAR NOT NULL DEFAULT 'looks alike'",
    "ALTER TABLE pair ADD COLUMN verdict VARCHAR",
    "ALTER TABLE change ADD COLUMN undone_in INTEGER",
    # Version 1 kept the steps that undo a change, which cannot redo it.
    "UPDATE change SET undone_in = (SELECT max(id) FROM change), undo = '' WHERE undone",
    "ALTER TABLE change DROP COLUMN undone",
)


_FROM_2_TO_3: Final = (
    "ALTER TABLE image ADD COLUMN site VARCHAR",
    "ALTER TABLE image ADD COLUMN device VARCHAR",
    "CREATE INDEX ix_image_patient ON image (patient)",
)


def make_tables(connection: Connection) -> None:
    """Create the tables, or upgrade those of earlier versions. A crash leaves the catalog as it was."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    # Another program may have upgraded the catalog while this one waited.
    version = connection.execute(text("PRAGMA user_version")).scalar_one()
    if version >= FORMAT:
        return
    if version == 1:
        for statement in _FROM_1_TO_2:
            connection.exec_driver_sql(statement)
        for change_id, undo in connection.execute(text("SELECT id, undo FROM change WHERE undo != ''")).all():
            steps = [["image", image_id, {column: value}] for image_id, column, value in json.loads(undo)]
            connection.execute(
                text("UPDATE change SET undo = :undo WHERE id = :id"), {"id": change_id, "undo": json.dumps(steps)}
            )
    if version in (1, 2):
        for statement in _FROM_2_TO_3:
            connection.exec_driver_sql(statement)
    Base.metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
