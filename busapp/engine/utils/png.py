"""PNG files that hold only the pixels of a picture."""

import io

from PIL import Image, ImageChops


def png(picture: Image.Image) -> bytes:
    """An RGB image as a PNG without metadata: 8-bit RGB, or grey where its three channels are equal."""
    red, green, blue = picture.split()
    is_grey = not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
    return bare_png(red if is_grey else picture)


def bare_png(picture: Image.Image) -> bytes:
    """A picture of any mode as a PNG without metadata."""
    # Pillow would also write the colour profile and more from `info`.
    copy = picture.copy()
    copy.info = {}
    stream = io.BytesIO()
    copy.save(stream, "PNG")
    return stream.getvalue()
