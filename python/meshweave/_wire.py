"""Flight SQL messages that pyarrow has no words for, as protobuf bytes: commands that are sent, facts that come back."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SQL = "type.googleapis.com/arrow.flight.protocol.sql."


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Give number and value of each field of a protobuf message, in its order.

    Raises:
        ValueError: it is no protobuf message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if kind == _BYTES:
            size, place = _varint(message, place)
        if size < 0 or place + size > len(message):
            raise ValueError("this is no protobuf message")
        yield number, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("this is no protobuf message")


def field(message: bytes, wanted: int) -> bytes:
    """Give the last value of a field; empty when it is not there."""
    found = b""
    for number, value in fields(message):
        if number == wanted and isinstance(value, bytes):
            found = value
    return found


def number(message: bytes, wanted: int) -> int:
    """Give the last value of a whole number; 0 when it is not there."""
    found = 0
    for place, value in fields(message):
        if place == wanted and isinstance(value, int):
            found = value
    return found


def message(*parts: tuple[int, bytes | str | int]) -> bytes:
    """Give a message of these fields: number and value, in this order."""
    written = bytearray()
    for place, value in parts:
        if isinstance(value, int):
            written += _bare(place << 3 | _VARINT) + _bare(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            written += _bare(place << 3 | _BYTES) + _bare(len(content)) + content
    return bytes(written)


def _bare(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def sql(name: str, *parts: tuple[int, bytes | str | int]) -> bytes:
    """Give a message of Flight SQL's with its name around it, as commands and actions have it."""
    return message((1, _SQL + name), (2, message(*parts)))


def inside(packed: bytes) -> bytes:
    """Give the message that has its name around it."""
    return field(packed, 2)


def error_facts(status: bytes) -> dict[str, str]:
    """Give what a failure's details say: `message`, `hint`, `product`, `query_id`.

    Args:
        status: a ``google.rpc.Status`` with one ``ErrorInfo``.

    Raises:
        ValueError: it is something else.
    """
    facts = {}
    for place, entry in fields(inside(field(status, 3))):
        if place == 3 and isinstance(entry, bytes):
            facts[field(entry, 1).decode(errors="replace")] = field(entry, 2).decode(errors="replace")
    return facts
