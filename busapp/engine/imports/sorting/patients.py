"""Patients in the names of files and folders, by a pattern that the user or a known set gives.

A pattern is the name with `{patient}` in place of the patient, `*` for anything and `?` for one letter:
`bus_{patient}-*`. `{patient:4}` takes four letters. `{pair}` takes a number, of which 1 and 2, 3 and 4 … are one
patient (MIAS). If the pattern contains a dot, it describes names with their ending. A `/` in it stands between folders:
`{patient}/*`. Anything without these words is a regular expression with one group, or with a group named `patient`,
which is searched for in the name without its ending.

No name may take long: a pattern never goes back over letters that it has passed, and a regular expression may repeat
only single letters, in few places.
"""

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from busapp.engine.imports.files.sources import Entry
from busapp.engine.utils.nobody import is_nobody
from busapp.engine.utils.quiet import no_warnings
from busapp.engine.utils.words import many
from busapp.errors import BadInput

_WORDS: Final = ("{patient", "{pair}")
_TOKEN: Final = re.compile(
    r"\{patient:(?P<length>[1-9]\d?)\}|(?P<patient>\{patient\})|(?P<pair>\{pair\})|(?P<any>\*)|(?P<one>\?)|(?P<text>.)",
    re.DOTALL,
)
_EXPRESSION: Final = re.compile(
    r"(?P<flag>\(\?i\))|(?P<atom>\\[^\dk]|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\\()\[\]{}*+?|])|(?P<open>\((?:\?:|\?P<\w+>|(?!\?)))|(?P<end>\))"
    r"|(?P<or>\|)|(?P<times>[*+?]|\{\d+(?:,\d*)?\})[?+]?"
)
_LONGEST_PATTERN: Final = 200
_LONGEST_NAME: Final = 255
_MOST_REPEATS: Final = 3
"""Places of a regular expression that may repeat. The time for one name grows with its length to this power."""
_MOST_CHOICES: Final = 6
"""Places of a regular expression that may be absent or otherwise. The time for one name doubles with each."""
_MOST_SECONDS: Final = 5.0
"""Time that the names of one import may take."""
_MOST_SECONDS_OF_PREVIEW: Final = 0.3
_SAMPLE: Final = 10_000
"""Names of which a preview is made."""
_REMEDY: Final = "Write {patient} in place of the patient, and * for anything else: {patient}_*.png, or {patient}/*."


