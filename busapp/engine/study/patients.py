"""Pseudonyms of patients: keyed hashes, so that images of one patient stay together and nobody learns who it is.

A plain hash of a patient number could be reversed by trying all numbers. The keyed hash needs a key that lies in the
user's own folder and never in a study, so that a copy of a study reveals nothing.
"""

import hashlib
import hmac
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

from busapp import paths
from busapp.engine.utils.files import space_is_needed
from busapp.engine.utils.words import many
from busapp.errors import UserError

KEY_BYTES: Final = 32
_LONGEST_NUMBER: Final = 16
"""Digits of a patient's number with all zeros in front."""
_SURE_FROM: Final = 4
"""Digits, without zeros in front, from which on a number is no counter that starts again in every set."""
_LARGE_SHARE: Final = 0.1
_FEWEST_LARGE: Final = 10
_NEARLY_ALL: Final = 0.9
_FEW: Final = 0.3
"""Share of all images, and number of them, from which on one patient's images are remarkable."""


class DamagedPatientKey(UserError):
    """The file with the key for patients cannot be read. It stays as it is."""


def pseudonym(patient: str) -> str:
    """The pseudonym under which a patient is stored: `<6 hex that name the key>:<20 hex of HMAC-SHA256>`.

    Ignores case and the number of spaces. The same patient has the same pseudonym in every study of this user.

    Raises:
        DamagedPatientKey: the key cannot be read.
        NoSpace: there is no key yet, and it cannot be written.
    """
    return _pseudonym(patient, _key())


def normalised(patient: str) -> str:
    """A patient's number or name in the form that counts: case and the number of spaces do not matter."""
    return " ".join(patient.casefold().split())


def are_two(one: str | None, other: str | None) -> bool:
    """True if two patients are known, and are not the same one."""
    return one is not None and other is not None and normalised(one) != normalised(other)


def _pseudonym(patient: str, key: bytes) -> str:
    return f"{_name_of(key)}:{hmac.new(key, normalised(patient).encode(), hashlib.sha256).hexdigest()[:20]}"


class KnownPatients:
    """Pseudonyms for the patients of one import. Several threads may ask at once.

    A spreadsheet takes the zeros off 0004711. A number that is new to the study, but known with other zeros in front,
    is taken for the known one. This holds from four digits on. If all such numbers have the same length with their
    zeros, shorter ones among `named` are filled up to that length, too.

    `joined` counts patients taken for known ones. `unclear` counts those that fit several known ones: they stay apart.
    """

    def __init__(self, known: Iterable[str], named: Iterable[str]) -> None:
        """`known` are pseudonyms in the study, `named` the patients as tables or file names give them.

        Raises:
            DamagedPatientKey, NoSpace: as `pseudonym`.
        """
        self._known = set(known)
        self._lock = Lock()
        self._found: dict[str, str] = {}
        self.joined = self.unclear = 0
        named = set(named)
        widths = {width for patient in named for width in self._widths(patient)}
        short = {patient for patient in named if patient.isdecimal() and len(patient.lstrip("0")) < _SURE_FROM}
        for patient in named - short:
            self.pseudonym(patient)
        for patient in short:
            self._found[patient] = self._filled(patient, widths)
        self._known.update(self._found.values())

    @cached_property
    def _key(self) -> bytes:
        return _key()

    def _own(self, patient: str) -> str:
        return _pseudonym(patient, self._key)

    def pseudonym(self, patient: str) -> str:
        """The pseudonym of a patient, as `patients.pseudonym`, or that of a known one."""
        with self._lock:
            if patient not in self._found:
                widths = self._widths(patient)
                self.unclear += len(widths) > 1
                self._found[patient] = self._filled(patient, widths)
            return self._found[patient]

    def _widths(self, patient: str) -> set[int]:
        """Lengths with zeros in front at which the study knows a number that it does not know as it is."""
        plain = patient.lstrip("0")
        is_number = patient.isascii() and patient.isdecimal() and _SURE_FROM <= len(plain) <= _LONGEST_NUMBER
        if not self._known or not is_number or self._own(patient) in self._known:
            return set()
        lengths = range(len(plain), _LONGEST_NUMBER + 1)
        return {length for length in lengths if self._own(plain.zfill(length)) in self._known}

    def _filled(self, patient: str, widths: Collection[int]) -> str:
        own = self._own(patient)
        if len(widths) != 1 or own in self._known:
            return own
        other = self._own(patient.lstrip("0").zfill(min(widths)))
        self.joined += other in self._known
        return other if other in self._known else own


