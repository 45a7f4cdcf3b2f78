"""`README.txt` of an export: a description for colleagues who do not know the study."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import busapp
from busapp.engine.sharing.rows import ImageRow
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.tables import TableStyle

_WIDTH: Final = 79

_FOLDERS: Final = (
    "One folder for each class. The lesion mask of NAME.png is NAME_mask.png beside it, white inside the lesion: the "
    "layout of BUSI (Al-Dhabyani et al. 2020, Data in Brief 28:104863)."
)
_LAYOUT: Final = {
    "folders": _FOLDERS,
    "zip": _FOLDERS,
    "coco": "images/ holds one folder for each class, masks/ the lesion masks under the same names, white inside the "
    "lesion. annotations.json is in the format of COCO (Lin et al. 2014, cocodataset.org/#format-data): one annotation "
    "for each connected region of a mask, as uncompressed run lengths, which pycocotools and FiftyOne read. Single "
    "stray pixels of a mask are regions of their own; their small area shows them. Every entry of images names its "
    "class and category_id, even without an annotation. An image without an annotation may still show a lesion: to "
    "train a detector, skip images without a mask. In FiftyOne, set data_path=images and "
    "labels_path=annotations.json; in torchvision, the folder images is the root.",
}

_COLUMNS: Final = (
    "images.csv has one row for each image: file, class, kind (real or synthetic), group, patient, site (the "
    "hospital), device (maker and model of the machine), set_aside (the reason), flags (what may be wrong with the "
    "image), width and height in pixels, spacing_mm (the width of a pixel in millimetres, if known), mask, sha256 of "
    "the file. For synthetic images it also has run, preset, epochs and n_trained_on (the number of training images) "
    "of the generator that drew them, nearest (the most similar training image), and correlation with it (of grey "
    "thumbnails, shifted and mirrored to fit best; 1: equal). The file is {style}."
)
_ENCODED_AGAIN: Final = (
    "Every image was encoded again as PNG from its pixels alone: 8-bit grey, or RGB if it has colour. The files "
    "contain no header, tag or text of the original files. Group and patient numbers are valid for this export only."
)


def images_readme(
    workspace: Workspace, date: str, rows: Sequence[ImageRow], result: Mapping[str, Any], style: TableStyle
) -> str:
    """The description of an export. `date` is ISO 8601, `rows` are those of `images.csv`, which has this style,
    `result` is the job's."""
    what = "simulated phantoms, not patients" if workspace.phantoms else "research use only, not for diagnosis"
    parts = [
        f"{workspace.name}\n{'=' * min(len(workspace.name), _WIDTH)}",
        f"Images of the study “{workspace.name}”, exported on {date} with busapp {busapp.__version__}: {what}.",
        _counts(rows),
        _groups(rows),
        *_places(rows),
        *_cautions(result),
        _LAYOUT[result["format"]],
        _COLUMNS.format(style=style.in_words()),
        _ENCODED_AGAIN,
    ]
    return "\n\n".join(part if "\n" in part else textwrap.fill(part, _WIDTH) for part in parts) + "\n"


def _counts(rows: Sequence[ImageRow]) -> str:
    """A table of images per class: real, synthetic, set aside, with a mask."""
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counted[row["class"], "set aside" if row["set_aside"] else row["kind"]] += 1
        counted[row["class"], "with a mask"] += bool(row["mask"])
    kinds = [
        kind
        for kind in ("real", "synthetic", "set aside", "with a mask")
        if kind == "real" or any(counted[key] for key in counted if key[1] == kind)
    ]
    classes = sorted({row["class"] for row in rows})
    widest = max(len(name) for name in ("all", *classes))
    lines = [" " * widest + "".join(f"{kind:>14}" for kind in kinds)]
    lines += [f"{name:<{widest}}" + "".join(f"{counted[name, kind]:>14,}" for kind in kinds) for name in classes]
    totals = [sum(counted[name, kind] for name in classes) for kind in kinds]
    return "\n".join([*lines, f"{'all':<{widest}}" + "".join(f"{total:>14,}" for total in totals)])


def _groups(rows: Sequence[ImageRow]) -> str:
    sizes = Counter(row["group"] for row in rows)
    several = [size for size in sizes.values() if size > 1]
    if not several:
        return f"Groups: {len(sizes):,}, each of one image."
    return (
        f"Groups: {len(sizes):,}. {len(several):,} of them have several images, {sum(several):,} together: "
        "near-duplicates, or images of one patient. Keep all images of a group on one side of every split between "
        "training and test."
    )


def _places(rows: Sequence[ImageRow]) -> list[str]:
    """Images by site and by device, if any are known."""
    parts = []
    for title, names in (("Sites", [row["site"] for row in rows]), ("Devices", [row["device"] for row in rows])):
        if any(names):
            counted = ", ".join(f"{name or 'not known'} {n:,}" for name, n in Counter(names).most_common())
            parts.append(f"{title}: {counted}.")
    return parts


def _cautions(result: Mapping[str, Any]) -> list[str]:
    parts = []
    if result["synthetic"]:
        parts.append(
            f"SYNTHETIC IMAGES: {result['synthetic']:,}. A generator drew them; nobody was scanned for them. They are "
            "in folders called synthetic. Never use them to test or to diagnose."
        )
    if result["set_aside"]:
        parts.append(
            f"Set aside: {result['set_aside']:,}. The study does not use these images, for the reasons in images.csv. "
            "They are in the folder set-aside."
        )
    if result["with_text"]:
        parts.append(
            f"TEXT IN THE PICTURE: {result['with_text']:,}. These images, with the flag text in images.csv, may have "
            "text burned into their pixels, which could name a patient. Check them before you pass them on."
        )
    if result["unchecked"]:
        parts.append(
            f"NOT CHECKED: {result['unchecked']:,}. These images were not checked for text burned in, which could name "
            "a patient, nor for near-duplicates."
        )
    left = {"set aside": result["left_set_aside"], "synthetic": result["left_synthetic"]}
    left["not readable, or without their mask"] = len(result["skipped"])
    if any(left.values()):
        parts.append(f"Left out: {', '.join(f'{count:,} {why}' for why, count in left.items() if count)}.")
    return parts
