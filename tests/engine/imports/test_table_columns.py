"""The columns of a table are guessed by names and values, told, and refused where two readings fit alike."""

from pathlib import Path

import pytest
from labelled_tables import classes_of, said

from busapp.engine.imports.tables.column_names import Role, rank_of
from busapp.engine.imports.tables.columns import ColumnNames, Undecided
from busapp.errors import BadInput

FILES = [f"case{number:03}.png" for number in range(1, 31)]
CLASSES = ["benign", "malignant", "normal"]
UNUSED = "These columns may hold patients too and are not used"


def table(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows])


@pytest.mark.parametrize(
    "name",
    ["ID", "name", "image", "Image_filename", "file_name", "img", "Datei", "Dateiname", "Bild", "fichier",
     "path", "Image Path", "image_id", "filename", "Nom du fichier", "archivo", "cropped image file path",
     "ImageID", "Imagen", "image name"],
)  # fmt: skip
def test_a_column_of_files_goes_by_many_names(tmp_path: Path, name: str) -> None:
    found = said(tmp_path, table(f"{name},class", [f"{file},benign" for file in FILES]), FILES)
    assert len(found.labels) == len(FILES)


@pytest.mark.parametrize(
    "name",
    ["Pathology", "Classification", "Label", "Type", "Malignancy", "Diagnosis", "Befund", "Klasse",
     "target", "y", "ground_truth", "class", "Class Label", "Tumor Type", "Diagnóstico", "Category",
     "Final diagnosis", "Diagnose", "Clase", "Dignität"],
)  # fmt: skip
def test_a_column_of_classes_goes_by_many_names(tmp_path: Path, name: str) -> None:
    rows = [f"{file},{CLASSES[at % 3]}" for at, file in enumerate(FILES)]
    assert set(classes_of(said(tmp_path, table(f"file,{name}", rows), FILES), tmp_path).values()) == set(CLASSES)


@pytest.mark.parametrize(
    "name",
    ["patient", "MRN", "PID", "Patient No.", "Patienten-ID", "Patient-Nr", "Patientennummer",
     "Fallnummer", "case", "CaseID", "subject", "patient_id", "wsi", "pseudonym", "study subject",
     "Hospital No", "Subject ID", "PatID", "Pat.-Nr.", "Patient #", "participant_id", "Proband",
     "anonymized patient id", "Medical Record Number", "ID paciente", "Numéro de patient", "ID_paziente",
     "Person ID", "Case No", "Fall-Nr.", "患者", "woman", "PatientUID", "patient code", "Chart No", "Subj",
     "anon_id", "HN", "UR number", "Anonymised ID"],
)  # fmt: skip
def test_a_column_of_patients_goes_by_many_names(tmp_path: Path, name: str) -> None:
    rows = [f"{file},benign,P{at // 3}" for at, file in enumerate(FILES)]
    found = said(tmp_path, table(f"file,class,{name}", rows), FILES)
    assert {given.patient for given in found.labels.values()} == {f"P{at}" for at in range(10)}
    assert f"patients from {name}" in found.findings[0].text


@pytest.mark.parametrize("name", ["Patient Age", "patient sex", "Patient birth date", "PatientWeight", "case notes"])
def test_what_is_known_of_a_patient_is_no_patient(name: str) -> None:
    assert rank_of(name, Role.PATIENT) is None


def test_sites_and_devices_are_read(tmp_path: Path) -> None:
    rows = [f"{file},benign,Klinik A,GE,Logiq {at % 2}" for at, file in enumerate(FILES)]
    found = said(tmp_path, table("file,class,Klinik,Manufacturer,Model", rows), FILES)
    assert {(given.site, given.device) for given in found.labels.values()} == {
        ("Klinik A", "GE Logiq 0"),
        ("Klinik A", "GE Logiq 1"),
    }
    found = said(tmp_path, "file,class,Centre,Gerät\ncase001.png,benign,n/a,Voluson\n", FILES)
    assert [(given.site, given.device) for given in found.labels.values()] == [(None, "Voluson")]
    found = said(tmp_path, "file,class,site\ncase001.png,benign,left\ncase002.png,benign,right\n", FILES)
    assert {given.site for given in found.labels.values()} == {None}


def test_few_values_are_preferred_to_free_text(tmp_path: Path) -> None:
    rows = [f"{at},{file},text {at},{CLASSES[at % 3]}" for at, file in enumerate(FILES)]
    found = said(tmp_path, table("CaseID,Image_filename,Class,Diagnosis", rows), FILES)
    assert set(classes_of(found, tmp_path).values()) == set(CLASSES)
    assert "classes from Diagnosis" in found.findings[0].text
    with pytest.raises(Undecided, match="Class has 30 different values"):
        said(tmp_path, table("CaseID,Image_filename,Class,Remark", rows), FILES)
    chosen = said(tmp_path, table("CaseID,Image_filename,Class,Remark", rows), FILES, class_column="class")
    assert len(set(classes_of(chosen, tmp_path).values())) == 30


