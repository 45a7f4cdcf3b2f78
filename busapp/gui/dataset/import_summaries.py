"""The summaries of a study's imports: what came in, what was assumed or left out, and what looks odd."""

from html import escape
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QStackedLayout,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.dataset.findings_html import findings_as_html
from busapp.gui.theme import SPACE
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.words import when_in_words
from busapp.summaries.dataset import findings_by_kind, import_lines


class ImportSummaries(QDialog):
    """Lists the finished imports of a study, the newest first, with the summary of the chosen one."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import summaries")
        self.imports = QListWidget()
        self.imports.setAccessibleName("Imports, the newest first")
        self.text = QTextBrowser()
        self.text.setAccessibleName("Summary of the import")
        self.text.setOpenLinks(False)
        self.imports.currentItemChanged.connect(self._show)
        self.empty = EmptyState("No finished imports yet. Each import leaves a summary here.")
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.imports)
        splitter.addWidget(self.text)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([220, 560])
        self._stack = QStackedLayout()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(splitter)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(self._stack, 1)
        column.addWidget(buttons)
        self.resize(780, 440)
        self._list(workspace)

    def _list(self, workspace: Workspace) -> None:
        for run in workspace.runs():
            result = run.result() if run.info.kind == "import" else None
            if result is not None:
                item = QListWidgetItem(f"{when_in_words(run.info.created)}\n{many(result['imported'], 'image')}")
                item.setData(Qt.ItemDataRole.UserRole, (run, result))
                self.imports.addItem(item)
        self._stack.setCurrentIndex(int(self.imports.count() > 0))
        self.imports.setCurrentRow(0)

    def _show(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            run, result = item.data(Qt.ItemDataRole.UserRole)
            self.text.setHtml(_as_html(run, result))


def _as_html(run: Run, result: dict[str, Any]) -> str:
    """The summary with a heading for each kind of finding."""
    first, second, *_ = import_lines(result)  # type: ignore[arg-type]  # the JSON of a run's file
    findings = findings_as_html(findings_by_kind(result.get("findings", [])))
    older = "" if "findings" in result else "<p>Earlier versions of the program kept no more than this.</p>"
    title = escape(when_in_words(run.info.created))
    return f"<h3>{title}</h3><p>{escape(first)}<br>{escape(second)}</p>{findings}{older}"
