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
    FEWER_FRAMES = "the file holds fewer frames than it says; those that are there were used"
    MORE_FRAMES = "the file holds more frames than it says; all that are there were used"
    FRAMES_COUNTED = "the file does not say how many frames it holds; all that are there were used"
    BANNER_CUT = "text around the picture was cut away, because the file does not say where the picture lies"
    LETTERS = "letters remain in the picture; if they name somebody, cover them or cut them off before it is used"
    TABLE_IGNORED = "shown without a lookup table of the file, which is empty or damaged"
    NOT_SAID = "the file does not say that it is an ultrasound image"
    OTHER_MODALITY = "taken anyway, although the file says that it is no ultrasound image"
    TAKEN_ANYWAY = "taken anyway, although the description of the pixels in the file contradicts itself"
    FIRST_PICTURE = "the file holds several pictures of this size, of which only the first came in"
    TRANSPARENT = "shown although the file says that all of it is transparent"

    @property
    def sentence(self) -> str:
        """The remark about one picture."""
        return f"Picture: {self.value}."

    @property
    def is_odd(self) -> bool:
        """True if people must look at the picture before they use it."""
        return self in (
            Remark.FIRST_PICTURE,
            Remark.LETTERS,
            Remark.NOT_SAID,
            Remark.OTHER_MODALITY,
            Remark.TAKEN_ANYWAY,
        )


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
