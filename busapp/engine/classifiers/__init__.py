"""The classifiers: torch lives here, and only here."""

import os

# torch's threads wait for each other by spinning. Beside a window or another program that takes a core they spin more
# than they work: a small network was measured to need three times the time. Asleep they cost 10 % where they are alone.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
