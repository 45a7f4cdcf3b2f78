"""Names that people give to the columns of tables, in several languages.

A name counts without case, accents, blanks and punctuation. Lower ranks say more surely what a column holds.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a column is for, as people call it."""

    FILE = "file"
    CLASS = "class"
    PATIENT = "patient"
    SITE = "site"
    DEVICE = "device"


_NUMBER: Final = (
    "(?:id|ids|uid|nr|no|num|number|nummer|numero|numer|code|key|hash|ref|identifier|identification|kennung)"
)
_KIND: Final = "(?:original|full|cropped|dicom|png|jpe?g|us|ultrasound|mammo|bmode)"
_IMAGE: Final = "(?:image|images|img|imgs|picture|pic|photo|bild|imagen|imagem|immagine|foto|scan|frame|tile|patch)"
_NAME: Final = "(?:file|files|filename|name|names|path|paths|datei|dateiname|location|url)"
_PERSON: Final = (
    "(?:patient|patients|patienten|patientin|pat|pt|paciente|pacjent|paziente|pacient|potilas|患者|病人|病例|пациент)"
)
_SUBJECT: Final = (
    "(?:subject|subjects|subj|sub|participant|proband|probandin|probanden|person|personen|individual|woman|volunteer|"
    "donor|sujet|sujeto|soggetto|client|wsi|pseudonym|pseudo)"
)
_RECORD: Final = (
    "(?:mrn|pid|upi|uhid|nhs|nhi|nhc|chi|hn|urn|ur|piz|mpi|ipp|empi|ssn|kvnr|medicalrecord|medrec|healthrecord|chart|krankenakte|akte|akten|dossier|"
    "historiaclinica)"
)
_CASE: Final = "(?:case|cases|fall|fallpat|cas|caso|casus)"
_FIRST: Final = "(?:study|research|anon|anonymous|anonymi[sz]ed|deidentified|pseudo|unique|internal|the)*"
_LAST: Final = f"(?:s|{_NUMBER}|pseudonym|ident|anon|anonymi[sz]ed|hash)*"

_KNOWN: Final[tuple[tuple[Role, int, str], ...]] = (
    (Role.FILE, 0, f"{_KIND}*{_IMAGE}*{_NAME}+|{_KIND}*{_IMAGE}+{_NUMBER}*|fichier|nomfichier|nomdufichier|archivo"),
    (Role.FILE, 0, "nombrearchivo|bilddatei|bildname|bildpfad|pfad|chemin|ruta|nomefile|arquivo|plik|файл|文件名|图像"),
    (Role.FILE, 1, f"{_NUMBER}|nom|nombre|nome|basename|stem|sample{_NUMBER}*|slide{_NUMBER}*"),
    (Role.CLASS, 0, "(?:image|lesion|tumou?r|true|target|breast)?(?:class|label|labels|category)(?:name|id|label)?"),
    (Role.CLASS, 0, "classe|clase|klasse|etiqueta|etikett|target|ytrue|groundtruth|gt|truth|classification|label"),
    (Role.CLASS, 0, "pathology|malignancy|malignant|benignmalignant|malignitat|pathologie|patologia|dignitat|clase"),
    (Role.CLASS, 1, "(?:tumou?r|lesion|cancer|image)?(?:type|typ|tipo)|kategorie|categorie|categoria"),
    (Role.CLASS, 1, "(?:final)?(?:diagnosis|diagnose|diagnostic|diagnostico|diagnosi)|befund|findings?|dx"),
    (Role.CLASS, 2, "y|outcome|status|result|histolog(?:y|ie|icaltype)|subtype|histopathology|abnormality(?:type)?"),
    (Role.CLASS, 3, "birads|biradscategory|biradsclass|biradsscore|acr|assessment|grade|score"),
    (Role.PATIENT, 0, f"{_FIRST}(?:{_NUMBER}|di?|du|de|della?)*{_PERSON}{_LAST}"),
    (Role.PATIENT, 1, f"{_FIRST}{_NUMBER}?{_SUBJECT}{_LAST}|(?:pat|patient)?{_RECORD}{_LAST}"),
    (Role.PATIENT, 1, "(?:hospital|hosp|clinic|unit)(?:no|nr|num|number|nummer|unitno|unitnumber)"),
    (Role.PATIENT, 2, f"{_FIRST}{_NUMBER}?{_CASE}{_LAST}|(?:anon|anonym|anonymous|anonymi[sz]ed|hashed){_NUMBER}+"),
    (Role.PATIENT, 3, f"{_PERSON}e?n?(?:name|names|fullname)|name(?:of|du|del)?{_PERSON}"),
    (Role.SITE, 0, "(?:hospital|site|cent(?:er|re)|institution|institute|clinic|klinik|krankenhaus|zentrum|hopital)"
     "(?:name|id|code)?"),
    (Role.SITE, 0, "ospedale|standort|einrichtung|etablissement|centro|spital|medicalcent(?:er|re)|datasource"),
    (Role.DEVICE, 0, "(?:us|ultrasound)?(?:device|machine|scanner|equipment|apparatus|system)(?:name|model|type)?"),
    (Role.DEVICE, 0, "gerat|geraet|gerattyp|geraetetyp|apparat|appareil|equipo|dispositivo|apparecchio"),
)  # fmt: skip
_PATTERNS: Final = tuple((role, rank, re.compile(pattern)) for role, rank, pattern in _KNOWN)
_LONGEST: Final = 40
"""Letters of a name that is looked at: the patterns take long over longer ones."""
_MAKER: Final = "manufacturer maker make vendor brand hersteller fabricant fabricante produttore"
_MODEL: Final = "model modelname modell manufacturermodelname manufacturermodel modele modelo modello"
_MAYBE_PATIENT: Final = re.compile(
    f"{_NUMBER}|(?:study|studien|exam|examination|record|accession|visit|series|lesion|slide|sample|specimen|untersuchung)"
    f"{_NUMBER}*|initials|surname|name"
)


def folded(name: str) -> str:
    """A name without case, accents, blanks and punctuation: `Patient-Nr.` becomes `patientnr`."""
    plain = unicodedata.normalize("NFKD", name.replace("#", "no").replace("№", "no").casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def rank_of(name: str, role: Role) -> int | None:
    """How surely a column of this name has a role, 0 best; None if its name does not say so."""
    plain = folded(name)
    if len(plain) > _LONGEST:
        return None
    return next((rank for known, rank, pattern in _PATTERNS if known is role and pattern.fullmatch(plain)), None)


def is_maker(name: str) -> bool:
    """True if a column names the maker of a machine."""
    return folded(name) in _MAKER.split()


def is_model(name: str) -> bool:
    """True if a column names the model of a machine."""
    return folded(name) in _MODEL.split()


def may_be_patient(name: str) -> bool:
    """True if a column might tell patients apart, though its name usually means something else."""
    plain = folded(name)
    return len(plain) <= _LONGEST and bool(_MAYBE_PATIENT.fullmatch(plain))
