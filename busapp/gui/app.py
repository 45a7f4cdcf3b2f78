"""Start the window."""

import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from busapp import paths
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui import theme, user_settings
from busapp.gui.main_window import MainWindow

ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def run(workspace: Path | None) -> int:
    """Show the window on a study, wait until it is closed, and return the exit code.

    Without a folder, the window opens the study that was open last, or else the one in the user's data folder. If that
    cannot be opened, the window says so.

    Raises:
        UserError: the given folder cannot be opened as a study.
    """
    study = Workspace.create(workspace) if workspace is not None else None
    application = QApplication.instance()
    app = application if isinstance(application, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("busapp")
    app.setDesktopFileName("busapp")
    app.setWindowIcon(QIcon(str(paths.resources_dir() / "icons" / "busapp.svg")))
    theme.add_fonts()
    window = _window(study)
    # Applied after the window is built: with a style sheet, adding a widget to another takes three times as long.
    theme.apply(app)
    log_uncaught, sys.excepthook = sys.excepthook, _telling(window, sys.excepthook)
    # Qt's event loop never lets Python's own handler for Ctrl-C run. Runs survive being killed at any moment.
    on_interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        window.show()
        code = app.exec()
        window.queue.shut_down()
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
        sys.excepthook = log_uncaught
    return code


def _window(study: Workspace | None) -> MainWindow:
    if study is not None:
        return MainWindow(study)
    try:
        return MainWindow(Workspace.create(user_settings.open_study() or paths.default_workspace()))
    except UserError as error:
        window = MainWindow()
        window.tell(str(error))
        return window


def _telling(window: MainWindow, log_it: ExceptHook) -> ExceptHook:
    """Return a hook that reports a defect to the user as well as to the log."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log_it(kind, error, trace)
        details = "".join(traceback.format_exception(kind, error, trace))
        window.tell(f"Something went wrong inside busapp ({kind.__name__}). The log has the details.", details)

    return hook
