"""Shared by all matplotlib figures: colours, paper size, and export to files."""

import io
from typing import Final

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from busapp.engine.utils.fonts import make_legible

# Okabe and Ito's colours, safe for colour-blind eyes, as in the window.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
A4: Final = (8.27, 11.69)
"""Width and height in inches."""


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """A figure as PNG bytes."""
    make_legible(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def to_svg(figure: Figure) -> bytes:
    """A figure as SVG. The same figure gives the same bytes, and text stays text, so that it can be edited."""
    make_legible(figure)
    stream = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "busapp"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def image_to_png(image: Image.Image) -> bytes:
    """A picture as PNG bytes."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
