"""Colours of the window, light and dark, and of the classes. Qt's Fusion style takes them from a palette."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from busapp import paths
from busapp.engine.utils import colours as engine_colours

Scheme = Literal["light", "dark"]
Choice = Literal["light", "dark", "system"]

SPACE = 8
"""Pixels. Every margin and gap in the window is this, half of it, or a small multiple."""
TRAIN: Final = "#56B4E9"
TEST: Final = "#E69F00"
"""Colours of curves and points of training and of test images."""


def class_colour(name: str, classes: Sequence[str]) -> QColor:
    """Return the colour of a class. It is the same on every screen, and always shown together with the class name."""
    return QColor(engine_colours.class_colour(name, classes))


def ink_on(ground: QColor) -> QColor:
    """Return black or white, whichever is easier to read on this ground (relative luminance of WCAG 2.1)."""
    levels = ground.redF(), ground.greenF(), ground.blueF()
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in levels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return QColor("white" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "black")


@dataclass(frozen=True, slots=True)
class Colours:
    """One scheme, as `#rrggbb`. `muted` is for secondary words, `good`, `warning` and `error` for states."""

    window: str
    base: str
    alternate: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    good: str
    warning: str
    error: str
    warning_strip: str
    error_strip: str
    info_strip: str


# All text has a contrast of at least 4.5 : 1 to its ground.
_SCHEMES: dict[Scheme, Colours] = {
    "light": Colours(
        window="#f3f4f6",
        base="#ffffff",
        alternate="#f7f8fa",
        text="#1b1f24",
        muted="#57606a",
        border="#c9d0d8",
        accent="#0b5cad",
        on_accent="#ffffff",
        good="#1a7f37",
        warning="#8a5a00",
        error="#b3261e",
        warning_strip="#fff3d6",
        error_strip="#fde7e5",
        info_strip="#e6f0fa",
    ),
    "dark": Colours(
        window="#202327",
        base="#17191c",
        alternate="#1c1f22",
        text="#e4e7ea",
        muted="#9da7b1",
        border="#434a52",
        accent="#5aa5ec",
        on_accent="#0c1116",
        good="#57c278",
        warning="#e3b04b",
        error="#ff8a80",
        warning_strip="#3a3016",
        error_strip="#42211f",
        info_strip="#1c3046",
    ),
}


@dataclass(frozen=True, slots=True)
class PlotColours:
    """Colours for pyqtgraph, as `#rrggbb`: `background`, `foreground` (axes and words) and `grid`."""

    background: str
    foreground: str
    grid: str


class _Theme(QObject):
    """The current scheme.

    Signals:
        changed: the current scheme changed; widgets that paint with `colours()` paint again.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice: Choice = "system"
        self.scheme: Scheme = "light"
        self.application: QApplication | None = None


theme = _Theme()


def colours() -> Colours:
    """Return the colours of the current scheme."""
    return _SCHEMES[theme.scheme]


def plot_colours() -> PlotColours:
    """Return the colours of plots in the current scheme."""
    now = colours()
    return PlotColours(background=now.base, foreground=now.text, grid=now.border)


def apply(app: QApplication, choice: Choice = "system") -> None:
    """Apply the colours to the application. `system` follows the desktop from now on, also when that changes."""
    theme.choice = choice
    if theme.application is not app:
        theme.application = app
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(lambda _scheme: _wear(app))
    _wear(app)


def _wear(app: QApplication) -> None:
    if theme.choice == "system":
        is_dark = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        theme.scheme = "dark" if is_dark else "light"
    else:
        theme.scheme = theme.choice
    app.setPalette(_palette(colours()))
    app.setStyleSheet(_stylesheet(colours()))
    theme.changed.emit()


def add_fonts() -> None:
    """Let the window show names in scripts that a Linux may have no fonts for. Windows and macOS have them."""
    if sys.platform == "linux":
        for file in sorted((paths.resources_dir() / "fonts").glob("*.ttf")):
            QFontDatabase.addApplicationFont(str(file))


def _palette(c: Colours) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: c.window,
        QPalette.ColorRole.WindowText: c.text,
        QPalette.ColorRole.Base: c.base,
        QPalette.ColorRole.AlternateBase: c.alternate,
        QPalette.ColorRole.Text: c.text,
        QPalette.ColorRole.PlaceholderText: c.muted,
        QPalette.ColorRole.Button: c.window,
        QPalette.ColorRole.ButtonText: c.text,
        QPalette.ColorRole.BrightText: c.error,
        QPalette.ColorRole.ToolTipBase: c.base,
        QPalette.ColorRole.ToolTipText: c.text,
        QPalette.ColorRole.Highlight: c.accent,
        QPalette.ColorRole.HighlightedText: c.on_accent,
        QPalette.ColorRole.Accent: c.accent,
        QPalette.ColorRole.Link: c.accent,
        QPalette.ColorRole.LinkVisited: c.accent,
        QPalette.ColorRole.Mid: c.border,
    }
    palette = QPalette(QColor(c.window))
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        faded = QColor(c.muted)
        faded.setAlphaF(0.65)
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, QColor(c.border))
    return palette


def _stylesheet(c: Colours) -> str:
    # Fusion draws the frame of an unticked box darker than the window, which is invisible on a dark one.
    # A button keeps its size when it gets the focus: its border and padding together equal the space that Fusion leaves
    # around the words, or the words would be clipped.
    return f"""
    QToolTip {{ color: {c.text}; background: {c.base}; border: 1px solid {c.border}; padding: 4px; }}
    QLabel[role="muted"] {{ color: {c.muted}; }}
    QLabel[role="error"] {{ color: {c.error}; }}
    QLabel[role="warning"] {{ color: {c.warning}; }}
    QLabel[role="heading"] {{ font-weight: 600; }}
    QFrame[level="error"] {{ background: {c.error_strip}; border: 1px solid {c.error}; border-radius: 4px; }}
    QFrame[level="warning"] {{ background: {c.warning_strip}; border: 1px solid {c.warning}; border-radius: 4px; }}
    QFrame[level="info"] {{ background: {c.info_strip}; border: 1px solid {c.accent}; border-radius: 4px; }}
    QPushButton:focus, QToolButton:focus {{ border: 2px solid {c.accent}; border-radius: 4px; padding: 2px 5px; }}
    QToolButton:focus {{ padding: 1px 2px; }}
    QCheckBox::indicator:unchecked {{ width: 12px; height: 12px; border: 1px solid {c.muted}; border-radius: 2px;
        background: {c.base}; }}
    QRadioButton::indicator:unchecked {{ width: 12px; height: 12px; border: 1px solid {c.muted}; border-radius: 7px;
        background: {c.base}; }}
    QCheckBox::indicator:unchecked:disabled, QRadioButton::indicator:unchecked:disabled {{
        border-color: {c.border}; background: {c.window}; }}
    """
