"""Tests of the window run offscreen with their own user settings, and must leave neither thread nor Qt warning."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QSettings, QThread, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import getAllValidWrappers

from busapp.engine.study.workspace import Workspace

if TYPE_CHECKING:
    from busapp.gui.main_window import MainWindow

# Qt reports these about the machine, not about the program.
_EXPECTED_OF_QT = ("This plugin does not support", "propagateSizeHints", "QFontDatabase: Cannot find font directory")


_tests_since_all_was_collected = 0


@pytest.fixture(autouse=True)
def garbage_goes_in_this_thread() -> Iterator[None]:
    """Collect garbage only here. Python collects it in any thread, but Qt objects must be deleted in their own."""
    global _tests_since_all_was_collected
    gc.disable()
    yield
    _tests_since_all_was_collected = (_tests_since_all_was_collected + 1) % 25
    gc.collect(1 if _tests_since_all_was_collected else 2)
    gc.enable()


@pytest.fixture(autouse=True)
def own_user_settings(tmp_path: Path) -> None:
    """Keep the settings that the window remembers in the test's folder."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for file_format in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(file_format, QSettings.Scope.UserScope, str(tmp_path / "user-settings"))


@pytest.fixture(autouse=True)
def no_qt_warnings() -> Iterator[None]:
    """A Qt warning fails the test."""
    warnings: list[str] = []

    def handler(kind: QtMsgType, _context: object, text: str) -> None:
        is_bad = kind in (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
        if is_bad and not any(expected in text for expected in _EXPECTED_OF_QT):
            warnings.append(text)

    before = qInstallMessageHandler(handler)
    yield
    qInstallMessageHandler(before)
    assert not warnings, warnings


@pytest.fixture(autouse=True)
def no_threads_left(own_user_settings: None) -> Iterator[None]:
    """A thread of Python or Qt that is left running fails the test."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while (left := _threads() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"threads left running: {left}"
    assert not [found for found in getAllValidWrappers() if isinstance(found, QThread) and found.isRunning()]


def _threads() -> set[threading.Thread]:
    # Threads that Qt started are "dummy" threads for Python; they are checked as QThreads.
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


@pytest.fixture(autouse=True)
def no_style_left() -> Iterator[None]:
    """Remove the style sheet, because it would make every widget of later tests three times as slow to build."""
    yield
    app = QApplication.instance()
    if isinstance(app, QApplication) and app.styleSheet():
        app.setStyleSheet("")


@pytest.fixture
def window(qtbot: QtBot, empty_study: Workspace) -> Iterator["MainWindow"]:
    """The main window with an empty study. Its jobs are stopped at the end."""
    from busapp.gui.main_window import MainWindow

    window = MainWindow(empty_study)
    window.show()
    yield window
    window.queue.shut_down()
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()
    window.deleteLater()
