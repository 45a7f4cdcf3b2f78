"""Characters that nobody can see, as in names of files."""

import unicodedata
from typing import Final

_JOINERS: Final = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def spelt(letter: str) -> str:
    """A character by its number: `⟨U+200B⟩`."""
    return f"⟨U+{ord(letter):04X}⟩"


def visible(text: str) -> str:
    """The text in composed form, with every character spelt out that nobody can see or that stands for nothing, such as
    line breaks and halves of characters. So two names that differ never look the same."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(
        letter if _is_visible(letter, letters[:place][-1:]) else spelt(letter) for place, letter in enumerate(letters)
    )


def _is_visible(letter: str, before: str) -> bool:
    if letter in _JOINERS:  # letters of India and Persia change their form with them
        return unicodedata.category(before or " ")[0] in "LM" and not before.isascii()
    kind = unicodedata.category(letter)
    return kind == "Zs" or kind[0] not in "CZ"
