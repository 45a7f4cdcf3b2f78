"""What a later import says about images that are there already, in words for people."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from busapp.engine.catalog import Disagreement
from busapp.engine.catalog.addition import COMPLETED
from busapp.engine.imports.findings import Finding
from busapp.engine.utils.words import many

_TOLD: Final = 3
"""Most disagreements of one kind that are told one by one."""
_REMEDY: Final = "To change that, import again with “Update images that are there” (--update)."


def completed_in_words(completed: Mapping[str, int], replaced: Mapping[str, int]) -> Iterator[Finding]:
    """Sentences about images that get a value that they lacked, or another one, from counts by column."""
    for counts, which in ((completed, "a"), (replaced, "another")):
        for column, name in COMPLETED.items():
            if n := counts.get(column):
                are, get = ("is", "gets") if n == 1 else ("are", "get")
                yield Finding("joined", f"{many(n, 'image')} that {are} already there {get} {which} {name}.")


def contradicted_in_words(disagreements: Mapping[Disagreement, int]) -> Iterator[Finding]:
    """Sentences about images that stay as they are although the import says something else."""
    for column, name in COMPLETED.items():
        of_column = Counter({what: n for what, n in disagreements.items() if what.column == column})
        for what, n in of_column.most_common(_TOLD):
            yield Finding("odd", f"{_contradicted(what, name, n)} {_REMEDY}")
        n = of_column.total() - sum(count for _, count in of_column.most_common(_TOLD))
        if n:
            keep = "It keeps its" if n == 1 else "They keep their"
            have = "has" if n == 1 else "have"
            yield Finding("odd", f"{many(n, 'more image')} {have} another {name} than the import says. {keep} own.")


def _contradicted(what: Disagreement, name: str, n: int) -> str:
    are = f"{many(n, 'image')} {'is' if n == 1 else 'are'} already there"
    they, keep, stay = ("It", "keeps", "stays") if n == 1 else ("They", "keep", "stay")
    if what.column == "patient":
        return f"{are} with another patient than the import says. {they} {keep} the patient."
    if what.column == "class_name":
        return f"{are} as {what.there}; the import says {what.said}. {they} {stay} {what.there}."
    return f"{are} with the {name} {what.there}; the import says {what.said}. {they} {stay} with {what.there}."
