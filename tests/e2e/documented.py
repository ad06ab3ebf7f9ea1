"""The programs and commands in docs, to be run as they are written."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def blocks(document: str, language: str, section: str = "") -> list[str]:
    """Return the code blocks of a language in a document, or in the section with that heading alone."""
    text = (DOCS / document).read_text(encoding="utf-8")
    if section:
        text = re.split(r"^## ", text.split(f"\n## {section}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def block(document: str, language: str, section: str = "") -> str:
    """Return the only such code block."""
    [found] = blocks(document, language, section)
    return found
