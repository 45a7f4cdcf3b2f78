"""The Qt binding itself: a program that emits a signal for every event lives by it."""

import sys

from PySide6.QtCore import QObject, Signal


class _Emitter(QObject):
    happened = Signal(object)


def test_emitting_keeps_the_references_of_true() -> None:
    # PySide6 6.12.0 loses one at every emit, which ends in "deallocating True or False" where Python counts them.
    emitter = _Emitter()
    before = sys.getrefcount(True)
    for _ in range(50):
        emitter.happened.emit(None)
    assert sys.getrefcount(True) >= before - 5
