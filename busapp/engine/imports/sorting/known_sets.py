"""The public sets of breast images as their authors and the usual mirrors lay them out: one table, `SETS`.

A new set is one more entry. Its `signs` are patterns of paths in lower case, in which `*` stands for anything, `#` for
a number, `|` separates alternatives, and the name of the source comes first. Each sign must fit a file. The first one
must fit at least half of the images.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from busapp.engine.imports.tables.columns import ColumnNames

_BENIGN_OR_NOT: Final = {"b": "benign", "m": "malignant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSet:
    """One public set. The class of an image is the first of these that is known: the one in `table`, the nearest folder
    that is called like one of `classes`, the group `class_name` of `named`."""

    name: str
    source: str
    signs: tuple[str, ...]
    images: int
    """Number of images, as published."""
    patients: int | None = None
    classes: tuple[str, ...]
    class_values: Mapping[str, str] = field(default_factory=dict)
    """Meaning of the values in the table and in names, in lower case."""
    table: str | None = None
    """Pattern of the table's path, as in `signs`."""
    columns: ColumnNames | None = None
    lines: re.Pattern[str] | None = None
    """For a table without header: groups `file` (a stem) and `class_name` in each of its lines."""
    file_key: re.Pattern[str] | None = None
    """Group `file` in a file's name: what the table calls the file."""
    named: re.Pattern[str] | None = None
    """Groups in the path of an image, all optional: `class_name`, `patient`, `choice` (a magnification; `--only` takes
    it), `type` (a part of a class; a patient in several is reported)."""
    pairs: bool = False
    """True if the numbers 1 and 2, 3 and 4, … are of one patient."""
    keeps_numbers: bool = False
    """True if patients are stored under their numbers alone, as earlier versions did. Otherwise the name of the set is
    part of the patient, so that patient 1 of two sets is not one."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Patterns of files that are not to come in, as in `signs`, with the reason."""
    by_films: bool = False
    """True if its tables have to be read in a way of their own (`cbis_ddsm`)."""
    unlabelled: str = ""
    """Why the class must be asked for, if nothing gives it."""
    refusal: str = ""
    """Why nothing of the set can come in, unless the user gives a class. `remedy` says what to do."""
    remedy: str = ""
    remarks: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    """Columns of the table that say yes for images to look at."""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


_BREAKHIS: Final = _pattern(
    r"SOB_(?P<class_name>[BM])_(?P<type>[A-Z]+)[-_](?P<patient>\d+-\d+)[A-Z]*(-(?P<choice>40|100|200|400))?[-_]\d+\.\w+$"
)

