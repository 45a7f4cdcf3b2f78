"""The catalog of a study."""

from busapp.engine.catalog.addition import Addition
from busapp.engine.catalog.catalog import Catalog
from busapp.engine.catalog.known import Disagreement, Known, KnownImages, Statement, compared
from busapp.engine.catalog.records import Change, Cover, FoundPair, ImageRecord, Kind, Measures, NewImage, Pair, Verdict

__all__ = [
    "Addition",
    "Catalog",
    "Change",
    "Cover",
    "Disagreement",
    "FoundPair",
    "ImageRecord",
    "Kind",
    "Known",
    "KnownImages",
    "Measures",
    "NewImage",
    "Pair",
    "Statement",
    "Verdict",
    "compared",
]
