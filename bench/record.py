"""Where results are kept: a JSON file each, beside the benchmark and out of git."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).with_name("results")


def write(kind: str, content: Mapping[str, Any], further: Path | None) -> None:
    """Write a result under a name of its own, and to a further file if one is given."""
    DIRECTORY.mkdir(exist_ok=True)
    text = json.dumps(content, indent=1) + "\n"
    for file in (DIRECTORY / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json", further):
        if file is not None:
            file.write_text(text)
