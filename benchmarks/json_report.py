"""Where the numbers of a benchmark go: `--json FILE|-`."""

import json
from pathlib import Path
from typing import Any


def write(result: dict[str, Any], target: str) -> None:
    """As JSON into a file, or for `-` to standard output."""
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
