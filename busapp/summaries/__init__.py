"""A job's result in a few lines, for people: the terminal shows all of them, the window the first.

The JSON of the contract is the full result. Each module has the words for one family of jobs, in a function
`<kind>_lines`. It is imported when its words are needed, because the window starts without them.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

FAMILIES: Final[dict[str, str]] = {
    "import": "dataset",
    "curate": "dataset",
    "cover": "dataset",
    "share": "dataset",
    "synthesize": "synthesis",
    "balance": "synthesis",
    "validate": "validation",
    "compare": "comparison",
    "leaks": "comparison",
    "gain": "comparison",
    "rivals": "comparison",
    "optimizers": "comparison",
    "diagnose": "diagnosis",
    "export": "outputs",
    "report": "outputs",
    "figures": "outputs",
    "demo": "outputs",
}
"""The module for each kind of job."""


def summary(kind: str, result: dict[str, Any]) -> list[str]:
    """Return the lines for the result of a job, which is named as its command is: `validate`, `compare`, `report`."""
    lines: Callable[[dict[str, Any]], list[str]] = getattr(
        import_module(f"busapp.summaries.{FAMILIES[kind]}"), f"{kind}_lines"
    )
    return lines(result)


def headline(kind: str, result: dict[str, Any]) -> str:
    """The one line that a finished job leaves in the window.

    It is "finished." for the window's own tasks, such as copying a study, which have no command and no words.
    """
    return summary(kind, result)[0] if result and kind in FAMILIES else "finished."
