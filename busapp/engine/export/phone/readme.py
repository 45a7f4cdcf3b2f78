"""`README.md` of the folder for an app, for a developer who has never seen the study."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from busapp.engine.contract.diagnosis import ExpectedAnswers, FileAgreement
from busapp.engine.export.phone.agreement import ConvertedFile
from busapp.engine.export.phone.preparation import CENTRE_OF_MAP, short_side, steps_in_words
from busapp.engine.models.model import ModelDescription
from busapp.engine.utils.words import RESEARCH_USE

_TFLITE: Final = (
    "Both TensorFlow Lite files have the same inputs and outputs, so you can use either. Use `model-float32.tflite` "
    "unless it is too large or too slow. `model-int8.tflite` is smaller and runs on accelerators that compute only "
    "with integers, but its answers differ a little (see below). Run the files with LiteRT (TensorFlow Lite) on "
    "Android, iOS and elsewhere. The signature is `serving_default`."
)
_EXECUTORCH: Final = (
    "Both ExecuTorch files have the same inputs and outputs, so you can use either. Use `model-float32.pte` unless it "
    "is too large or too slow. `model-int8.pte` is smaller, but its answers differ a little (see below). Their last "
    "layer computes in float32 in both.\n\n"
    "Run the files with ExecuTorch 1.5 or later. They need its XNNPACK backend, which computes on the CPU, and its "
    "portable or optimised kernels. The method is `forward`. It takes one tensor and returns two, which the file does "
    "not name: know them by their index. A loaded module must not be used by two threads at once.\n\n"
    "- Android: the package `org.pytorch:executorch-android` has the backend and the kernels. In Kotlin: "
    "`Module.load(path)`, with the path of a real file (copy the model out of the app's assets first); "
    "`Tensor.fromBlobUnsigned(pixels, longArrayOf(1, {size}, {size}, 3))`, with `pixels` a `ByteArray`; "
    "`module.forward(EValue.from(tensor))`, an array of two; and `[index].toTensor().dataAsFloatArray`.\n"
    "- iOS: link `executorch`, `backend_xnnpack` and `kernels_optimized` of ExecuTorch's Swift package, with the "
    "linker flag `-all_load`, without which backend and kernels are not found. In Swift: `Module(filePath: path)`; "
    "`Tensor<UInt8>(pixels, shape: [1, {size}, {size}, 3])`; `try module.forward(tensor)`, an array of two values, "
    "each a float tensor.\n"
    '- Python, to try it: `Runtime.get().load_program(path).load_method("forward").execute([pixels])` of '
    "`executorch.runtime`, with `pixels` a torch tensor."
)
_ONNX: Final = "Run `model.onnx` with ONNX Runtime (1.20 or later) on Android, iOS, in the browser and elsewhere."
_RUN: Final = {".tflite": _TFLITE, ".pte": _EXECUTORCH, ".onnx": _ONNX}
_NORMAL: Final = (
    "Pass the values 0…255 to the model unchanged. The model normalises them itself: do not scale to 0…1, and do not "
    "subtract a mean."
)
_MIRRORED: Final = (
    " The model also averages over the image and its mirror image itself: do not average over mirror images again."
)
_SOFTMAX: Final = (
    "`probabilities = softmax(logits / temperature)` with a temperature of {temperature:.6g}. It was fitted on the "
    "logits of the cross-validation, so that a probability is close to the fraction of right answers."
)
_CALIBRATED: Final = (
    "The probabilities are calibrated: the model applies a temperature of {temperature:.6g}, which was fitted on the "
    "logits of the cross-validation. They add up to 1{steps}."
)
_STEPS: Final = {".tflite": " (in the int8 file they are multiples of 1/256)"}
_MAPS: Final = (
    "`maps` holds a class activation map for each class. Values are high where the image is evidence for the class, "
    "and low or negative where it is evidence against it. To show a map over the image, enlarge it to the image's size "
    "(bicubic or bilinear), set values below 0 to 0, divide by the largest value, and lay it over the image by this "
    "rule: cell (row, column) belongs to the pixels around ({first:g} + {stride:g} row, {first:g} + {stride:g} column) "
    "of the prepared image, counted from 0. So the map does not begin and end where the image does. It shows where the "
    "network found evidence. It is not the outline of a lesion."
)
_REFUSE: Final = (
    "The model answers even an image without any content (a standard deviation of the grey values below 2 of 255). "
    "Refuse such images before."
)


def readme(
    description: ModelDescription,
    files: Sequence[ConvertedFile],
    agreement: Sequence[FileAgreement],
    shown: ExpectedAnswers,
    *,
    mirrored: bool,
) -> str:
    """Return the text. `shown` is the content of `expected.json`."""
    kind = PurePath(files[0].name).suffix
    is_onnx = kind == ".onnx"
    size, temperature = description.image_size, description.temperature
    stride = size / description.map_span if description.map_span else 32
    first, *further = steps_in_words(description.preprocessing)
    is_centre = description.framing == "centre"
    where = CENTRE_OF_MAP.format(size=size, short=short_side(size)) if is_centre else ""
    parts = [
        f"# A classifier of breast-ultrasound images\n\n**{RESEARCH_USE}** Do not use it to diagnose patients.",
        f"The network is {description.provenance.network}.",
        _RUN[kind].format(size=size),
        f"## Before the model\n\n{first}",
        *further,
        f"{_NORMAL}{_MIRRORED if mirrored else ''} `preprocessing.json` contains all numbers of this section.",
        f"## Input and output\n\n{_tensors(description, files[0], is_onnx)}",
        f"The classes are in the order of `labels.txt`: {', '.join(description.classes)}.",
        (_SOFTMAX if is_onnx else _CALIBRATED).format(temperature=temperature, steps=_STEPS.get(kind, "")),
        _MAPS.format(stride=stride, first=stride * (0.5 - description.map_shift) - 0.5) + where,
        _REFUSE,
        f"## Does it work in the app?\n\n{_examples(shown)}",
        f"## How far the files agree with the original\n\n{_agreement(agreement)}",
        f"## What to expect\n\n{_limits(description)}",
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
        f"`examples/` has {len(shown['images'])} images of the study. `examples/expected.json` has the answers of each "
        "file to them. `…-prepared.png` holds exactly the pixels that the model takes: with them, a probability must "
        f"not differ from the expected one by more than {tolerance}. The picture of the same name without `-prepared` "
        "is the image as the study has it. Prepare it yourself and compare your pixels with the prepared ones: they "
        "should differ by at most 1 or 2 of 255. The network was trained on these images, so right answers on them "
        "prove nothing.\n\n"
        "**They are images of patients** (unless the study consists of simulated phantoms). Pass them on only if the "
        "study itself may be passed on. Check whether text is burned into them. Do not ship them with an app."
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
            "Measured on the images of the study. The network was trained on these very images: use the accuracies "
            "only to compare the columns with each other. They say nothing about new images.",
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
        f"In cross-validation, on held-out images, the accuracy was **{about.accuracy:.1%}** "
        f"(95 % interval {low:.1%} to {high:.1%}; {about.system}, protocol {about.protocol}).",
        f"It was trained on {about.n_images} {images} in {about.n_groups} groups ({counts}) and {about.n_synthetic} "
        "synthetic ones. It was not measured on images from other scanners, with other settings, or on photographs of "
        "a screen. Expect a lower accuracy there, and measure it.",
        "It assigns every picture to one of these classes, even a picture that is not a breast ultrasound.",
    ]
    if about.phantoms:
        sentences.append("It was trained on simulated phantoms and knows nothing about patients.")
    if about.protocol == "published" or any(about.leaks.values()):
        sentences.append("Its accuracy was measured with a protocol that leaks. Expect less on new images.")
    origin = f"Made {about.created} by busapp {about.busapp} from run {about.run}, study {about.study}."
    return "\n".join(f"- {sentence}" for sentence in [*sentences, origin])
