"""Give the images of a study to others: as folders of classes, as COCO, or as one ZIP.

Every file is encoded again from decoded pixels, so that it has nothing from the original header: no tag, no text, no
colour profile. Patients and groups get new numbers. The export does not say where an image came from.
"""

from busapp.engine.sharing.choice import Choice, bytes_per_pixel, choose_images, target_of
from busapp.engine.sharing.job import share

__all__ = ["Choice", "bytes_per_pixel", "choose_images", "share", "target_of"]