def remarkable(images: Iterable[tuple[str | None, str]]) -> list[str]:
    """Sentences about patients who look wrong: one with more than a tenth of all images (and at least 10), and those
    with images in several classes. Wrong patients either split one person, or join many into one. Another sentence
    says if a few patients have nearly all images: then a test by patients says little about others.

    `images` gives patient and class of each image; the patient is None if it is not known.
    """
    counts: Counter[str] = Counter()
    classes: defaultdict[str, set[str]] = defaultdict(set)
    total = 0
    for patient, class_name in images:
        total += 1
        if patient is not None:
            called = normalised(patient)
            counts[called] += 1
            classes[called].add(class_name)
    large = [count for count in counts.values() if count >= _FEWEST_LARGE and count > _LARGE_SHARE * total]
    sentences = []
    if large:
        most = f"{max(large):,} of {total:,} images ({100 * max(large) / total:.1f} %)"
        whose = (
            f"One patient has {most}."
            if len(large) == 1
            else (f"{len(large)} patients have more than a tenth of all images each, the largest {most}.")
        )
        sentences.append(f"{whose} Check that the number in their place names a single person.")
    few, share = _few_have_nearly_all(counts)
    if few:
        sentences.append(
            f"{few} of {many(len(counts), 'patient')} have {100 * share:.1f} % of all images of patients. What is "
            "measured here holds for these few, whatever the number of images."
        )
    several = sum(len(names) > 1 for names in classes.values())
    if several:
        verb = "has" if several == 1 else "have"
        sentences.append(f"{many(several, 'patient')} {verb} images in several classes.")
    return sentences


def _few_have_nearly_all(counts: Mapping[str, int]) -> tuple[int, float]:
    """The smallest number of patients who have nearly all images, and their share; 0 if that is not a small part of
    the patients."""
    total = sum(counts.values())
    if total < _FEWEST_LARGE:
        return 0, 0.0
    held = 0
    for number, count in enumerate(sorted(counts.values(), reverse=True), start=1):
        held += count
        if held >= _NEARLY_ALL * total:
            return (number, held / total) if number <= _FEW * len(counts) else (0, 0.0)
    return 0, 0.0


def made_with_another_key(pseudonyms: Iterable[str]) -> bool:
    """True if any of these was made with another key (on another computer or by another user), under which the same
    patients have other pseudonyms.

    Raises:
        DamagedPatientKey: the key cannot be read.
    """
    names = {pseudonym.partition(":")[0] for pseudonym in pseudonyms}
    return bool(names) and names != {_name_of(_key())}


def _name_of(key: bytes) -> str:
    return hashlib.sha256(b"busapp names this key\0" + key).hexdigest()[:6]


def _key() -> bytes:
    path = paths.user_data_dir() / "patients.key"
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise DamagedPatientKey(
            "The key for patients cannot be read or written",
            file=path,
            remedy="Check that you may read and write this folder.",
        ) from error
    if len(key) != KEY_BYTES:
        raise DamagedPatientKey(
            "The key for patients is damaged",
            file=path,
            remedy="Restore the file from a backup. If there is none, move it away. The program then makes a new key "
            "and does not recognise patients that were imported before.",
        )
    return key


def _make(path: Path) -> None:
    """Write a new key that only this user may read, unless another process was faster."""
    with space_is_needed(path):
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
                stream.write(secrets.token_bytes(KEY_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
            _move_unless_there(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _move_unless_there(aside: Path, path: Path) -> None:
    """Move the file into place. Unlike `replace`, this never overwrites a key that another process already uses."""
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return
    except OSError:  # a file system without links, such as FAT
        if not path.exists():
            aside.replace(path)
