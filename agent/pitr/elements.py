"""A BSON document as its elements, every value kept as the very bytes it came in.

Decoding to Python and back is not lossless (symbols, odd dates, broken text, DBRefs). So what the log does
to a document is done to its bytes. An element is its type's byte, its name, a NUL, and its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct, error
from typing import NoReturn

from agent.errors import BackupDamaged

DOCUMENT, ARRAY = 0x03, 0x04
EMPTY = b"\x05\0\0\0\0"

_INT = Struct("<i")
_int_at = _INT.unpack_from
_FIXED = {
    0x01: 8,  # double
    0x06: 0,  # undefined
    0x07: 12,  # ObjectId
    0x08: 1,  # bool
    0x09: 8,  # date
    0x0A: 0,  # null
    0x10: 4,  # int32
    0x11: 8,  # timestamp
    0x12: 8,  # int64
    0x13: 16,  # decimal128
    0x7F: 0,  # max key
    0xFF: 0,  # min key
}
# Bytes that the length at a value's beginning does not count.
_COUNTED = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5, 0x0D: 4, 0x0E: 4, 0x0F: 0}


def fields(doc: bytes) -> dict[bytes, bytes]:
    """Return the elements of a document by name.

    Raises:
        BackupDamaged: this is no BSON.
    """
    found = {}
    at, end = 4, len(doc) - 1
    if end < at or _int_at(doc, 0)[0] != len(doc):
        _refuse(doc)
    fixed, find = _FIXED, doc.index
    try:
        while at < end:
            kind = doc[at]
            stop = find(0, at + 1) + 1
            size = fixed.get(kind)
            after = stop + (_size(doc, kind, stop) if size is None else size)
            found[doc[at + 1 : stop - 1]] = doc[at:after]
            at = after
    except (ValueError, error, IndexError):
        _refuse(doc)
    if at != end:
        _refuse(doc)
    return found


def _size(doc: bytes, kind: int, at: int) -> int:
    counted = _COUNTED.get(kind)
    if counted is not None:
        size: int = _int_at(doc, at)[0] + counted
    elif kind == 0x0B:  # a regular expression is two C strings
        size = doc.index(0, doc.index(0, at) + 1) + 1 - at
    elif kind == 0x0C:  # a DBPointer is a string and an ObjectId
        size = _int_at(doc, at)[0] + 16
    else:
        _refuse(doc)
    return size if size >= 0 else _refuse(doc)


def document(elements: Iterable[bytes]) -> bytes:
    """Return the document of these elements."""
    body = b"".join(elements)
    return _INT.pack(len(body) + 5) + body + b"\0"


def element(name: bytes, like: bytes) -> bytes:
    """Return the element called `name` with the type and value of another."""
    return like[:1] + name + like[like.index(0, 1) :]


def value(of: bytes) -> bytes:
    """Return the value of an element."""
    return of[of.index(0, 1) + 1 :]


def text(of: bytes) -> bytes:
    """Return the UTF-8 bytes of an element that is a string."""
    return value(of)[4:-1]


def inner(elements: Mapping[bytes, bytes], name: bytes) -> dict[bytes, bytes]:
    """Return the elements of the document or array called `name`; none where there is no such thing."""
    found = elements.get(name)
    if found is None or found[0] not in (DOCUMENT, ARRAY):
        return {}
    raw = value(found)
    return fields(raw) if len(raw) > len(EMPTY) else {}


def id_of(doc: bytes) -> bytes:
    """Return the element `_id`: a document's key, the same bytes in a change and in the collection.

    Raises:
        BackupDamaged: it has none.
    """
    # MongoDB stores _id first, whatever the client sent.
    if doc[5:9] == b"_id\0":
        kind = doc[4]
        size = _FIXED.get(kind)
        if size is None:
            size = _size(doc, kind, 9)
        return doc[4 : 9 + size]
    found = fields(doc).get(b"_id")
    if found is None:
        raise BackupDamaged(f"Expected a document with an _id, found {doc[:60]!r}.")
    return found


def _refuse(doc: bytes) -> NoReturn:
    raise BackupDamaged(f"Expected a BSON document, found {len(doc)} bytes that begin with {doc[:40]!r}.")
