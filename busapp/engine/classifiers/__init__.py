"""The classifiers. Of the engine, only this package, `gan` and `utils.devices` import torch."""

import os

# torch's threads wait for each other by spinning. If a window or another program takes a core, they spin more than they
# work: a small network took three times as long. Sleeping instead costs 10 % on a machine without other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
