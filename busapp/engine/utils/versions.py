"""Which libraries the numbers come from."""

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
"""What images are read, generators and classifiers trained, and folds made with."""


@cache
def installed() -> dict[str, str]:
    """The version of each of the libraries that is there, without loading any."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
