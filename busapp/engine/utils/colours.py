"""Colours of classes, the same on every screen and in every figure. They never stand without the name of the class.

Okabe and Ito's set, which colour-blind people can distinguish as well.
"""

from collections.abc import Iterable
from typing import Final

_NAMED: Final = {"benign": "#0072B2", "malignant": "#D55E00", "normal": "#009E73"}
_OTHERS: Final = ("#E69F00", "#CC79A7", "#56B4E9", "#F0E442")
_ALL: Final = (*_NAMED.values(), *_OTHERS)


def series_colour(place: int) -> str:
    """The colour of one of several curves, counted from 0, as `#rrggbb`."""
    return _ALL[place % len(_ALL)]


def class_colour(name: str, classes: Iterable[str]) -> str:
    """The colour of one of `classes`, as `#rrggbb`."""
    if name in _NAMED:
        return _NAMED[name]
    others = sorted(other for other in classes if other not in _NAMED)
    position = others.index(name) if name in others else 0
    return _OTHERS[position % len(_OTHERS)]
