"""`README.txt` of an export: what a colleague has to know who never saw the study."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import busapp
from busapp.engine.study.workspace import Workspace

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
    "for each connected region of a mask, as uncompressed run lengths, which pycocotools and FiftyOne read; single "
    "stray pixels of a mask are regions of their own and can be told by their area. Every entry of images names its "
    "class and category_id, also where there is no annotation. An image without annotation is not an image without a "
    "lesion: leave those without a mask out when you train a detector. In FiftyOne, give data_path=images and "
    "labels_path=annotations.json; in torchvision, the folder images is the root.",
}

_COLUMNS: Final = (
    "images.csv has one row for each image: file, class, kind (real or synthetic), group, patient, set_aside (the "
    "reason), flags (what may be wrong with the image), width and height in pixels, spacing_mm (the width of a pixel "
    "in millimetres, where it is known), mask, sha256 of the file, and for synthetic images run, preset, epochs and "
    "n_trained_on of the generator that drew them (its number of training images), the training image that is nearest "
    "to them, and how far the two correlate (as grey thumbnails, shifted and mirrored to fit best; 1: equal). It is "
    "written in UTF-8 with commas."
)
_MADE_ANEW: Final = (
    "Every image was encoded anew as PNG from its pixels alone: 8-bit grey, or RGB where there is colour. No header, "
    "tag or text of the original files is in them. Groups and patients are numbered for this export only."
)


def readme(workspace: Workspace, date: str, rows: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> str:
    """The description. `date` is ISO 8601, `rows` are those of `images.csv`, `result` is the job's."""
    of_what = "simulated phantoms, not patients" if workspace.phantoms else "research use only, not for diagnosis"
    parts = [
        f"{workspace.name}\n{'=' * min(len(workspace.name), _WIDTH)}",
        f"Images of the study “{workspace.name}”, exported on {date} with busapp {busapp.__version__}: {of_what}.",
        _counts(rows),
        _groups(rows),
        *_cautions(result),
        _LAYOUT[result["format"]],
        _COLUMNS,
        _MADE_ANEW,
    ]
    return "\n\n".join(part if "\n" in part else textwrap.fill(part, _WIDTH) for part in parts) + "\n"


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of images per class: in use, with a mask, synthetic, set aside."""
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


def _groups(rows: Sequence[Mapping[str, Any]]) -> str:
    sizes = Counter(row["group"] for row in rows)
    several = [size for size in sizes.values() if size > 1]
    if not several:
        return f"Groups: {len(sizes):,}, each of one image."
    return (
        f"Groups: {len(sizes):,}. {len(several):,} of them have several images, {sum(several):,} together: "
        "near-duplicates, or images of one patient. Keep the images of a group together, on one side of every split "
        "between training and test."
    )


def _cautions(result: Mapping[str, Any]) -> list[str]:
    parts = []
    if result["synthetic"]:
        parts.append(
            f"SYNTHETIC IMAGES: {result['synthetic']:,}. A generator drew them, nobody was scanned for them. They lie "
            "in folders called synthetic. Never test or diagnose with them."
        )
    if result["set_aside"]:
        parts.append(
            f"Set aside: {result['set_aside']:,}. Whoever made the study does not use these images, for the reasons in "
            "images.csv. They lie in the folder set-aside."
        )
    if result["with_text"]:
        parts.append(
            f"TEXT IN THE PICTURE: {result['with_text']:,}. These images, with the flag text in images.csv, may have "
            "text burned into their pixels, which could name a patient. Look at them before you pass them on."
        )
    if result["unchecked"]:
        parts.append(
            f"NOT CHECKED: {result['unchecked']:,}. In these images nobody looked for text burned in, which could name "
            "a patient, nor for near-duplicates."
        )
    left = {"set aside": result["left_set_aside"], "synthetic": result["left_synthetic"]}
    left["not readable, or without their mask"] = len(result["skipped"])
    if any(left.values()):
        parts.append(f"Left out: {', '.join(f'{count:,} {why}' for why, count in left.items() if count)}.")
    return parts
