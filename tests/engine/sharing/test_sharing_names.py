"""Names of the exported files: valid on every system, and unique."""

from pathlib import Path

import pytest
from shared_images import added, encoded, imported, rows_of, shared, speckle

from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("benign (1)", "benign (1)"),
        ("BI-RADS 4/5", "BI-RADS 4_5"),
        ('a<b>c:d"e|f?g*h\\i', "a_b_c_d_e_f_g_h_i"),
        ("con", "_con"),
        ("LPT1.old", "_LPT1.old"),
        ("console", "console"),
        (".hidden", "hidden"),
        ("ends. ", "ends"),
        ("...", "_"),
        ("a\nb\u202ec\x00d", "a_b_c_d"),
        ("Ma\u0308dchen", "Mädchen"),
        ("ü" * 80, "ü" * 50),
        ("超音波", "超音波"),
    ],
)
def test_names_that_every_system_takes(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_no_two_files_have_one_name_and_no_image_is_taken_for_a_mask(empty_study: Workspace, tmp_path: Path) -> None:
    names = ["a/x.png", "b/X.jpg", "b/x.tif", "b/x-2.png", "b/aux.png", "b/lesion_mask.png"]
    for number, name in enumerate(names):
        kind = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF"}[Path(name).suffix]
        added(empty_study, name, "Axilla", encoded(speckle(number), kind))
    for number, class_name in enumerate(["axilla", "synthetic", "con"]):
        added(empty_study, "c/x.png", class_name, encoded(speckle(10 + number)))
    shared(empty_study, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert [row["file"] for row in rows] == [
        "Axilla/x.png",
        "Axilla/X-2.png",
        "Axilla/x-3.png",
        "Axilla/x-2-2.png",
        "Axilla/_aux.png",
        "Axilla/Axilla 0001.png",
        "axilla-2/x.png",
        "synthetic-2/x.png",
        "_con/x.png",
    ]
    assert [row["class"] for row in rows[-3:]] == ["axilla", "synthetic", "con"]
    again = imported(tmp_path / "out", tmp_path / "again")
    assert sum(again.catalog.counts().values()) == len(rows)
    again.close()
