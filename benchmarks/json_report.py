"""Write the numbers of a benchmark: `--json FILE|-`."""

import json
from pathlib import Path
from typing import Any


def write(result: dict[str, Any], target: str) -> None:
    """Write `result` as JSON to the file `target`, or to standard output if `target` is `-`."""
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
