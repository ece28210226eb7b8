"""A mapping file, for tests of what stands in one."""

from pathlib import Path


def mapping(folder: Path, text: str) -> Path:
    file = folder / "acme.yaml"
    file.write_text(text)
    return file
