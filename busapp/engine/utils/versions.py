"""Versions of the libraries that the numbers depend on."""

from functools import cache
from importlib import metadata
from typing import Final

LIBRARIES: Final = (
    "torch",
    "torchvision",
    "keras",
    "tensorflow",
    "numpy",
    "scikit-learn",
    "scikit-image",
    "pillow",
    "pydicom",
    "onnxruntime",
)
"""Libraries that read images, train generators and classifiers, and make folds."""


@cache
def installed() -> dict[str, str]:
    """The version of each installed library of `LIBRARIES`. Loads none of them."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
