"""Adaptive equalisation of an image for display."""

from typing import Final

from PIL import Image, ImageOps
from PySide6.QtGui import QImage

from busapp.engine.images.equalisation import equalise
from busapp.gui.images.image_canvas import to_qimage

LONGEST_SIDE: Final = 2048
"""In pixels. A larger image is equalised at this size and enlarged again; at full size it would take seconds and
gigabytes."""


def equalised(image: Image.Image) -> QImage:
    """The equalised image, in the size of the original."""
    if max(image.size) <= LONGEST_SIDE:
        return to_qimage(equalise(image))
    small = ImageOps.contain(image, (LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return to_qimage(equalise(small).resize(image.size, Image.Resampling.BILINEAR))
