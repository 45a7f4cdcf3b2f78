"""Rows are joined to the images that they mean, and class values count only if they say something."""

import unicodedata
from pathlib import Path

import pytest
from image_folders import imported, looked_at, picture
from labelled_tables import classes_of, said

from busapp.engine.imports.tables.class_values import ValuesUnknown, is_unclear, parse_class_values
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def found_for(tmp_path: Path, named: str, files: list[str], name: str = "t.csv") -> str | None:
    """The file that a row of a table means, None if it is skipped."""
    found = said(tmp_path, f'file,class\n"{named}",benign\n', files, name=name)
    assert len(found.labels) + len(found.skipped) == 1
    return next(iter(classes_of(found, tmp_path)), None)


@pytest.mark.parametrize(
    ("named", "file"),
    [
        ("img0", "img0.png"),
        ("img_0.jpg", "IMG_0.JPG"),
        ("IMG_0", "img_0.jpeg"),
        (unicodedata.normalize("NFC", "Müller_0.png"), unicodedata.normalize("NFD", "Müller_0.png")),
        (unicodedata.normalize("NFD", "MÜLLER_0"), unicodedata.normalize("NFC", "müller_0.png")),
        ("7", "000007.png"),
        ("7.0", "original/000007.png"),
        ("7.png", "000007.png"),
        ("case7", "case007.png"),
        ("0.png", "images/deep/0.png"),
        ("bus_0001-l", "Images/bus_0001-l.png"),
        ("images/0.png", "data/images/0.png"),
        ("data/images/0.png", "images/0.png"),
        ("images\\0.png", "Images/0.png"),
        ("./images/../images/0.png", "images/0.png"),
        (" 0.png\n", "0.png"),
        ("C:\\Users\\x\\set\\images\\0.png", "images/0.png"),
        ("/home/x/set/images/0.png", "BUS/images/0.png"),
        ("/content/drive/0.png", "0.png"),
        ("\\\\server\\share\\images\\0.png", "images/0.png"),
        ("1.2.840.113619.2", "1.2.840.113619.2"),
        ("v1.2", "v1.2.png"),
    ],
)
def test_a_file_is_found_however_it_is_written(tmp_path: Path, named: str, file: str) -> None:
    assert found_for(tmp_path, named, [file, "other/another.png"]) == file


@pytest.mark.parametrize(
    ("named", "files"),
    [
        ("img0", ["img0.png", "img0.jpg"]),
        ("0.png", ["benign/0.png", "malignant/0.png"]),
        ("7", ["07.png", "007.png"]),
        ("benign/0.png", ["malignant/0.png"]),
        ("benign/0.png", ["0.png"]),
        ("train/images/0.png", ["test/images/0.png"]),
        ("/home/x/benign/0.png", ["malignant/0.png"]),
        ("../0.png", ["0.png"]),
        ("../../images/0.png", ["images/0.png"]),
        ("images/../../images/0.png", ["images/0.png"]),
        ("0.jpg", ["0.png"]),
        ("10", ["1.png", "100.png"]),
        ("images", ["images/0.png"]),
        ("im\0g0.png", ["img0.png"]),
        ("", ["img0.png"]),
        ("/", ["img0.png"]),
    ],
)
def test_what_fits_two_files_or_another_one_is_skipped(tmp_path: Path, named: str, files: list[str]) -> None:
    assert found_for(tmp_path, named, files) is None


@pytest.mark.parametrize(
    ("named", "files", "file"),
    [
        ("img0.png", ["img0.png", "img0.jpg"], "img0.png"),
        ("img0.png", ["img0.png", "IMG0.PNG"], "img0.png"),
        ("0.png", ["0.png", "copy/0.png"], "0.png"),
        ("a/0.png", ["b/a/0.png", "a/0.png"], "a/0.png"),
        ("7", ["7.png", "007.png"], "7.png"),
    ],
)
def test_the_exact_name_wins(tmp_path: Path, named: str, files: list[str], file: str) -> None:
    assert found_for(tmp_path, named, files) == file


