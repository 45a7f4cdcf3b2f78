"""Versions of the software that the numbers depend on."""

import platform
from functools import cache
from importlib import metadata
from typing import Final

import busapp

LIBRARIES: Final = (
    "torch",
    "torchvision",
    "keras",
    "tensorflow",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "niapy",
    "pillow",
    "pydicom",
    "onnxruntime",
)
"""Libraries that read images, train generators and classifiers, search weights, and make folds."""


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


def software() -> dict[str, str]:
    """Versions of this program, of Python and of `LIBRARIES`, and the name of the system."""
    return {
        "busapp": busapp.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **installed(),
    }
