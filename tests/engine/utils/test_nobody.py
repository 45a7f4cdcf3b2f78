"""Words that stand in place of a patient's number but name nobody."""

import pytest

from busapp.engine.utils.nobody import is_nobody

NOBODY = [
    "",
    " ",
    "-",
    "?",
    "0",
    "000",
    "0.0",
    "nan",
    "NaN",
    "N/A",
    "n.a.",
    "None",
    "NULL",
    "unknown",
    "Unknown ",
    "UNK",
]
NOBODY += ["anonymous", "ANONYMIZED^PATIENT", "Anonymous^^^", "REMOVED", "xxxx", "XXX^XXX", "not available", "no_name"]
NOBODY += ["unbekannt", "k.A.", "keine Angabe", "inconnu", "desconocido", "匿名", "ｕｎｋｎｏｗｎ"]


@pytest.mark.parametrize("text", NOBODY)
def test_a_placeholder_is_nobody(text: str) -> None:
    assert is_nobody(text)


@pytest.mark.parametrize(
    "text", ["1", "4711", "0001", "P-17", "ALWI", "111", "Nannini", "14-22549AB", "Ann", "007", "x1", "王小明"]
)
def test_a_number_or_a_name_is_somebody(text: str) -> None:
    assert not is_nobody(text)