def test_a_table_in_a_subfolder_names_files_beside_and_above_it(tmp_path: Path) -> None:
    files = ["csv/0.png", "images/0.png", "images/1.png"]
    assert found_for(tmp_path, "0.png", files, "csv/t.csv") == "csv/0.png"
    assert found_for(tmp_path, "../images/0.png", files, "csv/t.csv") == "images/0.png"
    assert found_for(tmp_path, "1", files, "csv/t.csv") == "images/1.png"
    assert found_for(tmp_path, "../../images/0.png", files, "csv/t.csv") is None


def test_of_two_names_that_mean_one_file_the_closer_one_counts(tmp_path: Path) -> None:
    found = said(tmp_path, "file,class\n7.png,benign\n07.png,malignant\n", ["7.png"])
    assert classes_of(found, tmp_path) == {"7.png": "benign"}
    assert [skipped.reason for skipped in found.skipped] == ["There is no image 07.png"]
    found = said(tmp_path, "file,class\na/b/0.png,benign\nc/b/0.png,malignant\n", ["b/0.png"])
    assert not found.labels and len(found.skipped) == 2


def test_rows_of_one_image_may_agree_but_not_contradict(tmp_path: Path) -> None:
    rows = ["a,benign,P1,X", "a,Benign,,Y", "b,benign,P1,X", "b,malignant,P1,X", "c,benign,P1,X", "c,benign,P2,X"]
    text = "\n".join(["file,class,patient,device", *rows])
    found = said(tmp_path, text, ["a.png", "b.png", "c.png"])
    ((where, given),) = found.labels.items()
    assert Path(where).name == "a.png" and (given.class_name, given.patient, given.device) == ("benign", "P1", None)
    assert len(found.skipped) == 4


def test_images_that_an_export_marks_are_left_out(tmp_path: Path) -> None:
    text = "file,class,kind,set_aside\na.png,benign,real,\nb.png,benign,synthetic,\nc.png,benign,real,text\n"
    found = said(tmp_path, text, ["a.png", "b.png", "c.png"])
    assert set(classes_of(found, tmp_path)) == {"a.png"}
    reasons = {Path(where).name: reason.split(",")[0] for where, reason in found.left_out.items()}
    assert reasons == {"b.png": "It is a synthetic image", "c.png": "It was set aside where it was exported"}


# -- class values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["0", "1", "1.0", "-1", "+1", "B", "m", "ä", "2", "4a", "4B", "BI-RADS 4a", "birads 2", "BIRADS-4",
     "ACR 3", "US 4", "class 1", "Klasse 0", "G2", "II", "iv", "true", "FALSE", "yes", "Nein", "+",
     "-1.5", "grade 3", "1,0", "pos", "?"],
)  # fmt: skip
def test_a_value_that_says_nothing_is_unclear(value: str) -> None:
    assert is_unclear(value)


@pytest.mark.parametrize(
    "value",
    ["benign", "Malignant", "gutartig", "DCIS", "normal", "ben", "phyllodes tumour", "良性",
     "BENIGN_WITHOUT_CALLBACK", "PT", "cyst 2", "type ab"],
)  # fmt: skip
def test_a_word_is_clear(value: str) -> None:
    assert not is_unclear(value)


def test_numbers_are_never_assumed_to_be_classes(tmp_path: Path) -> None:
    text = "file,label\na,0\nb,1\nc,1.0\nd,benign\n"
    files = ["a.png", "b.png", "c.png", "d.png"]
    with pytest.raises(ValuesUnknown, match=r'label mean: 0 \(1\), 1 \(1\).*--class-values "0=…, 1=…') as caught:
        said(tmp_path, text.replace("c,1.0\n", ""), files)
    assert caught.value.values == {"0": 1, "1": 1}
    found = said(tmp_path, text, files, class_values="0=malignant, 1=Benign")
    assert classes_of(found, tmp_path) == {"a.png": "malignant", **dict.fromkeys(files[1:], "benign")}
    found = said(tmp_path, text, files, class_values="0=0; 1=-")
    assert classes_of(found, tmp_path) == {"a.png": "0", "d.png": "benign"}
    assert {Path(where).name for where in found.left_out} == {"b.png", "c.png"}
    with pytest.raises(ValuesUnknown, match=r"mean: 0 \(1\)"):
        said(tmp_path, text, files, class_values="1=benign")


