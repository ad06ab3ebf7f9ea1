"""Documents in files of all formats."""

from pathlib import Path

import pytest

from registry_gateway.client.registration import dialect
from registry_gateway.sidecar import document

FOUND = {"url": "http://my-model", "info": {"id": "my-model", "tags": ["a", "b"]}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("service.json", '{"url": "http://my-model", "info": {"id": "my-model", "tags": ["a", "b"]}}'),
        ("service.TOML", 'url = "http://my-model"\n[info]\nid = "my-model"\ntags = ["a", "b"]\n'),
        ("service.yaml", "url: http://my-model\ninfo:\n  id: my-model\n  tags: [a, b]\n"),
        ("service.yml", "url: http://my-model\ninfo: {id: my-model, tags: [a, b]}\n"),
    ],
)
def test_each_format_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert document.read(tmp_path / name) == FOUND


def test_the_example_of_the_page_is_one_of_chap(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sidecar.md").read_text()
    file = tmp_path / "service.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0])
    chap = dialect.named("chap")
    whole = chap.completed(document.read(file), {})
    assert [chap.value(whole, member) for member in chap.required] == ["my-model", "My model", "http://my-model:8000"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("service.ini", b"", "its name must end with .json, .toml, .yaml, .yml"),
        ("service.json", b"{", "service.json: "),
        ("service.json", b"\xff", "service.json: "),
        ("service.json", b"[" * 100_000, "service.json: "),
        ("service.json", b"[]", "it must be an object"),
        ("service.toml", b"url", "service.toml: "),
        ("service.yaml", b"url: [", "service.yaml: "),
        ("service.yaml", b"", "it must be an object"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        document.read(tmp_path / name)
    assert "\n" not in str(caught.value)
