"""Tiny invented copies of public sets: folders, names and tables as their authors ship them, with pictures of noise."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from image_folders import mask, picture
from openpyxl import Workbook
from PIL import Image

_seeds = count()


def pictures(folder: Path, *names: str) -> None:
    """Write different images of noise under these names."""
    for name in names:
        picture(folder / name, 1000 + next(_seeds))


def masks(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        mask(folder / name, slice(2, 8))


def table(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def workbook(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


class PublicSet(NamedTuple):
    """What an import makes of a copy of a set: images of each class, masks, patients, and how the set is called."""

    build: Callable[[Path], None]
    counts: dict[str, int]
    masks: int = 0
    patients: int = 0
    name: str = ""


def busi(root: Path) -> None:
    for name in ("benign", "malignant", "normal"):
        pictures(root / name, f"{name} (1).png", f"{name} (2).png")
        masks(root / name, f"{name} (1)_mask.png", f"{name} (2)_mask.png")
    masks(root / "benign", "benign (2)_mask_1.png")


def busi_mirror(root: Path) -> None:
    for name in ("benign", "malignant"):
        pictures(root / name / "images", f"{name} (1).png", f"{name} (2).png")
        masks(root / name / "mask", f"{name} (1).png", f"{name} (2)_mask.png")


def busi_unet(root: Path) -> None:
    names = ("benign (1).png", "benign (2).png", "malignant (1).png")
    pictures(root / "inputs" / "busi" / "images", *names)
    masks(root / "inputs" / "busi" / "masks" / "0", *names)
    masks(root / "inputs" / "busi" / "masks" / "1", "benign (1).png")


def busi_split(root: Path) -> None:
    for part in ("train", "val", "test"):
        for name in ("benign", "malignant"):
            pictures(root / part / name, f"{name}_{part}_0.png", f"{name}_{part}_1.png")


def busbra(root: Path) -> None:
    rows = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    for case, pathology in ((1, "malignant"), (2, "benign"), (3, "benign")):
        for side in "lr":
            pictures(root / "Images", f"bus_{case:04d}-{side}.png")
            masks(root / "Masks", f"mask_{case:04d}-{side}.png")
            rows.append(f'bus_{case:04d}-{side},{case},fibroadenoma,{pathology},4,GE Logiq 7,20,16,left,"[1,2,3,4]"')
    table(root / "bus_data.csv", *rows)
    table(root / "5-fold-cv.csv", "ID,Pathology,Kfold1", *(f"{row.split(',')[0]},benign,1" for row in rows[1:]))


_BREAST = "CaseID,Image_filename,Mask_tumor_filename,Mask_other_filename,Pixel_size,Age,Diagnosis,Classification"


def _breast(root: Path) -> list[list[object]]:
    rows: list[list[object]] = [[*_BREAST.split(",")]]
    for case, name in ((1, "malignant"), (2, "benign"), (3, "benign"), (4, "normal")):
        pictures(root, f"case{case:03d}.png")
        if name != "normal":
            alpha_mask(root / f"case{case:03d}_tumor.png")
        rows.append([case, f"case{case:03d}.png", f"case{case:03d}_tumor.png", None, 0.0079, 57, f"text {case}", name])
    alpha_mask(root / "case003_other1.png")
    alpha_mask(root / "case003_other2.png")
    return rows


def alpha_mask(path: Path) -> None:
    """A black picture that is opaque only in the lesion."""
    values = np.zeros((16, 20, 4), np.uint8)
    values[:, 2:8, 3] = 255
    Image.fromarray(values).save(path)


def breast(root: Path) -> None:
    workbook(root / "BrEaST-Lesions-USG-clinical-data.xlsx", _breast(root / "BrEaST-Lesions_USG-images_and_masks"))


def breast_csv(root: Path) -> None:
    rows = _breast(root)
    table(root / "BrEaST-Lesions-USG-clinical-data.csv", *(",".join(str(cell or "") for cell in row) for row in rows))


def bus_uclm(root: Path) -> None:
    rows = ["Image;Label;Doppler;Combined"]
    for patient, name in (("ALWI", "Benign"), ("ALWI", "Normal"), ("BEZO", "Malignant"), ("BEZO", "Normal")):
        file = f"{patient}_{len(rows) - 1:03d}.png"
        pictures(root / "BUS-UCLM" / "images", file)
        colour_mask(root / "BUS-UCLM" / "masks" / file, {"Benign": (0, 255, 0), "Malignant": (255, 0, 0)}.get(name))
        rows.append(f"{file};{name};{'Yes' if len(rows) == 1 else 'No'};No")
    table(root / "BUS-UCLM" / "INFO.csv", *rows)


def colour_mask(path: Path, colour: tuple[int, int, int] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((16, 20, 3), np.uint8)
    if colour:
        values[:, 2:8] = colour
    Image.fromarray(values).save(path)


def udiat(root: Path) -> None:
    files = [f"{number:06d}.png" for number in range(1, 5)]
    pictures(root / "original", *files)
    masks(root / "GT", *files)
    workbook(root / "DatasetB.xlsx", [("Image", "Type"), *zip(range(1, 5), ("Benign", "Malignant") * 2, strict=True)])


def buid(root: Path) -> None:
    for name in ("Benign", "Malignant"):
        for number in (1, 2):
            pictures(root / name, f"{number} {name} Image.bmp", f"{number} {name} Lesion.bmp")
            masks(root / name, f"{number} {name} Mask.tif")


def bus_uc(root: Path) -> None:
    for name, numbers in (("Benign", (1, 2)), ("Malignant", (3, 4, 5))):
        for number in numbers:
            for at in ("All", name):
                picture(root / "BUS_UC" / at / "images" / f"{number:03d}.png", number)
                masks(root / "BUS_UC" / at / "masks", f"{number:03d}.png")


def busc(root: Path) -> None:
    pictures(root / "originals" / "benign", "us1.bmp", "us2.bmp")
    pictures(root / "originals" / "malignant", "us101.bmp")


def gdph(root: Path) -> None:
    names = ("benign(0).png", "benign(1).png", "malignant(0).png")
    pictures(root / "GDPH&SYSUCC" / "img", *names)
    table(root / "GDPH&SYSUCC" / "label.csv", "name,label", *(f"{name},{int(name[0] == 'm')}" for name in names))


def buv(root: Path) -> None:
    for name, videos in (("benign", ("1a2f", "x9")), ("malignant", ("77", "clip"))):
        for video in videos:
            pictures(root / "rawframes" / name / video, "000000.png", "000001.png")


def lesion_crops(root: Path) -> None:
    for name in ("benign_1", "benign_2", "malignant_1"):
        pictures(root / "images", f"{name}_img.png", f"{name}_roi.png")
        masks(root / "images", f"{name}_mask.png")


def bus_cot(root: Path) -> None:
    names = ("000029@0.png", "000029@1.png", "000031@0.png")
    pictures(root / "images", *names)
    table(
        root / "labels.csv",
        "image,histology,label",
        *(f"{name},x,{'malignant' if '31' in name else 'benign'}" for name in names),
    )


def breakhis(root: Path) -> None:
    breast_folder = root / "BreaKHis_v1" / "histology_slides" / "breast"
    slides = (
        ("benign", "adenosis", "B_A", ("14-22549AB", "14-22549CD")),
        ("malignant", "ductal_carcinoma", "M_DC", ("14-13412", "14-2773")),
        ("malignant", "lobular_carcinoma", "M_LC", ("14-13412",)),
    )
    for name, folder, kind, numbers in slides:
        for number in numbers:
            for times in (40, 100, 200, 400):
                at = breast_folder / name / "SOB" / folder / f"SOB_{kind}_{number}" / f"{times}X"
                pictures(at, f"SOB_{kind}-{number}-{times}-001.png")


def breakhis_mirror(root: Path) -> None:
    for part in ("train", "test"):
        pictures(root / part / "benign", f"SOB_B_A_14-22549{'AB' if part == 'train' else 'CD'}_0.png")
        pictures(root / part / "malignant", f"SOB_M_DC_14-{2773 if part == 'train' else 5695}_0.png")


def bach(root: Path) -> None:
    photos = root / "ICIAR2018_BACH_Challenge" / "Photos"
    rows = []
    for folder, begins in (("Normal", "n"), ("Benign", "b"), ("InSitu", "is"), ("Invasive", "iv")):
        pictures(photos / folder, f"{begins}001.tif", f"{begins}002.tif")
        rows += [f"{begins}00{number}.tif,{folder}" for number in (1, 2)]
    table(photos / "microscopy_ground_truth.csv", *rows)


def bach_flat(root: Path) -> None:
    bach(root)
    photos = root / "ICIAR2018_BACH_Challenge" / "Photos"
    for path in [*photos.glob("*/*.tif")]:
        path.rename(photos / path.name)


def idc_nested(root: Path) -> None:
    for at in (root, root / "IDC_regular_ps50_idx5"):
        for seed, (patient, name) in enumerate(((10253, 0), (10253, 1), (8863, 1))):
            picture(at / str(patient) / str(name) / f"{patient}_idx5_x1_y{seed}_class{name}.png", seed)


def pcam_tif(root: Path) -> None:
    names = ["f38a6374c348f90b587e046aac6079959adf3835", "c18f2d887b7ae4f6742ee445113fa1aef383ed77"]
    pictures(root / "train", *(f"{name}.tif" for name in names))
    pictures(root / "test", "0b2ea2a822ad23fdb1b5dd26653da899fbd2c0d5.tif")
    table(root / "train_labels.csv", "id,label", f"{names[0]},0", f"{names[1]},1")


def mias(root: Path) -> None:
    for number in range(1, 6):
        pictures(root / "all-mias", f"mdb{number:03d}.png")
    lines = ("mdb001 G CIRC B 535 425 197", "mdb002 G CIRC B 522 280 69", "mdb003 D NORM")
    two = ("mdb004 F MISC M 233 994 29", "mdb004 F CALC M 313 540 27", "mdb005 F MISC B 1 2 3", "mdb005 F MISC M 4 5 6")
    table(root / "all-mias" / "Info.txt", "This file lists the films in the MIAS database:", "", *lines, *two)


_CASES = "patient_id,left or right breast,image view,abnormality id,pathology,image file path,cropped image file path"


def _case(patient: str, pathology: str, abnormality: int, kind: str = "Mass-Training") -> str:
    film = f"{kind}_{patient}_LEFT_CC"
    return f'{patient},LEFT,CC,{abnormality},{pathology},{film}/1.3/2.4/000000.dcm,"{film}_1/1.3/2.4/000001.dcm\n"'


def _cbis_tables(folder: Path) -> None:
    masses = [_case("P_00001", "MALIGNANT", 1), _case("P_00001", "MALIGNANT", 2), _case("P_00002", "BENIGN", 1)]
    masses += [_case("P_00003", "BENIGN", 1), _case("P_00003", "MALIGNANT", 2)]
    table(folder / "mass_case_description_train_set.csv", _CASES, *masses)
    calcifications = _case("P_00002", "BENIGN_WITHOUT_CALLBACK", 1, "Calc-Test")
    table(folder / "calc_case_description_test_set.csv", _CASES, calcifications)


_FILMS = ("Mass-Training_P_00001", "Mass-Training_P_00002", "Mass-Training_P_00003", "Calc-Test_P_00002")


def cbis_jpeg(root: Path) -> None:
    _cbis_tables(root / "csv")
    rows = ["file_path,image_path,PatientID,SeriesDescription"]
    for number, film in enumerate(_FILMS):
        for part, series in (("", "full mammogram images"), ("_1", "cropped images")):
            uid = f"1.3.6.1.4.1.9590.100.1.2.{number}{len(part)}"
            pictures(root / "jpeg" / uid, "1-172.jpg")
            rows.append(f"x/{uid}/1-1.dcm,CBIS-DDSM/jpeg/{uid}/1-172.jpg,{film}_LEFT_CC{part},{series}")
    table(root / "csv" / "dicom_info.csv", *rows)


def breastmnist(path: Path, size: int = 28) -> None:
    """A file as MedMNIST's, with 4, 2 and 3 pictures; two, one and one of them malignant (label 0)."""
    labels = {"train": [0, 1, 0, 1], "val": [1, 0], "test": [1, 1, 0]}
    arrays: dict[str, np.ndarray] = {}
    for seed, (part, some) in enumerate(labels.items()):
        noise = np.random.default_rng(seed).integers(0, 256, (len(some), size, size), np.uint8)
        arrays |= {f"{part}_images": noise, f"{part}_labels": np.array(some, np.uint8)[:, None]}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def pcam_hdf5(folder: Path, part: str = "train", n: int = 6) -> Path:
    """The three files of one part of PCam, of three slides. Returns the file with the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"camelyonpatch_level_2_split_{part}_"
    with h5py.File(folder / f"{stem}x.h5", "w") as file:
        noise = np.random.default_rng(len(part)).integers(0, 256, (n, 96, 96, 3), np.uint8)
        file.create_dataset("x", data=noise, chunks=(2, 96, 96, 3), compression="gzip")
    with h5py.File(folder / f"{stem}y.h5", "w") as file:
        file.create_dataset("y", data=(np.arange(n) % 2).astype(np.uint8).reshape(n, 1, 1, 1))
    rows = [f"1,2,{bool(i % 2)},{bool(i % 2)},camelyon16_{part}_normal_{i // 2:03d}" for i in range(n)]
    table(folder / f"{stem}meta.csv", "coord_y,coord_x,tumor_patch,center_tumor_patch,wsi", *rows)
    return folder / f"{stem}x.h5"


SETS: dict[str, PublicSet] = {
    "busi": PublicSet(busi, {"benign": 2, "malignant": 2, "normal": 2}, masks=7, name="BUSI"),
    "busi_mirror": PublicSet(busi_mirror, {"benign": 2, "malignant": 2}, masks=4, name="BUSI"),
    "busi_unet": PublicSet(busi_unet, {"benign": 2, "malignant": 1}, masks=4, name="BUSI"),
    "busi_split": PublicSet(busi_split, {"benign": 6, "malignant": 6}),
    "busbra": PublicSet(busbra, {"benign": 4, "malignant": 2}, masks=6, patients=3, name="BUS-BRA"),
    "breast": PublicSet(breast, {"benign": 2, "malignant": 1, "normal": 1}, masks=5, patients=4, name="BrEaST"),
    "breast_csv": PublicSet(breast_csv, {"benign": 2, "malignant": 1, "normal": 1}, masks=5, patients=4, name="BrEaST"),
    "bus_uclm": PublicSet(bus_uclm, {"benign": 1, "malignant": 1, "normal": 2}, masks=4, patients=2, name="BUS-UCLM"),
    "udiat": PublicSet(udiat, {"benign": 2, "malignant": 2}, masks=4, patients=4, name="UDIAT (Dataset B)"),
    "buid": PublicSet(buid, {"benign": 2, "malignant": 2}, masks=4, name="BUID (QAMEBI, BLUI)"),
    "bus_uc": PublicSet(bus_uc, {"benign": 2, "malignant": 3}, masks=5, name="BUS_UC"),
    "busc": PublicSet(busc, {"benign": 2, "malignant": 1}, name="BUSC"),
    "gdph": PublicSet(gdph, {"benign": 2, "malignant": 1}, name="GDPH&SYSUCC"),
    "buv": PublicSet(buv, {"benign": 4, "malignant": 4}, patients=4, name="BUV"),
    "lesion_crops": PublicSet(lesion_crops, {"benign": 2, "malignant": 1}, masks=3),
    "bus_cot": PublicSet(bus_cot, {"benign": 2, "malignant": 1}, patients=2, name="BUS-CoT"),
    "breakhis": PublicSet(breakhis, {"benign": 8, "malignant": 12}, patients=3, name="BreakHis"),
    "breakhis_mirror": PublicSet(breakhis_mirror, {"benign": 2, "malignant": 2}, patients=3, name="BreakHis"),
    "bach": PublicSet(bach, {"benign": 2, "insitu": 2, "invasive": 2, "normal": 2}, name="BACH"),
    "bach_flat": PublicSet(bach_flat, {"benign": 2, "insitu": 2, "invasive": 2, "normal": 2}, name="BACH"),
    "idc_nested": PublicSet(idc_nested, {"class0": 1, "class1": 2}, patients=2, name="IDC"),
    "pcam_tif": PublicSet(pcam_tif, {"no tumour": 1, "tumour": 1}, name="PCam"),
    "mias": PublicSet(mias, {"benign": 2, "malignant": 1, "normal": 1}, patients=2, name="MIAS"),
    "cbis_jpeg": PublicSet(cbis_jpeg, {"benign": 2, "malignant": 1}, patients=2, name="CBIS-DDSM"),
}
"""Sets that come in without a question, by the name of their builder."""


def built(root: Path) -> Iterator[tuple[str, Path, PublicSet]]:
    """Build all sets, each in a folder of its own."""
    for name, one in SETS.items():
        one.build(root / name)
        yield name, root / name, one
