import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionButton
from pytestqt.qtbot import QtBot

from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput
from busapp.gui import app as gui_app
from busapp.gui import theme
from busapp.gui.main_window import MainWindow
from busapp.gui.widgets.empty_state import EmptyState


def _window() -> MainWindow:
    (window,) = [it for it in QApplication.topLevelWidgets() if isinstance(it, MainWindow) and it.isVisible()]
    return window


def test_the_window_opens_tells_of_a_defect_and_closes(qtbot: QtBot, tmp_path: Path) -> None:
    seen: list[str] = []
    hook = sys.excepthook

    def look() -> None:
        window = _window()
        seen.append(window.windowTitle())
        error = ValueError("odd")
        sys.excepthook(ValueError, error, None)
        seen.append(window.strip.label.text())
        seen.append(window.strip.details.toPlainText())
        window.close()

    sys.excepthook = lambda *_error: None
    before = sys.excepthook
    QTimer.singleShot(0, look)
    assert gui_app.run(tmp_path / "my study") == 0
    assert sys.excepthook is before
    sys.excepthook = hook
    assert seen[0] == "my study — busapp"
    assert seen[1] == "Something went wrong inside busapp (ValueError). The log has the details."
    assert "odd" in seen[2]
    assert (tmp_path / "my study" / "study.json").exists()


def test_a_named_folder_that_cannot_be_a_study_is_refused(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_text("x")
    with pytest.raises(BadInput):
        gui_app.run(tmp_path)


def test_the_last_study_opens_again(qtbot: QtBot, phantom_study: Workspace) -> None:
    MainWindow(phantom_study).close()
    window = gui_app._window(None)
    assert window.workspace is not None
    assert window.workspace.root == phantom_study.root
    window.close()


def _contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_both_schemes(qapp: QApplication, scheme: theme.Choice) -> None:
    theme.apply(qapp, scheme)
    c = theme.colours()
    grounds = (c.window, c.base, c.alternate)
    pairs = [(ink, ground) for ink in (c.text, c.muted, c.warning, c.error, c.good) for ground in grounds]
    pairs += [(c.text, strip) for strip in (c.info_strip, c.warning_strip, c.error_strip)]
    pairs += [(c.on_accent, c.accent), (c.accent, c.base)]
    assert {pair: _contrast(*pair) for pair in pairs if _contrast(*pair) < 4.5} == {}


def test_classes_have_their_colours(qapp: QApplication) -> None:
    classes = ["benign", "cyst", "fibroma", "malignant", "normal"]
    named = {name: theme.class_colour(name, classes).name() for name in classes}
    assert named["benign"] == "#0072b2"
    assert named["malignant"] == "#d55e00"
    assert named["normal"] == "#009e73"
    assert len(set(named.values())) == 5


def test_a_button_in_focus_has_room_for_its_words(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    empty = EmptyState("No study is open.", "New study…", "Open a study…")
    qtbot.addWidget(empty)
    empty.show()
    qtbot.waitExposed(empty)
    button = empty.button
    button.setFocus()
    option = QStyleOptionButton()
    button.initStyleOption(option)
    option.state |= QStyle.StateFlag.State_HasFocus
    room = button.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, button)
    words = button.fontMetrics().size(Qt.TextFlag.TextShowMnemonic.value, button.text())
    assert room.width() >= words.width()
    assert room.height() >= words.height()
