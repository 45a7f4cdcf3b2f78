"""Studies whose classes differ in size, and tiny generators to balance them."""

import numpy as np

from busapp.engine.catalog import NewImage
from busapp.engine.gan.drawing import stored_png
from busapp.engine.settings import BalanceSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import MissingWeights

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 2, "sample_every": 1, "checkpoint_every": 1}
SETTINGS = BalanceSettings(epochs=2)


def no_weights(*_: object) -> None:
    raise MissingWeights("No ImageNet weights")


def make_unbalanced(study: Workspace) -> None:
    """Make 8 images of each of 3 classes 11 benign, 8 malignant and 5 normal ones."""
    extra = study.catalog.images(class_name="normal")[:3]
    study.catalog.reclassify([image.id for image in extra], "benign")


def two_classes(study: Workspace) -> None:
    """Set all images of the class of five aside."""
    ids = [image.id for image in study.catalog.images(class_name="normal")]
    study.catalog.exclude(ids, "test")


def more_images(study: Workspace, class_name: str, count: int) -> None:
    """Add real images of noise to a class."""
    for number in range(count):
        picture = np.asarray(np.random.default_rng(number).integers(0, 255, (16, 16, 3)), np.uint8)
        sha256 = study.store_image(stored_png(picture), ".png")
        study.catalog.add([NewImage(f"n{number}.png", sha256, ".png", class_name, 16, 16)], "more")