def test_two_columns_of_classes_are_refused_unless_they_say_the_same(tmp_path: Path) -> None:
    rows = [f"{file},{CLASSES[at % 2]},{CLASSES[at % 3]}" for at, file in enumerate(FILES)]
    with pytest.raises(Undecided, match=r"Pathology or Malignancy.*--class-column"):
        said(tmp_path, table("file,Pathology,Malignancy", rows), FILES)
    found = said(tmp_path, table("file,Pathology,Malignancy", rows), FILES, class_column="malignancy")
    assert set(classes_of(found, tmp_path).values()) == set(CLASSES)
    same = [f"{file},{at % 2},{CLASSES[at % 2]}" for at, file in enumerate(FILES)]
    found = said(tmp_path, table("file,label,class_name", same), FILES)
    assert set(classes_of(found, tmp_path).values()) == {"benign", "malignant"}


def test_a_case_is_finer_than_a_patient_and_unused_columns_are_told(tmp_path: Path) -> None:
    rows = [f"{file},benign,{at},{at // 2},{at // 6}" for at, file in enumerate(FILES)]
    found = said(tmp_path, table("file,class,row,Case,Patient", rows), FILES)
    assert len({given.patient for given in found.labels.values()}) == 5
    assert found.findings[0].text.endswith(
        "patients from Patient. These columns may hold patients too and are not used: Case."
    )
    found = said(tmp_path, table("file,class,row,MRN,Subject", rows), FILES)
    assert len({given.patient for given in found.labels.values()}) == 5
    found = said(tmp_path, table("file,class,row,record_id,study id", rows), FILES)
    assert found.findings[0].text.endswith(f"{UNUSED}: record_id, study id.")


def test_columns_of_patients_that_cross_are_refused(tmp_path: Path) -> None:
    rows = [f"{file},benign,{at % 4},{at % 3}" for at, file in enumerate(FILES)]
    with pytest.raises(Undecided, match=r"MRN or Subject.*--patient-column"):
        said(tmp_path, table("file,class,MRN,Subject", rows), FILES)
    found = said(tmp_path, table("file,class,MRN,Subject", rows), FILES, patient_column="-")
    assert {given.patient for given in found.labels.values()} == {None}


def test_an_age_names_no_file_though_its_numbers_do(tmp_path: Path) -> None:
    files = [f"{age:03}.png" for age in range(1, 100)]
    rows = [f"{age},benign,{age + 1}" for age in range(1, 90)]
    found = said(tmp_path, table("Image,class,Age", rows), files)
    assert classes_of(found, tmp_path) == dict.fromkeys(files[:89], "benign")
    with pytest.raises(BadInput, match=r"no column that names the files.*It has these columns: Age, class"):
        said(tmp_path, table("Age,class", ["57,benign", "58,benign"]), files)


def test_two_columns_that_name_different_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match=r"image or picture.*--file-column"):
        said(tmp_path, "image,picture,class\na.png,b.png,benign\n", ["a.png", "b.png"])
    found = said(tmp_path, "image,picture,class\na.png,a,benign\n", ["a.png", "b.png"])
    assert classes_of(found, tmp_path) == {"a.png": "benign"}


def test_the_user_wins_over_a_known_set_and_that_over_a_guess(tmp_path: Path) -> None:
    text = "one,two,class,Befund,x\na.png,b.png,benign,malignant,P1\n"
    known = ColumnNames(file="one", class_name="Befund", patient="x")
    (given,) = said(tmp_path, text, ["a.png", "b.png"], columns=known).labels.values()
    assert (given.class_name, given.patient) == ("malignant", "P1")
    found = said(tmp_path, text, ["a.png", "b.png"], columns=known, file_column="TWO", class_column="3")
    assert classes_of(found, tmp_path) == {"b.png": "benign"}


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no column other.*--class-column: file, class, patient"):
        said(tmp_path, "file,class,patient\na.png,benign,1\n", ["a.png"], class_column="other")
    with pytest.raises(BadInput, match="several columns called CLASS"):
        said(tmp_path, "file,class,Class \na.png,benign,1\n", ["a.png"], class_column="CLASS")


def test_a_column_of_patients_that_gives_way_to_a_pattern_is_told(tmp_path: Path) -> None:
    found = said(tmp_path, "file,class,MRN\na.png,benign,4711\n", ["a.png"], patient_pattern="{patient}_*")
    assert [given.patient for given in found.labels.values()] == [None]
    assert found.findings[0].text.endswith(f"{UNUSED}: MRN.")
