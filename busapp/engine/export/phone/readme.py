"""`README.md` of the folder for an app: what a developer has to know who never saw the study."""

from collections.abc import Sequence
from typing import Final

from busapp.engine.contract.diagnosis import ExpectedAnswers, FileAgreement
from busapp.engine.export.phone.agreement import ConvertedFile
from busapp.engine.images.preprocessing import CLIP_LIMIT, TILES
from busapp.engine.models.model import ModelDescription
from busapp.engine.utils.words import RESEARCH_USE

_TFLITE: Final = (
    "Both TensorFlow Lite files take and give the same, so that one can stand in for the other. Take "
    "`model-float32.tflite` unless size or speed forbid: `model-int8.tflite` is smaller and runs on accelerators that "
    "know integers alone, and its answers differ a little (below). They are run with LiteRT (TensorFlow Lite) on "
    "Android, iOS and elsewhere; the signature is `serving_default`."
)
_ONNX: Final = "`model.onnx` is run with ONNX Runtime (1.20 or later) on Android, iOS, in the browser and elsewhere."
_RESIZE: Final = (
    "Decode the image to 8-bit RGB (grey: the same value three times). Leave out frames, rulers and text of the "
    "scanner as far as the training images had none. Resize it to {size}×{size} whatever its aspect ratio, bilinear "
    "**with antialiasing**: each new pixel is a mean over all old pixels it covers, weighted by a triangle (Pillow's "
    "`BILINEAR`, `antialias=True` in TensorFlow and torch). Plain bilinear sampling, as of Android's "
    "`createScaledBitmap` or OpenCV's `INTER_LINEAR`, gives other pixels from large images, and other answers."
)
_EQUALISE: Final = (
    "Then equalise the contrast, as the training images were (CLAHE): convert to YCbCr (JFIF), stretch Y to 0…255, "
    "divide it into {tiles}×{tiles} tiles of {tile} pixels a side, count 256 grey levels in each, clip each level to "
    "{clip:g} of the tile's pixels and spread what was cut off evenly, map Y by the cumulative counts with bilinear "
    "interpolation between tiles, convert back to RGB. An image of one grey level stays as it is. The reference is "
    "`skimage.exposure.equalize_adapthist(Y, kernel_size={tile}, clip_limit={clip:g})`. Without this step the answers "
    "are worth nothing."
)
_NORMAL: Final = (
    "Hand the values 0…255 to the model as they are. Normalisation is inside: neither scale to 0…1 nor subtract a mean."
)
_MIRRORED: Final = (
    " The model looks at the image and at its mirror image and answers with the mean; do not do so again."
)
_SOFTMAX: Final = (
    "`probabilities = softmax(logits / temperature)` with temperature {temperature:.6g}, which was fitted on the "
    "logits of the cross-validation, so that probabilities are as high as they are right."
)
_CALIBRATED: Final = (
    "They are calibrated: a temperature of {temperature:.6g}, fitted on the logits of the cross-validation, is inside. "
    "They add up to 1 (in the int8 file they are multiples of 1/256)."
)
_MAPS: Final = (
    "`maps` holds a class activation map for each class: high where the image speaks for the class, low or "
    "negative where against it. Enlarge the map of the class to the image's size (bicubic or bilinear), cut off what "
    "is below 0, divide by the largest value and lay it over the image, moved up and left by 15.5/32 of a cell: since "
    "the network pads every side, cell (row, column) is about the pixels around (32 row, 32 column) of the prepared "
    "image. It shows where the network looked, and is no outline of a lesion."
)
_REFUSE: Final = (
    "An image without any content (grey values that deviate less than 2 of 255) gets an answer too; refuse it before."
)