def test_a_known_sets_values_give_way_to_the_users(tmp_path: Path) -> None:
    text, known = "file,label\na,B\nb,M\n", {"b": "benign", "m": "malignant"}
    files = ["a.png", "b.png"]
    assert list(classes_of(said(tmp_path, text, files, meanings=known), tmp_path).values()) == [
        "benign",
        "malignant",
    ]


def test_values_that_are_not_needed_are_not_asked_for(tmp_path: Path) -> None:
    found = said(tmp_path, "file,label,patient\na,0,P1\n", ["a.png"], needs_classes=False)
    ((_, given),) = found.labels.items()
    assert (given.class_name, given.patient) == (None, "P1")


def test_spelling_makes_no_second_class(tmp_path: Path) -> None:
    found = said(tmp_path, "file,class\na,Benign\nb, BENIGN \nc,be/nign\n", ["a.png", "b.png", "c.png"])
    assert classes_of(found, tmp_path) == {"a.png": "benign", "b.png": "benign"}
    assert [skipped.reason for skipped in found.skipped] == ["This cannot be the name of a class"]


def test_patches_whose_names_give_the_class_need_no_meaning(tmp_path: Path) -> None:
    files = [f"10253_idx5_x1_y{at}_class{at % 2}.png" for at in range(4)]
    rows = [f"{file},{at % 2 if at < 3 else 0}" for at, file in enumerate(files)]
    found = said(tmp_path, "\n".join(["file,label", *rows]), files)
    assert list(classes_of(found, tmp_path).values()) == ["class0", "class1", "class0"]
    assert [skipped.reason for skipped in found.skipped] == [f"{files[3]} says another class than its row"]


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("0=benign, 1=malignant", {"0": "benign", "1": "malignant"}),
        ("M=Malignant;B = benign ;", {"m": "malignant", "b": "benign"}),
        ("2=benign,4a=malignant\n0=-", {"2": "benign", "4a": "malignant", "0": "-"}),
        ('"a, b"=benign, x=y=z', {"a, b": "benign", "x=y": "z"}),
        ("1.0=benign, 1=benign", {"1": "benign"}),
        (None, {}),
        ("", {}),
    ],
)
def test_meanings_are_read(text: str | None, meanings: dict[str, str]) -> None:
    assert parse_class_values(text) == meanings


@pytest.mark.parametrize(
    "text", ["0", "0=", "=benign", "0=benign, 1", "0=benign, 0=malignant", "0=a/b", "0=" + "x" * 200]
)
def test_meanings_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_class_values(text)


def test_class_values_reach_preview_and_import(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "data" / "img" / f"benign({number}).png", number)
    rows = [f"benign({number}),{number % 2},Charité" for number in range(4)]
    (tmp_path / "data" / "label.csv").write_text("\n".join(["name,label,hospital", *rows]), encoding="utf-8")
    with pytest.raises(ValuesUnknown):
        looked_at(empty_study, tmp_path / "data" / "label.csv")
    values = {"class_values": "0=malignant, 1=benign"}
    assert looked_at(empty_study, tmp_path / "data" / "label.csv", **values).counts == {"benign": 2, "malignant": 2}
    result = imported(empty_study, tmp_path / "data" / "label.csv", **values)
    assert result["counts"] == {"benign": 2, "malignant": 2}
    assert {image.site for image in empty_study.catalog.images()} == {"Charité"}


def test_files_that_were_found_by_a_guess_are_told(tmp_path: Path) -> None:
    found = said(tmp_path, "file,class\n7,benign\n/home/x/images/8.png,benign\n", ["images/007.png", "images/8.png"])
    assert [finding.text for finding in found.findings[1:]] == [
        "t.csv: 1 file found by their numbers, without zeros in front.",
        "t.csv: 1 file found by the last parts of their paths, which are of another computer.",
    ]
