"""An image after the steps that prepare images for a network, for display at its own size."""

from typing import Final

from PIL import Image, ImageOps
from PySide6.QtGui import QImage

from busapp.engine.images.preprocessing import Preprocessing
from busapp.gui.images.image_canvas import to_qimage

LONGEST_SIDE: Final = 2048
"""In pixels. A larger image is prepared at this size and enlarged again; at full size it would take seconds and
gigabytes."""


def prepared(image: Image.Image, steps: Preprocessing) -> QImage:
    """The image after the steps, in the size of the original. The framing is ignored: the whole image is shown."""
    if max(image.size) <= LONGEST_SIDE:
        return to_qimage(steps.finished(image))
    small = ImageOps.contain(image, (LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return to_qimage(steps.finished(small).resize(image.size, Image.Resampling.BILINEAR))
