"""A sound catalog that cannot be used right now: SQLite's complaints as sentences for people."""

from pathlib import Path

from sqlalchemy.exc import DatabaseError

from busapp.errors import BadInput, NoSpace, UserError


def unusable_now(error: DatabaseError, path: Path) -> UserError | None:
    """The error for a sound catalog that cannot be used right now, None if SQLite complains about something else."""
    said, name = str(error.orig), getattr(error.orig, "sqlite_errorname", "")
    if "disk is full" in said or name == "SQLITE_IOERR_SHMSIZE":  # no space for the file that connections share
        return NoSpace("The disk is full", file=path, remedy="Free some space. Nothing stored was changed.")
    if "readonly" in said or "unable to open" in said:
        remedy = "Check that you may write to its folder and that its drive is not read-only, or open a copy."
        return BadInput("The study cannot be written to", file=path, remedy=remedy)
    if "is locked" in said:
        remedy = "Wait until it is done, then try again. Nothing stored was changed."
        return BadInput("Another program is writing to the study", file=path, remedy=remedy)
    return None
