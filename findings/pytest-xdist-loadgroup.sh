#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` keeps no group together, and says nothing. xdist writes the group
# into the private attribute `_nodeid` of each test, which pytest 9.2 no longer reads. So tests that must share a process
# (a database, a window, a costly fixture) are spread over all workers. With pytest 9.1.1 they stay together.
# `--dist loadfile` and `loadscope` work with both.
#
# Seen, for 40 tests of one group and two workers:
#   pytest 9.1.1: 1 worker ran them; pytest 9.2.0: 2 workers did
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tests"
cat > "$work/tests/test_together.py" <<'PY'
import os
import time
from pathlib import Path

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(40))
def test_where_it_runs(number: int) -> None:
    time.sleep(0.02)
    Path(os.environ["SEEN"], os.environ["PYTEST_XDIST_WORKER"]).touch()
PY
workers_with() {
    python3 -m venv "$work/venv-$1"
    "$work/venv-$1/bin/python" -m pip install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    mkdir "$work/seen-$1"
    (cd "$work/tests" && SEEN="$work/seen-$1" "$work/venv-$1/bin/python" -m pytest -q -n 2 --dist loadgroup >/dev/null)
    find "$work/seen-$1" -type f | wc -l
}
before=$(workers_with 9.1.1)
now=$(workers_with 9.2.0)
echo "pytest 9.1.1: $before worker ran the group; pytest 9.2.0: $now workers did"
[ "$before" = 1 ] && [ "$now" = 2 ]