SETS: Final = (
    KnownSet(
        name="BUSI",
        source="Al-Dhabyani et al. 2020, Data in Brief 28:104863",
        signs=("*/benign (#).png|*/malignant (#).png|*/normal (#).png",),
        images=780,
        classes=("benign", "malignant", "normal"),
        named=_pattern(r"/(?P<class_name>benign|malignant|normal)\ \(\d+\)\.\w+$"),
    ),
    KnownSet(
        name="BUS-BRA",
        source="Gómez-Flores et al. 2023, Medical Physics",
        signs=("*/bus_#-?.*",),
        images=1875,
        patients=1064,
        classes=("benign", "malignant"),
        table="*/bus_data.*",
        columns=ColumnNames("ID", "Pathology", "Case", None, "Device"),
        named=_pattern(r"/bus_(?P<patient>\d+)-\w\.\w+$"),
        unlabelled="Its classes stand in bus_data.csv, which is not here",
    ),
    KnownSet(
        name="BrEaST",
        source="Pawłowska et al. 2024, Scientific Data 11:148",
        signs=("*/case#.*", "*/case#_tumor.*"),
        images=256,
        patients=256,
        classes=("benign", "malignant", "normal"),
        table="*clinical*data*|*breast*.csv|*breast*.xlsx",
        columns=ColumnNames("Image_filename", "Classification", "CaseID", None, None),
        named=_pattern(r"/case(?P<patient>\d+)\.\w+$"),
        unlabelled="Its classes stand in its table of clinical data, which is not here",
    ),
    KnownSet(
        name="BUS-UCLM",
        source="Vallez et al. 2025, Scientific Data 12:242",
        signs=("*/????_#.png", "*/info.csv"),
        images=683,
        patients=38,
        classes=("benign", "malignant", "normal"),
        table="*/info.csv",
        columns=ColumnNames("Image", "Label", None, None, None),
        named=_pattern(r"/(?P<patient>[A-Z]{4})_\d+\.png$"),
        flagged=("Doppler", "Combined"),
    ),
    KnownSet(
        name="UDIAT (Dataset B)",
        source="Yap et al. 2018, IEEE J Biomed Health Inform 22:1218",
        signs=("*/original/#.png", "*/datasetb.*"),
        images=163,
        patients=163,
        classes=("benign", "malignant"),
        table="*/datasetb.*",
        columns=ColumnNames("Image", "Type", None, None, None),
        named=_pattern(r"/(?P<patient>\d+)\.png$"),
    ),
    KnownSet(
        name="BUSI-WHU",
        source="Huang et al., Mendeley Data",
        signs=("*whu*/img/*", "*whu*/mask/*"),
        images=927,
        classes=("benign", "malignant"),
        unlabelled="Its authors publish no class of any image; folders of mirrors contradict each other",
    ),
    KnownSet(
        name="BUID (QAMEBI, BLUI)",
        source="Ardakani et al. 2023, Computers in Biology and Medicine 152:106438",
        signs=("*/# benign image.*|*/# malignant image.*",),
        images=232,
        classes=("benign", "malignant"),
        named=_pattern(r"/\d+\ (?P<class_name>benign|malignant)\ image\.\w+$"),
    ),
    KnownSet(
        name="BUS_UC",
        source="Iqbal 2023, Mendeley Data",
        signs=("*bus*uc*/benign/images/#.*|*bus*uc*/malignant/images/#.*|*bus*uc*/all/images/#.*",),
        images=811,
        classes=("benign", "malignant"),
        left_out={"*/all/*": "The folder All repeats the images of Benign and Malignant"},
    ),
    KnownSet(
        name="BUSC",
        source="Rodrigues 2017, Mendeley Data wmy84gzngw",
        signs=("*/originals/benign/us#.bmp|*/originals/malignant/us#.bmp",),
        images=250,
        classes=("benign", "malignant"),
        remarks=("Images with consecutive numbers are often near-duplicates.",),
    ),
    KnownSet(
        name="GDPH&SYSUCC",
        source="Mo et al. 2023, IEEE Trans Med Imaging 42:1696 (HoVer-Trans)",
        signs=("*/benign(#).*|*/malignant(#).*",),
        images=2405,
        classes=("benign", "malignant"),
        class_values={"0": "benign", "1": "malignant"},
        named=_pattern(r"/(?P<class_name>benign|malignant)\(\d+\)\.\w+$"),
        remarks=("About a third of its images are duplicates, some with both classes.",),
    ),
    KnownSet(
        name="BUV",
        source="Lin et al. 2022, MICCAI (CVA-Net)",
        signs=("*/rawframes/benign/*/#.*|*/rawframes/malignant/*/#.*",),
        images=25_272,
        patients=188,
        classes=("benign", "malignant"),
        named=_pattern(r"/rawframes/(?P<class_name>benign|malignant)/(?P<patient>[^/]+)/"),
        remarks=("The frames of one video count as one patient's. Some frames are in videos of both classes.",),
    ),
    KnownSet(
        name="STU-Hospital",
        source="Zhuang et al. 2019, PLoS ONE 14:e0221535",
        signs=("*/test_image_#.*",),
        images=42,
        classes=(),
        unlabelled="Its authors publish no class of any image",
    ),
    KnownSet(
        name="BUS-CoT",
        source="BUS-CoT 2026",
        signs=("*/#@#.png",),
        images=11_439,
        patients=4838,
        classes=(),
        named=_pattern(r"/(?P<patient>\d+)@\d+\.png$"),
        unlabelled="Its classes stand in its table, which is not here or cannot be read",
        remarks=("The number before @ counts as the patient.",),
    ),
    KnownSet(
        name="BreakHis",
        source="Spanhol et al. 2016, IEEE Trans Biomed Eng 63:1455",
        signs=("*/sob_[bm]_*#-#*",),
        images=7909,
        patients=82,
        classes=("benign", "malignant"),
        class_values=_BENIGN_OR_NOT,
        named=_BREAKHIS,
        remarks=(
            "Slides whose numbers differ only by letters (22549AB, 22549CD) count as one patient's, so there are fewer "
            "patients than the published 82.",
        ),
    ),
    KnownSet(
        name="BACH",
        source="Aresta et al. 2019, Medical Image Analysis 56:122",
        signs=("*/n#.tif|*/b#.tif|*/is#.tif|*/iv#.tif", "*/microscopy_ground_truth.csv|*/insitu/is#.tif"),
        images=400,
        classes=("normal", "benign", "insitu", "invasive"),
        table="*/microscopy_ground_truth.csv",
        lines=_pattern(r"^(?P<file>[^,;/]+)\.tif[,;]\s*(?P<class_name>\w+)\s*$"),
    ),
    KnownSet(
        name="IDC",
        source="Janowczyk and Madabhushi 2016, J Pathol Inform 7:29",
        signs=("*/#_idx#_x#_y#_class#.png",),
        images=277_524,
        patients=279,
        classes=("class0", "class1"),
        keeps_numbers=True,
        remarks=("class1 is invasive ductal carcinoma, class0 is not.",),
    ),
    KnownSet(
        name="PCam",
        source="Veeling et al. 2018, MICCAI; in the form of a public contest",
        signs=("*/train/#.tif", "*/train_labels.csv"),
        images=220_025,
        classes=("no tumour", "tumour"),
        table="*/train_labels.csv",
        columns=ColumnNames("id", "label", None, None, None),
        class_values={"0": "no tumour", "1": "tumour"},
        remarks=(
            "Label 1 is tumour in the central 32×32 pixels, label 0 is none. This form of PCam names no patients, so "
            "patches of one woman can be in training and test. The form with HDF5 files has a table of them.",
        ),
    ),
    KnownSet(
        name="MIAS",
        source="Suckling et al. 1994; mini-MIAS",
        signs=("*/mdb#*",),
        images=322,
        patients=161,
        classes=("benign", "malignant", "normal"),
        class_values={**_BENIGN_OR_NOT, "norm": "normal"},
        table="*/info*.txt",
        lines=_pattern(r"^(?P<file>mdb\d+\w*)\s+[FGD]\s+(?:\w+\s+)?(?P<class_name>NORM|[BM])\b"),
        named=_pattern(r"/mdb(?P<patient>\d+)\w*\.\w+$"),
        pairs=True,
        unlabelled="Its classes stand in Info.txt, which is not here",
    ),
    KnownSet(
        name="CBIS-DDSM",
        source="Lee et al. 2017, Scientific Data 4:170177",
        signs=("*/jpeg/*/#-#.jpg|*/mass-*_p_#_*|*/calc-*_p_#_*", "*case_description*.csv"),
        images=3103,
        patients=1566,
        classes=("benign", "malignant"),
        by_films=True,
        unlabelled="Its classes stand in its tables of cases, which name none of these films",
    ),
    KnownSet(
        name="INbreast",
        source="Moreira et al. 2012, Academic Radiology 19:236",
        signs=("*/#_#_mg_[lr]_*_anon.dcm",),
        images=410,
        classes=(),
        table="*/inbreast.csv|*/inbreast.xlsx",
        columns=ColumnNames("File Name", "Bi-Rads", None, None, None),
        file_key=_pattern(r"^(?P<file>\d+)_"),
        named=_pattern(r"/\d+_(?P<patient>[0-9a-f]+)_MG_"),
        unlabelled="It has no pathology, only BI-RADS categories in INbreast.csv",
    ),
    KnownSet(
        name="OASBUD",
        source="Piotrzkowska-Wróblewska et al. 2017, Medical Physics 44:6105",
        signs=("*oasbud*.mat",),
        images=200,
        patients=78,
        classes=("benign", "malignant"),
        refusal="OASBUD holds raw ultrasound signals, not pictures",
        remedy="Compute a picture of each signal (envelope, then logarithm), save the pictures as PNG, and import a "
        "table with the columns file, class and patient. Both planes of a lesion need the same patient.",
    ),
    KnownSet(
        name="TDSC-ABUS",
        source="TDSC-ABUS challenge, MICCAI 2023",
        signs=("*/data_#.nrrd",),
        images=200,
        classes=("benign", "malignant"),
        refusal="TDSC-ABUS holds three-dimensional volumes, not pictures",
        remedy="Save slices of each volume as PNG, and import a table with the columns file, class and patient; "
        "labels.csv has the class (M or B) of each case.",
    ),
    KnownSet(
        name="BreCaHAD",
        source="Aksac et al. 2019, BMC Research Notes 12:82",
        signs=("*/images/*.tif", "*/groundtruth/*.json"),
        images=162,
        classes=(),
        refusal="BreCaHAD has marked points in each picture (mitosis, tumour …), but no class of a picture",
        remedy="Decide on a class for each picture, and import a table with the columns file and class.",
    ),
)
