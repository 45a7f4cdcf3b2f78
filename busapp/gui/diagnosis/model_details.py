"""One model: its card, its cautions, all facts in its file, and its hash."""

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.models.inspection import Inspection, Section, Unusable, written_card
from busapp.gui.theme import SPACE
from busapp.gui.widgets.warning_frame import WarningFrame, words_label


class ModelDetails(QWidget):
    """Shows nothing until `show_model` is called."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = words_label("heading")
        self.problem = words_label("error")
        self.card = words_label()
        self.cautions = WarningFrame()
        self.facts = QTreeWidget()
        self.facts.setAccessibleName("What the model says of itself")
        self.facts.setHeaderHidden(True)
        self.facts.setColumnCount(2)
        self.facts.setRootIsDecorated(False)
        self.facts.setIndentation(SPACE)
        self.facts.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.facts.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.written = QTextBrowser()
        self.written.setAccessibleName("Model card")
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.facts, "Facts")
        self.tabs.addTab(self.written, "Model card")
        self.sha256 = QLineEdit(readOnly=True)
        self.sha256.setAccessibleName("SHA-256 of the file")
        self.copy_button = QPushButton("&Copy")
        self.copy_button.setToolTip("Copy the hash: two files with the same hash are the same model")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.sha256.text()))
        label = QLabel("SHA-256")
        label.setBuddy(self.sha256)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(label)
        row.addWidget(self.sha256, 1)
        row.addWidget(self.copy_button)
        self._hash_row = QWidget()
        row.setContentsMargins(0, 0, 0, 0)
        self._hash_row.setLayout(row)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.heading, self.problem, self.card, self.cautions):
            column.addWidget(widget)
        column.addWidget(self.tabs, 1)
        column.addWidget(self._hash_row)
        column.addStretch()
        self.show_model(None)

    def show_model(self, found: Inspection | Unusable | None) -> None:
        """Show a model, the reason why it cannot be used, or nothing (None)."""
        usable = found if isinstance(found, Inspection) else None
        self.heading.setText(found.file.label if found else "")
        self.problem.setText(found.error if isinstance(found, Unusable) else "")
        self.problem.setVisible(isinstance(found, Unusable))
        self.card.setText("\n".join(usable.card) if usable else "")
        self.cautions.show_list("Please note:", usable.cautions if usable else ())
        self.sha256.setText(usable.sha256 if usable else "")
        self.sha256.setCursorPosition(0)
        for widget in (self.card, self.tabs, self._hash_row):
            widget.setVisible(usable is not None)
        self.facts.clear()
        for section in usable.sections if usable else ():
            self._add(section)
        # A card from outside could look like a text of the program, so only cards that ship with it are shown.
        card = written_card(usable.file) if usable and usable.file.origin == "ships with busapp" else ""
        self.written.setMarkdown(card)
        self.tabs.setTabVisible(1, bool(card))
        self.tabs.tabBar().setVisible(bool(card))

    def _add(self, section: Section) -> None:
        heading, pairs = section
        parent = QTreeWidgetItem([heading])
        font = parent.font(0)
        font.setBold(True)
        parent.setFont(0, font)
        parent.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.facts.addTopLevelItem(parent)
        parent.setFirstColumnSpanned(True)
        for name, value in pairs:
            item = QTreeWidgetItem([name, value])
            item.setToolTip(1, f"<p>{escape(value)}</p>")
            parent.addChild(item)
        parent.setExpanded(True)
