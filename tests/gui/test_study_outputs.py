"""Files written from a study: named in a dialog, written by a job, opened from the job bar."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from measured_runs import add_validation
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot
from recorded_runs import validation_run

from busapp.engine.settings import ExportSettings, JobSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.jobs.job_queue import QueuedJob
from busapp.gui.main_window import MainWindow

PDF, HTML = "PDF (*.pdf)", "Web page (*.html)"


@pytest.fixture
def window(qtbot: QtBot, phantom_study: Workspace) -> Iterator[MainWindow]:
    window = MainWindow(phantom_study)
    window.show()
    yield window
    window.queue.shut_down()
    qtbot.waitUntil(lambda: window.queue.current is None)
    window.close()
    window.deleteLater()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths that were opened with another program."""
    found: list[Path] = []

    def open_url(url: QUrl) -> bool:
        found.append(Path(url.toLocalFile()))
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    return found


def _name(monkeypatch: pytest.MonkeyPatch, path: Path | str, kind: str = "") -> list[str]:
    """Let the file dialog return this answer. Returns the list of what it offered."""
    offered: list[str] = []

    def ask(_parent: object, _title: str, start: str, *_: object) -> tuple[str, str]:
        offered.append(start)
        return str(path), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return offered


def test_a_report_is_written_by_a_job_and_opened_from_its_line(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Path]
) -> None:
    offered = _name(monkeypatch, tmp_path / "my report.pdf", PDF)
    threads: list[object] = []
    window.queue.event_arrived.connect(lambda *_: threads.append(threading.current_thread()))
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        window.outputs.report_action.trigger()
        assert window.job_bar.title.text() == "Report of “Phantoms”"
    assert Path(offered[0]).name == "study report.pdf"
    assert (tmp_path / "my report.pdf").read_bytes().startswith(b"%PDF") and len(threads) > 1
    assert "my report.pdf" in window.job_bar.strip.label.text()
    qtbot.mouseClick(window.job_bar.strip.action_button, Qt.MouseButton.LeftButton)
    assert opened == [tmp_path / "my report.pdf"]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("report.pdf", HTML, "report.html"),  # another kind was chosen, and the dialog left the name it offered
        ("report", PDF, "report.pdf"),
        ("v1.2", HTML, "v1.2.html"),
        ("report.html", PDF, "report.html"),  # typed
        ("report.PDF", PDF, "report.PDF"),
        ("report.pdf", "", "report.pdf"),  # dialogs of some systems do not tell the kind
    ],
)
def test_a_report_has_the_suffix_that_is_meant(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
    expected: str,
) -> None:
    _name(monkeypatch, tmp_path / name, kind)
    monkeypatch.setattr("busapp.gui.study_outputs._report", lambda _, path: iter([path]))  # its name alone matters
    written: list[Path] = []
    monkeypatch.setattr(window.queue, "add", lambda job: written.extend(job.make_job()))
    window.outputs.report_action.trigger()
    assert written == [tmp_path / expected]


def test_a_file_that_the_dialog_did_not_ask_about_is_not_replaced(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    _name(monkeypatch, tmp_path / "report.pdf", HTML)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    window.outputs.report_action.trigger()
    assert window.queue.current is None and (tmp_path / "report.html").read_text(encoding="utf-8") == "mine"


def test_nothing_happens_where_no_name_is_given(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    _name(monkeypatch, "")
    for action in (window.outputs.report_action, window.outputs.figures_action, window.outputs.copy_action):
        action.trigger()
    assert window.queue.current is None


def test_the_papers_figures_are_written_into_a_folder(
    qtbot: QtBot,
    window: MainWindow,
    phantom_study: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[Path],
) -> None:
    _name(monkeypatch, tmp_path / "figures")
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        window.outputs.figures_action.trigger()
    images_alone = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert images_alone == {"zion-figure7", "zion-figure8", "zion-figure9"}
    add_validation(phantom_study)
    with qtbot.waitSignal(window.queue.ended, timeout=60_000):
        window.outputs.figures_action.trigger()
    names = [path.name for path in (tmp_path / "figures").iterdir()]
    assert len([name for name in names if not name.startswith("zion-")]) == 12 and "zion-table2.csv" in names
    qtbot.mouseClick(window.job_bar.strip.action_button, Qt.MouseButton.LeftButton)
    assert opened == [tmp_path / "figures"]


def test_without_a_study_there_is_nothing_to_write(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    outputs = window.outputs
    assert not any(a.isEnabled() for a in (outputs.report_action, outputs.figures_action, outputs.copy_action))


def test_the_figures_of_one_run_are_written_from_its_screen(
    qtbot: QtBot, window: MainWindow, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = validation_run(phantom_study, ValidateSettings(folds=2, epochs=3))
    add_validation(phantom_study)
    window.tabs.setCurrentIndex(2)
    window.validation.open_run(shown.id)
    _name(monkeypatch, tmp_path / "figures")
    ended: list[dict[str, object]] = []
    window.queue.ended.connect(lambda _job, outcome: ended.append(outcome.result))
    qtbot.mouseClick(window.validation.result.figures_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    assert ended[0]["runs"] == [shown.id]
    assert (tmp_path / "figures" / "table1.csv").exists()


def test_a_run_is_exported_for_an_app_into_a_named_folder(
    qtbot: QtBot, window: MainWindow, phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_validation(phantom_study, system="existing", image_size=32, width=0.25, pretrained=False)
    window.validation.refresh()
    window.validation.open_run(run.id)
    asked: list[JobSettings] = []
    monkeypatch.setattr(
        window.queue,
        "start",
        lambda _, settings: (asked.append(settings), QueuedJob("export", "", lambda: iter(())))[1],
    )
    offered = _name(monkeypatch, tmp_path / "apps" / "mine")
    menu = window.validation.result.app_button.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    assert offered[0].endswith("tflite")
    assert asked == [ExportSettings(run=run.id, format="tflite", out=tmp_path / "apps" / "mine")]
    _name(monkeypatch, "")
    menu.actions()[1].trigger()
    assert len(asked) == 1, "the dialog was cancelled"