class Pattern:
    """Finds the patient in a name.

    Raises:
        BadInput: the pattern cannot be understood, or might take too long.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not self.text or len(self.text) > _LONGEST_PATTERN:
            raise _bad(text[:_LONGEST_PATTERN], "is empty or too long")
        is_simple = any(word in self.text for word in _WORDS)
        self._depth = self.text.count("/")
        self._has_ending = is_simple and "." in self.text.rpartition("/")[2]
        expression = _simple(self.text) if is_simple else _regular(self.text)
        self._find = expression.fullmatch if is_simple else expression.search
        self._group = next(iter(expression.groupindex), 1)

    def patient_in(self, path: str) -> str | None:
        """The patient in a path with / between its parts, None if there is none or it names nobody."""
        parts = path.split("/")[-1 - self._depth :]
        if len(parts) <= self._depth:
            return None
        if not self._has_ending:
            parts[-1] = parts[-1].rpartition(".")[0] or parts[-1]
        match = self._find("/".join(parts)[-_LONGEST_NAME:])
        found = match[self._group] if match else None
        if found is None or is_nobody(found):
            return None
        return str((int(found) + 1) // 2) if self._group == "pair" else unicodedata.normalize("NFC", found)


def _bad(text: str, problem: str) -> BadInput:
    return BadInput(f"The patient pattern {text} {problem}", remedy=_REMEDY)


def _simple(text: str) -> re.Pattern[str]:
    """A pattern with {patient} as a regular expression. Each place of any length ends where the text after it first
    fits, and is never looked at again."""
    tokens = list(_TOKEN.finditer(text))
    pieces = [""]
    """The part before the first place of any length, then each such place with what follows it."""
    for token, before in zip(tokens, [None, *tokens], strict=False):
        if token["any"] or token["patient"] or token["pair"]:
            if before and (before["any"] or before["patient"] or before["pair"]):
                raise _bad(text, "has two places of any length beside each other")
            pieces.append("[^/]*?" if token["any"] else r"(?P<pair>\d{1,18}?)" if token["pair"] else "(?P<p>[^/]+?)")
        elif token["length"]:
            pieces[-1] += f"(?P<p>[^/]{{{token['length']}}})"
        else:
            pieces[-1] += "[^/]" if token["one"] else re.escape(token[0])
    if sum(bool(token["length"] or token["patient"] or token["pair"]) for token in tokens) != 1:
        raise _bad(text, "has to mark the patient once")
    first, *others = pieces
    last = others.pop() if others else ""
    return re.compile("".join([first, *(f"(?>{piece})" for piece in others), last]), re.IGNORECASE)


def _regular(text: str) -> re.Pattern[str]:
    """A regular expression of the user, if it cannot take long."""
    at = repeats = choices = groups = 0
    before = ""
    while at < len(text):
        token = _EXPRESSION.match(text, at)
        if token is None:
            raise _bad(text, "is no regular expression of the kind that is allowed")
        kind = token.lastgroup or ""
        times = token["times"] or ""
        repeats += times in ("*", "+") or "," in times
        choices += times == "?" or kind == "or"
        groups += token["open"] in ("(", "(?P<patient>")
        if kind == "times" and before == "end" and times != "?":
            raise _bad(text, "repeats a group, which may take too long")
        at, before = token.end(), kind
    if repeats > _MOST_REPEATS or choices > _MOST_CHOICES:
        raise _bad(text, f"repeats more than {_MOST_REPEATS} parts or has too many choices, which may take too long")
    try:
        with no_warnings():
            expression = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise _bad(text, "is no regular expression") from error
    if expression.groups != 1:
        raise _bad(text, "needs one group in brackets, which takes the patient")
    return expression


def patients_in_names(entries: Iterable[Entry], pattern: str) -> dict[str, str]:
    """The patients in the names or folders of these files, by `Entry.where`. Files that it does not fit are absent.

    Raises:
        BadInput: the pattern cannot be understood, or takes too long.
    """
    finder, until = Pattern(pattern), time.monotonic() + _MOST_SECONDS
    patients: dict[str, str] = {}
    for entry in entries:
        patient = finder.patient_in(f"{entry.folder}/{entry.name}")
        if patient is not None:
            patients[entry.where] = patient
        if time.monotonic() > until:
            raise _bad(pattern, "takes too long")
    return patients


@dataclass(frozen=True, slots=True)
class PatternPreview:
    """What a pattern finds in `names` names, which are a sample if there are more in `all_names`: the number of names
    that it fits, of patients, and of names of the largest one."""

    fitting: int
    names: int
    all_names: int
    patients: int
    largest: int

    @property
    def text(self) -> str:
        """One sentence for people."""
        if not self.patients:
            return "The pattern fits no name."
        found = f"{many(self.patients, 'patient')} found, largest {many(self.largest, 'image')}"
        rest = self.names - self.fitting
        missing = f"; {many(rest, 'image')} of no patient" if rest else ""
        sample = f" in a sample of {self.names:,} of {self.all_names:,} names" if self.names < self.all_names else ""
        return f"{found}{missing}{sample}."


def pattern_preview(paths: Sequence[str], pattern: str) -> PatternPreview:
    """What a pattern would find in these paths (folders and name, / between them), in 0.1 s. Beyond 10,000 paths it
    looks at as many, evenly spaced.

    Raises:
        BadInput: the pattern cannot be understood, or takes too long.
    """
    finder, until = Pattern(pattern), time.monotonic() + _MOST_SECONDS_OF_PREVIEW
    step = -(-len(paths) // _SAMPLE) or 1
    looked_at = paths[::step]
    counts: Counter[str] = Counter()
    for path in looked_at:
        patient = finder.patient_in(path)
        if patient is not None:
            counts[" ".join(patient.casefold().split())] += 1
        if time.monotonic() > until:
            raise _bad(pattern, "takes too long")
    largest = max(counts.values(), default=0)
    return PatternPreview(counts.total(), len(looked_at), len(paths), len(counts), largest)


_KNOWN_PATTERNS: Final = (
    r"[-_](\d\d-\d+)[A-Z]*[-_]",  # BreakHis: the letters behind the number tell the slides of one woman apart
    "bus_{patient}-*",  # BUS-BRA
    "{patient}_idx*",  # IDC
    "mdb{pair}",  # MIAS
    "*_{patient}_MG_*",  # INbreast
    r"^([A-Z]{4})_\d+$",  # BUS-UCLM
    "{patient}_*",
    "{patient}-*",
    "{patient} *",
    "{patient}/*",
    "{patient}/*/*",
)
_MOST_OF: Final = 0.9
"""Share of names that a pattern has to fit to be suggested."""


def suggest_patterns(paths: Sequence[str]) -> list[str]:
    """Patterns under which these paths have several patients, most of them with several images, the likeliest first.

    Only what contains a digit, or is four capital letters, can be a patient: other words name classes and sides.
    """
    suggested = []
    for pattern in _KNOWN_PATTERNS:
        finder, step = Pattern(pattern), -(-len(paths) // _SAMPLE) or 1
        found = [finder.patient_in(path) for path in paths[::step]]
        patients = [name for name in found if name and (re.search(r"\d", name) or re.fullmatch("[A-Z]{4}", name))]
        if len(patients) >= _MOST_OF * len(found) and 1 < len(set(patients)) <= 0.8 * len(found):
            suggested.append(pattern)
    return suggested
