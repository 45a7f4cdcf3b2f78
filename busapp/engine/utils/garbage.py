"""Python's collector of garbage, set for a program that makes many objects and little garbage."""

import gc


def collect_rarely() -> None:
    """Make collections rare.

    Imports for the window make some hundred thousand objects, and a study of 100,000 images half a million. Almost none
    are garbage. With Python's own thresholds, collections take a twentieth of the start, and as long as the reading of
    such a study.
    """
    gc.set_threshold(200_000, 20, 50)
