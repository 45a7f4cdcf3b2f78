"""Errors meant for people: what happened, to which file, and what to do about it.

Everything that a user can cause or correct is raised as one of these. The command line prints it as one line, and the
window shows it as a strip. Any other exception is a defect: its traceback goes to the log.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Self


class UserError(Exception):
    """Something that the user can understand and correct.

    `what` is a sentence without its full stop, `file` the file or folder concerned, and `remedy` the sentence that says
    what to do. `exit_code` is the exit code of the command line (1 failed, 2 bad input).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, file: Path | str | None = None, remedy: str = "") -> None:
        self.what = what
        self.file = str(file) if file is not None else None
        self.remedy = remedy
        where = f" ({self.file})" if self.file else ""
        super().__init__(f"{what}{where}.{' ' + remedy if remedy else ''}")

    def __reduce__(self) -> tuple[Callable[[str], Self], tuple[str]]:
        # A cluster returns errors pickled; Exception would pass the whole sentence as `what`.
        return partial(type(self), file=self.file, remedy=self.remedy), (self.what,)


class BadInput(UserError):
    """An option, a file or a folder that cannot be used."""

    exit_code = 2


class UnreadableImage(BadInput):
    """An image that cannot be decoded, or that is too large to be trusted."""


class Contradicted(UnreadableImage):
    """An image that could be decoded, but whose description contradicts it or says that it shows something else. The
    user may insist: `ImportSettings.take_anyway`."""


class DamagedStudy(BadInput):
    """A workspace whose catalog or description cannot be read. It is left as it is."""


class BadModel(BadInput):
    """A model file that is damaged, or that this program did not make."""


class MissingWeights(BadInput):
    """The ImageNet weights are not found, and there is no network."""


class NotEnoughImages(BadInput):
    """Too few images, groups or classes for the job."""


class CannotResume(BadInput):
    """A run that has no checkpoint, is running elsewhere, or was made with other settings."""


class TrainingDiverged(UserError):
    """A loss that is not a finite number. Finished parts are kept."""


class NoSpace(UserError):
    """The disk is full. Finished parts are kept."""
