"""Count pictures that lie in the sources twice only once: nested copies of a set, or a folder of all images beside the
folders of classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from busapp.engine.imports.files.sources import STEP, Steps, read_whole
from busapp.engine.imports.findings import Finding
from busapp.engine.imports.found import FoundImage
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.study.patients import are_two
from busapp.engine.utils.files import sha256_of
from busapp.engine.utils.words import many
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


def told_once(images: Sequence[FoundImage]) -> tuple[list[FoundImage], list[Finding]]:
    """The images with each image of the study once, although several tables name it. What an earlier table says
    counts; later ones say what is missing. Returns findings about tables that disagree, too."""
    kept: dict[str, FoundImage] = {}
    differ: Counter[str] = Counter()
    for image in images:
        earlier = kept.get(image.entry.where) if isinstance(image.entry, StudyEntry) else None
        if earlier is None:
            kept[image.entry.where] = image
            continue
        differ["patient"] += are_two(earlier.patient, image.patient)
        differ["class"] += None not in (earlier.class_name, image.class_name) and earlier.class_name != image.class_name
        kept[image.entry.where] = replace(
            earlier,
            class_name=earlier.class_name or image.class_name,
            patient=earlier.patient or image.patient,
            site=earlier.site or image.site,
            device=earlier.device or image.device,
        )
    text = "A later table gives {} of the study another {} than an earlier one, which counts."
    return [*kept.values()], [
        Finding("odd", text.format(many(count, "image"), what)) for what, count in differ.items() if count
    ]
