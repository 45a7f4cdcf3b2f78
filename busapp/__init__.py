"""busapp: a desktop workbench for breast-ultrasound research. Research use only, not a medical device."""

import os

__version__ = "0.1.0"

# This program calls no server that its user did not name. Libraries read these variables when they are imported, later
# is too late. Every window, command, worker process and script imports this package before any of them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime would write a device id and look up a host at a first session
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# Pillow reads this when it is first imported. It keeps up to four freed blocks (at most 16 MiB each) for the next
# pictures. Without, a tenth of the time of an import goes into getting memory from the system and giving it back.
os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
