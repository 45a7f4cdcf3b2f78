"""Panels that fit into narrow windows."""

from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from busapp.gui.widgets.panels import SideBySide, scrolling


def test_the_second_widget_moves_below_the_first_where_it_is_narrow(qtbot: QtBot) -> None:
    first, second = QLabel("first"), QLabel("second")
    for label in (first, second):
        label.setMinimumWidth(120)
    area = scrolling(SideBySide(first, second, 300))
    qtbot.addWidget(area)
    area.resize(400, 200)
    area.show()
    QApplication.processEvents()
    assert first.y() == second.y() and second.x() > first.geometry().right()
    area.resize(180, 200)
    QApplication.processEvents()
    assert first.x() == second.x() and second.y() > first.geometry().bottom()
    assert area.widget().width() <= area.viewport().width()
    area.resize(400, 200)
    QApplication.processEvents()
    assert first.y() == second.y()
