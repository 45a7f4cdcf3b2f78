"""Settings of this user that the window remembers between two starts: sizes, the open and recent studies, folders,
weights, and the name of the reader in blind reviews."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QSplitter, QWidget

_MOST_RECENT: Final = 8


def _store() -> QSettings:
    return QSettings(QSettings.defaultFormat(), QSettings.Scope.UserScope, "busapp", "busapp")


def _path(key: str) -> Path | None:
    value = _store().value(key)
    return Path(value) if isinstance(value, str) and value else None


def last_folder() -> Path:
    """Return the folder of the last file dialog, or else the home folder."""
    folder = _path("last_folder")
    return folder if folder is not None and folder.is_dir() else Path.home()


def remember_folder(folder: Path) -> None:
    """Start the next file dialog in this folder."""
    _store().setValue("last_folder", str(folder))


def weights_file() -> Path | None:
    """Return the file of ImageNet weights that the user chose last, if it still exists."""
    path = _path("weights_file")
    return path if path is not None and path.is_file() else None


def remember_weights(path: Path) -> None:
    """Offer this file of ImageNet weights from now on."""
    _store().setValue("weights_file", str(path.absolute()))


def reader() -> str:
    """Return the name of the last reader of a blind review; empty if there was none."""
    value = _store().value("reader")
    return value if isinstance(value, str) else ""


def remember_reader(name: str) -> None:
    """Offer this name for the next review."""
    _store().setValue("reader", name)


def open_study() -> Path | None:
    """Return the study that was open when the window was last closed, if it still exists."""
    root = _path("open_study")
    return root if root is not None and (root / "study.json").exists() else None


def recent_studies() -> list[Path]:
    """Return the studies opened before that still exist, the newest first."""
    value = _store().value("recent_studies")
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [Path(name) for name in names if (Path(name) / "study.json").exists()]


def remember_study(root: Path) -> None:
    """Remember that this study is open now."""
    store = _store()
    store.setValue("open_study", str(root))
    others = [path for path in recent_studies() if path != root]
    store.setValue("recent_studies", [str(path) for path in [root, *others][:_MOST_RECENT]])


def save_layout(window: QWidget) -> None:
    """Remember the window's geometry and its named splitters."""
    store = _store()
    store.setValue("geometry", window.saveGeometry())
    for splitter in window.findChildren(QSplitter):
        if splitter.objectName():
            store.setValue(f"splitter/{splitter.objectName()}", splitter.saveState())


def restore_layout(window: QWidget) -> bool:
    """Restore the window's geometry and its named splitters. True if there was a geometry to restore."""
    store = _store()
    for splitter in window.findChildren(QSplitter):
        state = store.value(f"splitter/{splitter.objectName()}") if splitter.objectName() else None
        if isinstance(state, QByteArray):
            splitter.restoreState(state)
    geometry = store.value("geometry")
    return isinstance(geometry, QByteArray) and window.restoreGeometry(geometry)