def readme(
    description: ModelDescription,
    files: Sequence[ConvertedFile],
    agreement: Sequence[FileAgreement],
    shown: ExpectedAnswers,
    *,
    mirrored: bool,
) -> str:
    """The text. `shown` is the content of `expected.json`."""
    is_onnx = files[0].name.endswith(".onnx")
    size, temperature = description.image_size, description.temperature
    tile = max(1, size // TILES)
    equalise = _EQUALISE.format(tiles=TILES, tile=tile, clip=CLIP_LIMIT) if description.equalise else ""
    parts = [
        f"# A classifier of breast-ultrasound images\n\n**{RESEARCH_USE}** Nobody may be diagnosed with it.",
        _ONNX if is_onnx else _TFLITE,
        f"## Before the model\n\n{_RESIZE.format(size=size)}",
        equalise,
        f"{_NORMAL}{_MIRRORED if mirrored else ''} All numbers of this section stand in `preprocessing.json`.",
        f"## Input and output\n\n{_tensors(description, files[0], is_onnx)}",
        f"The order of the classes is that of `labels.txt`: {', '.join(description.classes)}.",
        (_SOFTMAX if is_onnx else _CALIBRATED).format(temperature=temperature),
        _MAPS,
        _REFUSE,
        f"## Does it work in the app?\n\n{_examples(shown)}",
        f"## How far the files agree with the original\n\n{_agreement(agreement)}",
        f"## What to expect of it\n\n{_limits(description)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tensors(description: ModelDescription, file: ConvertedFile, is_onnx: bool) -> str:
    size, n_classes = description.image_size, len(description.classes)
    batch = "n" if is_onnx else "1"
    rows = [f"| input | 0 | `pixels` | {batch}×{size}×{size}×3 (NHWC) | uint8 | RGB, 0…255 |"]
    meanings = {
        "logits": (f"{batch}×{n_classes}", "see below"),
        "probabilities": (f"{batch}×{n_classes}", "of the classes, 0…1"),
        "maps": (f"{batch}×{n_classes}×height×width", "heat map of each class"),
    }
    for name, place in sorted(file.places.items(), key=lambda item: item[1]):
        shape, meaning = meanings.get(name, ("see the file", "for busapp itself"))
        rows.append(f"| output | {place} | `{name}` | {shape} | float32 | {meaning} |")
    return "\n".join(["| | index | name | shape | dtype | values |", "|---|---|---|---|---|---|", *rows])


def _examples(shown: ExpectedAnswers) -> str:
    tolerance = ", ".join(f"{value:g} for `{name}`" for name, value in shown["tolerance_of_a_probability"].items())
    return (
        f"`examples/` has {len(shown['images'])} images of the study, and `examples/expected.json` what each file "
        "answers to them. `…-prepared.png` holds the very pixels that the model takes: with them a probability must "
        f"not differ from the expected one by more than {tolerance}. The picture of the same name without `-prepared` "
        "is the image as the study has it: prepare it yourself and compare your pixels with the prepared ones; "
        "they should differ by 1 or 2 of 255 at most. The network learned from these images, so that its being right "
        "on them proves nothing.\n\n"
        "**They are images of patients** (unless the study is one of simulated phantoms). Pass them on only where the "
        "study itself may be passed on, look whether text is burned into them, and do not ship them with an app."
    )


def _agreement(agreement: Sequence[FileAgreement]) -> str:
    rows = [
        f"| `{entry['file']}` | {entry['bytes'] / 1e6:.2f} MB | {entry['same_class']} of {entry['n_images']} | "
        f"{entry['largest_difference']:.2g} | {entry['mean_difference']:.2g} | {entry['accuracy']:.1%} | "
        f"{entry['original_accuracy']:.1%} |"
        for entry in agreement
    ]
    return "\n".join(
        [
            "Asked about the images of the study. The network was trained on these very images: the accuracies are for "
            "comparing the columns with each other and say nothing of new images.",
            "",
            "| file | size | same class | largest difference of a probability | mean difference | accuracy of the "
            "file | of the original |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _limits(description: ModelDescription) -> str:
    about = description.provenance
    low, high = about.accuracy_ci95 or (0.0, 1.0)
    counts = ", ".join(f"{name} {count}" for name, count in about.class_counts.items())
    images = "simulated phantoms" if about.phantoms else "images"
    sentences = [
        f"In cross-validation, on images that the network had not seen, the accuracy was **{about.accuracy:.1%}** "
        f"(95 % interval {low:.1%} to {high:.1%}; {about.system}, protocol {about.protocol}).",
        f"It learned from {about.n_images} {images} in {about.n_groups} groups ({counts}) and {about.n_synthetic} "
        "synthetic ones. Other scanners, other settings and photographs of a screen were not among what it was "
        "measured on; expect less there, and measure it.",
        "It knows these classes alone and calls every picture one of them, also one that is no breast ultrasound.",
    ]
    if about.phantoms:
        sentences.append("It learned from simulated phantoms and knows nothing of patients.")
    if about.protocol == "published" or any(about.leaks.values()):
        sentences.append("Its accuracy was measured with a protocol that leaks; expect less on new images.")
    origin = f"Made {about.created} by busapp {about.busapp} of run {about.run}, study {about.study}."
    return "\n".join(f"- {sentence}" for sentence in [*sentences, origin])
