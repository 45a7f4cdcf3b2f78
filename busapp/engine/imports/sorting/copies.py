"""Count pictures that lie in the sources twice only once: nested copies of a set, or a folder of all images beside the
folders of classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from busapp.engine.imports.files.sources import STEP, Steps, read_whole
from busapp.engine.imports.found import FoundImage
from busapp.engine.utils.files import sha256_of
from busapp.errors import UnreadableImage


def without_copies(images: Sequence[FoundImage]) -> Steps[list[FoundImage]]:
    """The images without those that have the name, the class and the bytes of an earlier one. The earlier one gets
    their masks and their patient, if it has none itself.

    Only files whose name occurs in a class more than once are read.
    """
    often = Counter(image.file for image in images)
    kept: dict[int, FoundImage] = {}
    first: dict[tuple[str, str], int] = {}
    for number, image in enumerate(images):
        kept[number] = image
        if often[image.file] == 1:
            continue
        if number % STEP == 0:
            yield number
        try:
            key = (image.file, sha256_of(read_whole(image.entry)))
        except UnreadableImage:  # the import will say why
            continue
        earlier = first.setdefault(key, number)
        if earlier != number:
            one = kept[earlier]
            kept[earlier] = replace(one, masks=one.masks or image.masks, patient=one.patient or image.patient)
            del kept[number]
    return list(kept.values())
