"""The menu with the style of CSV tables, and a table that the window exports."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from busapp.engine.utils.tables import TableStyle, choose_table_style, table_style
from busapp.gui.main_window import MainWindow
from busapp.gui.table_menu import TableMenu
from busapp.gui.widgets.exporting import write_rows


def test_a_choice_holds_for_the_next_export(window: MainWindow, tmp_path: Path) -> None:
    menu = window.findChild(TableMenu)
    assert menu.separators["comma"].isChecked() and not menu.mark.isChecked()
    menu.separators["semicolon"].trigger()
    menu.mark.trigger()
    assert table_style() == TableStyle("semicolon", mark=True)
    write_rows(tmp_path / "plot.csv", [["Größe"], [0.25]])
    assert (tmp_path / "plot.csv").read_bytes() == "\ufeffGröße\n0,25\n".encode()


def test_it_shows_what_a_command_chose_meanwhile(qtbot: QtBot) -> None:
    menu = TableMenu()
    qtbot.addWidget(menu)
    choose_table_style(TableStyle("semicolon"))
    menu.aboutToShow.emit()
    assert menu.separators["semicolon"].isChecked() and not menu.separators["comma"].isChecked()
