"""Folders of resources, models and user data. The only module that knows about the frozen bundle."""

import sys
from pathlib import Path

import platformdirs


def is_frozen() -> bool:
    """True if the program runs from a PyInstaller bundle."""
    return getattr(sys, "frozen", False)


def own_command(*arguments: str) -> tuple[list[str], Path]:
    """The command that starts this program again, and the folder to start it in. Started elsewhere, Python would also
    look there for modules."""
    program = [sys.executable] if is_frozen() else [sys.executable, "-m", "busapp"]
    return [*program, *arguments], Path(__file__).resolve().parents[1]


def _root() -> Path:
    """The folder that holds `resources` and `models`: the bundle, the installed package or the checkout."""
    if is_frozen():
        return Path(getattr(sys, "_MEIPASS"))  # noqa: B009  (mypy does not know the attribute)
    package = Path(__file__).resolve().parent
    return package if (package / "resources").is_dir() else package.parent


def resources_dir() -> Path:
    """Icons, styles, the guide, and base weights if the build or the user put them there."""
    return _root() / "resources"


def models_dir() -> Path:
    """The models that ship with the program."""
    return _root() / "models"


def user_data_dir() -> Path:
    """The folder of this user's studies and settings; created if it is missing."""
    return Path(platformdirs.user_data_dir("busapp", appauthor=False, ensure_exists=True))


def default_workspace() -> Path:
    """The study that is opened if none is named."""
    return user_data_dir() / "study"


def log_dir() -> Path:
    """The folder of the rotating log and crash reports; created if it is missing."""
    return Path(platformdirs.user_log_dir("busapp", appauthor=False, ensure_exists=True))
