"""Give the images of a study to others: as folders of classes, as COCO, or as one ZIP.

Every file is made anew from decoded pixels, so that nothing of a header travels: no tag, no text, no colour profile.
Patients and groups are numbered anew, and where an image came from is not told.
"""

from busapp.engine.sharing.choice import Choice, bytes_per_pixel, choose, target_of
from busapp.engine.sharing.job import share

__all__ = ["Choice", "bytes_per_pixel", "choose", "share", "target_of"]
