"""The menu with the style of CSV tables, for whatever the window exports."""

from typing import Final

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from busapp.engine.utils.tables import Separator, TableStyle, choose_table_style, table_style
from busapp.errors import UserError

_SEPARATORS: Final[dict[str, Separator]] = {
    "&Commas, with decimal points": "comma",
    "&Semicolons, with decimal commas": "semicolon",
}


class TableMenu(QMenu):
    """Choose how CSV tables are written, in the window and by commands. It shows the present choice when it opens."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("CSV &tables", parent)
        self.setToolTipsVisible(True)
        group = QActionGroup(self)
        self.separators = {}
        for words, separator in _SEPARATORS.items():
            action = self.addAction(words)
            action.setCheckable(True)
            group.addAction(action)
            self.separators[separator] = action
        self.separators["semicolon"].setToolTip("As Excel expects it in German, French, Spanish and other languages")
        self.addSeparator()
        self.mark = self.addAction("With a &byte-order mark")
        self.mark.setCheckable(True)
        self.mark.setToolTip("Excel needs it to show ü and 王 in a table that is opened with a double-click")
        self.aboutToShow.connect(self.show_choice)
        self.triggered.connect(lambda _action: self._choose())
        self.show_choice()

    def show_choice(self) -> None:
        """Tick the present choice."""
        style = table_style()
        self.separators[style.separator].setChecked(True)
        self.mark.setChecked(style.mark)

    def _choose(self) -> None:
        separator = next(name for name, action in self.separators.items() if action.isChecked())
        try:
            choose_table_style(TableStyle(separator, self.mark.isChecked()))
        except (OSError, UserError) as error:
            QMessageBox.warning(self, "CSV tables", f"The choice could not be saved. {error}")
