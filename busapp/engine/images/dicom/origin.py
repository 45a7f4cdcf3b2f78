"""Who and where a DICOM file is from: the patient, the hospital and the machine.

The patient's values are identifiers, see `busapp.engine.images.dicom.reading`. Hospital and machine identify nobody:
serial numbers and station names are not read, and a value that contains the patient's number or a part of the name is
dropped.
"""

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from busapp.engine.utils.nobody import is_nobody

if TYPE_CHECKING:
    from busapp.engine.images.dicom.file import Values

_LONGEST: Final = 64
"""Characters of a long string in DICOM (PS3.5, 6.2). Longer ones break the standard."""
_WORD: Final = 2
_PART_OF_A_WORD: Final = 4
"""Fewest characters of an identifier that are searched for as a word, and inside of words."""


def patient_of(values: "Values") -> str:
    """The best identifier of the patient in the file; without number and name, that of the study or the picture.

    The patient's number is used alone, as in tables. Its issuer is ignored, because not every machine names it. One
    patient taken for two could be split between training and test; two taken for one are only kept together."""
    number, name, born = (values.text(keyword) for keyword in ("PatientID", "PatientName", "PatientBirthDate"))
    if not is_nobody(number):
        return number
    if born and not is_nobody(name):
        return f"name {name} born {born}"
    for keyword, kind in (("StudyInstanceUID", "study"), ("SOPInstanceUID", "picture")):
        if uid := values.text(keyword):
            return f"{kind} {uid}"
    return ""


def identifiers_of(values: "Values") -> tuple[str, ...]:
    """The patient's number and the parts of the name, as far as they name somebody."""
    parts = [values.text("PatientID"), *re.split(r"[\^=\s]+", values.text("PatientName"))]
    return tuple(part for part in parts if not is_nobody(part))


def site_of(values: "Values") -> str | None:
    """The hospital, up to 64 printable characters on one line; None if the file does not name it."""
    return _kept(_clean(values.text("InstitutionName")), values)


def device_of(values: "Values") -> str | None:
    """The maker and the model of the machine (`GE Healthcare LOGIQ E9`), up to 129 printable characters on one line;
    None if the file names neither."""
    maker, model = (_clean(values.text(keyword)) for keyword in ("Manufacturer", "ManufacturerModelName"))
    if maker and model.casefold().startswith(maker.split()[0].casefold()):
        maker = ""  # the model's name begins with the maker's
    return _kept(f"{maker} {model}".strip(), values)


def _clean(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in unicodedata.normalize("NFC", text))
    plain = " ".join(printable.split())[:_LONGEST].strip()
    return "" if is_nobody(plain) else plain


def _kept(text: str, values: "Values") -> str | None:
    folded = text.casefold()
    words = set(re.split(r"[\W_]+", folded))
    for identifier in map(str.casefold, identifiers_of(values)):
        alone = len(identifier) >= _WORD and identifier in words
        if alone or (len(identifier) >= _PART_OF_A_WORD and identifier in folded):
            return None
    return text or None
