"""A file of an inventory as a document, opened where Ansible Vault encrypted the whole of it."""

from __future__ import annotations

from pathlib import Path

from agent.errors import BadInventory
from agent.inventory.document import Document, parse, read_document
from agent.inventory.references import TAGS, in_vault
from agent.inventory.vault import MARK, opened


def read_source(path: Path) -> Document:
    """Return a file's data, secrets as references.

    Raises:
        BadInventory: it cannot be read, is not sound, or is encrypted and no password opens it.
    """
    try:
        with path.open("rb") as file:
            encrypted = file.read(len(MARK)) == MARK.encode()
    except OSError as problem:
        raise BadInventory(f"{path}: the file cannot be read: {problem.strerror}.") from None
    if not encrypted:
        return read_document(path, BadInventory, TAGS)
    cipher = path.read_text("ascii", "replace")
    plain = parse(opened(cipher, str(path)), str(path), BadInventory, TAGS)
    # The lines are those of the text inside, as an editor of the vault shows it.
    return Document(in_vault(cipher, str(path), plain.data), plain.file, plain.lines)
