"""The numbers of the paper on histology patches, checked against each other and against its text."""

from dataclasses import replace
from pathlib import Path

import pytest

from busapp.engine.networks.registry import NETWORKS
from busapp.engine.paper.published_histology import (
    COMPARED,
    LAYERS,
    NOT_TRAINABLE,
    PROPOSED,
    TOTAL,
    TRAINABLE,
    Layer,
    contradictions,
    describes,
)

PAPER = Path(__file__).resolve().parents[4] / "shared" / "papers" / "gan-resnet-histopathology.txt"


@pytest.fixture(scope="module")
def text() -> str:
    """The paper's text; the test is skipped where it is missing."""
    if not PAPER.is_file():
        pytest.skip(f"{PAPER} is missing")
    return PAPER.read_text(encoding="utf-8")


def said(*words: str, **given: object) -> str:
    """The one sentence with all of these words."""
    (sentence,) = [each for each in contradictions(**given) if all(word in each for word in words)]  # type: ignore[arg-type]
    return sentence


def test_the_rows_are_those_of_the_paper(text: str) -> None:
    table = [line.split("\t") for line in text.splitlines() if line.count("\t") == 3 and "(None" in line]
    shapes = [tuple(int(side) for side in row[1].strip("()").split(",")[1:]) for row in table]
    assert [(row[0], shape, int(row[2])) for row, shape in zip(table, shapes, strict=True)] == [
        (layer.kind, layer.shape, layer.parameters) for layer in LAYERS
    ]
    for number in (TOTAL, TRAINABLE, NOT_TRAINABLE):
        assert f"{number:,}" in text
    assert "70%" in text and "95.71%" in text and "98% accuracy" in text and "95.0% to 98.80%" in text


def test_the_words_are_those_of_the_paper(text: str) -> None:
    abstract, _, rest = text.partition("## 1 Introduction")
    method = rest.partition("### 3 Methodology")[2].partition("## 4 Results")[0]
    for words in ("fundus images", "glaucoma", "retinal feature representations", "based on VGG-19", "34-layer"):
        assert words in method and words not in abstract, words
    related = rest.partition("## **2 Related Work**")[2].partition("### 3 Methodology")[0]
    assert "In (1), researchers" in related and "mammography images" in related and "95.71%" in related
    assert "[1] Alruwaili" in text and "[33]Zebari" in text and "in mammogram images" in text
    results = text.partition("## 4 Results")[2]
    same = "showcase a consistent downward trend, aligning with the anticipated behavior of the model during training."
    assert results.count(same) == 2 and text.count("Distribution of image based on breast density") == 2
    assert text.count("Fig. 11.** Distribution of image based on breast density") == 1


def test_its_sums_are_computed_from_the_rows() -> None:
    assert "80,099" in said("add up to") and sum(layer.parameters for layer in LAYERS) == 80_099
    assert TOTAL - TRAINABLE == NOT_TRAINABLE == 9 * 2 * 64
    assert "9 batch normalisations of 64 channels" in said("not trained") and "3 are listed" in said("not trained")
    assert 2 * 2 * 64 * 3 + 3 == 771 and "fit only 2×2 (2·2·64·3 + 3)" in said("26×26")
    assert 27 * 1800 + 1800 == 50_400 and "50,400 parameters, Table 1 gives 28,000" in said(
        "1,800 outputs of 27 inputs"
    )
    assert "nothing in it leads to 2 classes" in said("Table 1 ends with 1,800 outputs")
    assert round(NETWORKS["resnet-34"].parameters / 1e6) == 21 and "21 million weights" in said("VGG-19")
    assert "lists 5 layers with weights" in said("VGG-19")
    assert "[33], and gives [1] 70 %" in said("Section 2 reports 95.71 %")
    assert "98 % in the abstract" in said("95.0 to 98.80 %")
    assert "[1] and [33]" in said("no protocol")


def test_a_table_that_agrees_is_not_blamed() -> None:
    """With rows that fit, none of the sentences on Table 1 is left, and others name the numbers of the rows."""
    normal = Layer("BatchNormalization", (25, 25, 64), 256)
    rows = (*[normal] * 9, Layer("Conv2D", (13, 13, 64), TOTAL - 9 * 256 - 130), Layer("Flatten", (64,), 0))
    agreeing = (*rows, Layer("Dense", (2,), 130))
    left = contradictions(agreeing)
    assert len(left) == len(contradictions()) - 5
    assert not any(word in each for each in left for word in ("add up", "not trained", "26×26", "outputs"))
    wrong = (*LAYERS[:-1], replace(LAYERS[-1], parameters=27 * 1800 + 1800))
    assert "102,499" in said("add up to", layers=wrong)
    assert not any("1,800 outputs of" in each for each in contradictions(wrong))
    other = tuple(replace(layer, parameters=1731) if layer.parameters == 771 else layer for layer in LAYERS)
    assert "3×3 (3·3·64·3 + 3)" in said("26×26", layers=other)
    assert "fit no square filter" in said(
        "26×26", layers=(*LAYERS[:9], Layer("Conv2D", (26, 26, 3), 800), *LAYERS[10:])
    )


def test_references_that_agree_are_not_blamed() -> None:
    moved = (replace(COMPARED[0], accuracy=0.9571), replace(COMPARED[1], accuracy=0.7), PROPOSED)
    assert not any("Section 2 reports" in each for each in contradictions(compared=moved))
    fixed = (*COMPARED[:2], replace(PROPOSED, lowest=None, highest=None))
    assert not any("it ranges" in each for each in contradictions(compared=fixed))


def test_the_registry_says_which_networks_it_describes() -> None:
    assert [name for name in NETWORKS if describes(name)] == [
        "resnet-34",
        "resnet-small",
        "gan-discriminator",
        "gan-resnet",
    ]
    assert not describes("of another version")
