"""What an import assumed, recognised, joined or left out, and what looks odd: one list, shown and kept with the run."""

from typing import Literal, NamedTuple

FindingKind = Literal["recognised", "assumed", "joined", "left out", "odd"]


class Finding(NamedTuple):
    """One sentence for people. It repeats no patient's number or name, since the run keeps it."""

    kind: FindingKind
    text: str
