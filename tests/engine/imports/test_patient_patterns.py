"""Patients in file and folder names: patterns, their preview, and the expressions that would take for ever."""

import time
from pathlib import Path

import pytest
from image_folders import imported, looked_at, picture

from busapp.engine.imports.sorting.patients import Pattern, pattern_preview, suggest_patterns
from busapp.engine.study import patients
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


@pytest.mark.parametrize(
    ("pattern", "path", "patient"),
    [
        ("{patient}_*.png", "x/P12_left.png", "P12"),
        ("{patient}_*.png", "P12_left_2.PNG", "P12"),
        ("{patient}_*.png", "P12_left.jpg", None),
        ("{patient}_*", "P12_left.jpg", "P12"),
        ("{patient:4}_*", "images/ALWI_000.png", "ALWI"),
        ("{patient:4}*", "ALWI000.png", "ALWI"),
        ("{patient:4}*", "AL.png", None),
        ("bus_{patient}-?", "Images/bus_0001-l.png", "0001"),
        ("*_{patient}_MG_*", "AllDICOMs/20586908_6c613a_MG_R_CC_ANON.dcm", "6c613a"),
        ("mdb{pair}", "mdb001.pgm", "1"),
        ("mdb{pair}", "mdb002.pgm", "1"),
        ("mdb{pair}", "mdb003.pgm", "2"),
        ("{patient}/*", "set/P12/benign_1.png", "P12"),
        ("{patient}/*", "1.png", None),
        ("{patient}/*/*", "set/P12/left/1.png", "P12"),
        ("*/P{patient}/*.png", "set/x/P12/1.png", "12"),
        ("case{patient}", "Case007.png", "007"),
        ("{patient} (*)", "P 12 (3).png", "P 12"),
        ("{patient}.*", "P12.left.png", "P12"),
        ("{patient}_*", "unknown_1.png", None),
        (r"[-_](\d\d-\d+)[A-Z]*[-_]", "40X/SOB_B_A-14-22549AB-40-001.png", "14-22549"),
        (r"(?i)p(?P<patient>\d+)", "xP12_3.png", "12"),
        (r"^(\d+)_(?:left|right)$", "12_left.png", "12"),
        (r"^(\d+)$", "12.png", "12"),
        (r"set/(\w+)/", "set/P12/1.png", "P12"),
    ],
)
def test_a_pattern_finds_the_patient(pattern: str, path: str, patient: str | None) -> None:
    assert Pattern(pattern).patient_in(path) == patient


@pytest.mark.parametrize(
    "pattern",
    ["", "  ", "x" * 300 + "{patient}", "{patient}*", "{patient}{pair}", "{patient}_{patient}", "{patient:0}",
     "{patient:x}", "abc", "(", ")", "[", "(a)(b)", r"(a)\1", "(?=a)(b)", "(?<=a)(b)", "(a+)+", "(a|b)*", "(a{2,3}){2}",
     "((a)b)", "(a*)b*c*d*", "(a)" + "|b" * 7, "(a)b?b?b?b?b?b?b?", "(?P=x)(a)", "*", "+(a)", "(a", r"\d+",
     "(a{1,9}){1,9}", r"(?P<patient>a)(?P<x>b)"],
)  # fmt: skip
def test_a_pattern_that_is_not_understood_or_may_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match=r"\{patient\}"):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a{patient}b", "{patient}a*a*a*a*a*a*a*b", "*_*_*_*_{patient:9}"])
def test_a_pattern_of_many_wildcards_takes_no_time(pattern: str) -> None:
    finder, started = Pattern(pattern), time.process_time()
    for _ in range(200):
        assert finder.patient_in("a" * 255) is None
    assert time.process_time() - started < 1


def test_an_expression_that_goes_back_ends(tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(BadInput, match="takes too long"):
        pattern_preview(["a" * 250 + ".png"] * 100_000, r"(\w*)\w*\w*!")
    assert time.process_time() - started < 5


def test_a_preview_counts_patients_and_the_largest() -> None:
    paths = [f"set/P{at // 40}_{at}.png" for at in range(1500)]
    seen = pattern_preview(paths, "{patient}_*")
    assert (seen.patients, seen.largest, seen.fitting, seen.names) == (38, 40, 1500, 1500)
    assert seen.text == "38 patients found, largest 40 images."
    assert pattern_preview([*paths, "x.png"], "{patient}_*").text == (
        "38 patients found, largest 40 images; 1 image of no patient."
    )
    assert pattern_preview(paths, "Q{patient}_*").text == pattern_preview([], "{patient}").text
    assert pattern_preview(paths, "Q{patient}_*").text == "The pattern fits no name."


def test_a_preview_of_many_names_is_a_sample_that_says_so() -> None:
    paths = [f"P{at % 7}_{at}.png" for at in range(300_000)]
    started = time.process_time()
    seen = pattern_preview(paths, "{patient}_*")
    assert time.process_time() - started < 1
    assert seen.patients == 7 and seen.text.endswith(" in a sample of 10,000 of 300,000 names.")


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        (r"[-_](\d\d-\d+)[A-Z]*[-_]", ["SOB_B_A-14-22549AB-40-{0:03}.png", "SOB_M_DC-14-2773-100-{0:03}.png"]),
        ("bus_{patient}-*", ["Images/bus_{0:04}-l.png", "Images/bus_{0:04}-r.png"]),
        ("{patient}_idx*", ["a/10253_idx5_x{0}_y1_class0.png", "a/8863_idx5_x{0}_y1_class1.png"]),
        ("mdb{pair}", ["mdb{0:03}.pgm"]),
        (r"^([A-Z]{4})_\d+$", ["images/ALWI_{0:03}.png", "images/BEKO_{0:03}.png"]),
        ("{patient}_*", ["P1_{0}.png", "P2_{0}.png"]),
        ("{patient}/*", ["P1/{0}.png", "P2/{0}.png"]),
    ],
)
def test_patterns_that_fit_are_suggested(pattern: str, paths: list[str]) -> None:
    assert pattern in suggest_patterns([path.format(number) for path in paths for number in range(1, 30)])


def test_no_pattern_is_suggested_for_classes_or_single_images() -> None:
    assert suggest_patterns([f"{name}/{name} ({at}).png" for name in ("benign", "malignant") for at in range(30)]) == []
    assert suggest_patterns([f"P{at}_left.png" for at in range(30)]) == suggest_patterns([]) == []


def test_a_pattern_gives_patients_in_preview_and_import(empty_study: Workspace, tmp_path: Path) -> None:
    for at in range(6):
        picture(tmp_path / "set" / "benign" / f"P{at // 2}_{at}.png", at)
    rows = [f"benign/P{at // 2}_{at}.png,benign,Z" for at in range(6)]
    (tmp_path / "set" / "t.csv").write_text("\n".join(["file,class,patient", *rows]))
    for source in (tmp_path / "set", tmp_path / "set" / "t.csv"):
        assert looked_at(empty_study, source, patient_pattern="{patient}_*").patients == 3
    assert imported(empty_study, tmp_path / "set", patient_pattern="{patient}_*")["patients"] == 3
    assert {image.patient for image in empty_study.catalog.images()} == {patients.pseudonym(f"P{n}") for n in range(3)}
    both = {"patient_pattern": "{patient}_*", "patient_column": "patient"}
    assert looked_at(empty_study, tmp_path / "set" / "t.csv", **both).patients == 1
    with pytest.raises(BadInput, match="The patient pattern"):
        looked_at(empty_study, tmp_path / "set", patient_pattern="nothing")
