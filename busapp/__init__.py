"""busapp: a desktop workbench for breast-ultrasound research. Research use only, not a medical device."""

import os

__version__ = "0.1.0"

# Pillow reads this when it is first imported. It keeps up to four freed blocks (at most 16 MiB each) for the next
# pictures. Without, a tenth of the time of an import goes into getting memory from the system and giving it back.
os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
