"""Selection, places and painted cards of the image grid."""

from PySide6.QtCore import QPoint

from busapp.gui.dataset.image_grid import ImageGrid

CLASSES = ["benign", "malignant", "normal"]


def selected(grid: ImageGrid) -> list[int]:
    """Rows of the selected images."""
    return [row for row, image in enumerate(grid.images.images) if image in grid.selected()]


def centre(grid: ImageGrid, row: int) -> QPoint:
    """Centre of an image in the viewport, in pixels."""
    return grid.visualRect(grid.images.index(row)).center()


def is_painted(grid: ImageGrid, row: int) -> bool:
    """True if the card with the small picture was painted."""
    return grid._cards.kept(grid.images.images[row].id, False) is not None
