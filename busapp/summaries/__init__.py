"""A job's result in a few lines, for people: the terminal shows all of them, the window the first.

The JSON of the contract is the full result. Each module has the words for one family of jobs.
"""

from collections.abc import Callable
from typing import Any, Final

from busapp.summaries.comparison import compare_lines, gain_lines, leaks_lines
from busapp.summaries.dataset import cover_lines, curate_lines, import_lines, share_lines
from busapp.summaries.diagnosis import diagnose_lines
from busapp.summaries.outputs import demo_lines, export_lines, figures_lines, report_lines
from busapp.summaries.synthesis import balance_lines, synthesize_lines
from busapp.summaries.validation import validate_lines

_LINES: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "import": import_lines,
    "curate": curate_lines,
    "cover": cover_lines,
    "share": share_lines,
    "synthesize": synthesize_lines,
    "balance": balance_lines,
    "validate": validate_lines,
    "compare": compare_lines,
    "leaks": leaks_lines,
    "gain": gain_lines,
    "diagnose": diagnose_lines,
    "export": export_lines,
    "report": report_lines,
    "figures": figures_lines,
    "demo": demo_lines,
}


def summary(kind: str, result: dict[str, Any]) -> list[str]:
    """Return the lines for the result of a job, which is named as its command is: `validate`, `compare`, `report`."""
    return _LINES[kind](result)


def headline(kind: str, result: dict[str, Any]) -> str:
    """The one line that a finished job leaves in the window.

    It is "finished." for the window's own tasks, such as copying a study, which have no command and no words.
    """
    return summary(kind, result)[0] if result and kind in _LINES else "finished."
