"""Words that stand in place of a patient's number but name nobody. Tables and DICOM files share this list.

Taken literally, such a word would make one patient of everyone whose number was removed.
"""

import re
import unicodedata
from typing import Final

_WRITTEN_BY_PROGRAMS: Final = "na nan nat nil none null void empty blank missing undefined unset"
_WRITTEN_BY_PEOPLE: Final = """
    unknown unk unspecified unnamed noname noid nopatient notapplicable notavailable notknown notgiven notspecified
    nodata tbd anon anonym anonymous anonymus anonymised anonymized anonymisedpatient anonymizedpatient anonymouspatient
    anonpatient patientanonymous deidentified deid removed deleted redacted masked hidden withheld nobody noone patient
    patientid patientname name id test dummy johndoe janedoe
    unbekannt anonymisiert ka keineangabe ohne keine keiner leer entfernt inconnu inconnue anonyme desconocido
    desconocida anonimo anonima ninguno sconosciuto sconosciuta ignoto nessuno desconhecido nenhum onbekend anoniem geen
    nieznany brak неизвестно неизвестный нет 未知 匿名 不明
"""
_WORDS: Final = frozenset(f"{_WRITTEN_BY_PROGRAMS} {_WRITTEN_BY_PEOPLE}".split())


def is_nobody(text: str) -> bool:
    """True if a patient's number or name names nobody: it is empty, zero, one letter repeated (`XXXX`), or a word such
    as unknown, n/a or ANONYMIZED. Case, blanks and punctuation do not count.
    """
    plain = re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).casefold())
    if plain.isdecimal():
        return int(plain) == 0
    return not plain or plain in _WORDS or (len(plain) >= 3 and len(set(plain)) == 1)
