"""The Qt binding itself, because the program emits a signal for every event."""

import sys

from PySide6.QtCore import QObject, Signal


class _Emitter(QObject):
    happened = Signal(object)


def test_emitting_keeps_the_references_of_true() -> None:
    # PySide6 6.12.0 loses one reference at every emit. Pythons that count these references then crash with
    # "deallocating True or False".
    emitter = _Emitter()
    before = sys.getrefcount(True)
    for _ in range(50):
        emitter.happened.emit(None)
    assert sys.getrefcount(True) >= before - 5
