"""What was done to a picture that its file does not plainly contain: said by everything that reads one."""

from dataclasses import dataclass
from enum import StrEnum

from PIL import Image


class Remark(StrEnum):
    """A guess, or a correction, that was made when a picture was read. The value is a phrase for people about the
    picture: "2 images: turned upright, …"."""

    TURNED = "turned upright, as the orientation in the file says"
    MASK_TURNED = "the mask was turned along with its picture, because it has the size of the picture as stored"
    STRETCHED = "stretched, because the file says that its pixels are not square"
    RATIO_IGNORED = "shown as stored, because what the file says about the shape of its pixels cannot be right"
    DENSITY_IGNORED = "shown as stored, although the resolution in the file is not the same in both directions"
    OUTLIERS = "a few pixels are far brighter or darker than all others; the contrast was set without them"
    FEWER_BITS = "brightened, because its colours use fewer bits than the file has for them"
    WINDOW_IGNORED = "shown without the file's window, which would have hidden the picture"
    PADDING = "the padding around the picture is shown black, and does not count for the contrast"
    HIGH_BITS = "its values were taken from the upper bits, as the file says"
    HIGH_BIT_IGNORED = "its values were taken from the lower bits, although the file says otherwise"
    TRANSPARENT = "shown although the file says that all of it is transparent"

    @property
    def sentence(self) -> str:
        """The remark about one picture."""
        return f"Picture: {self.value}."


@dataclass(frozen=True)
class Decoded:
    """A picture as people see it, 8-bit RGB, and what was done to get it.

    `orientation` is that of the file (EXIF, 1 to 8; 1 is upright); the picture is upright already. `plain` is true if
    the file's bytes give the same picture to `preprocessing.read_image`, so that a study can keep them unchanged.
    """

    picture: Image.Image
    remarks: tuple[Remark, ...] = ()
    orientation: int = 1
    plain: bool = True
