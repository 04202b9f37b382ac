"""The few messages of Flight that the ADBC driver hands on as bytes."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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


def app_metadata(info: bytes) -> bytes:
    """Give what a FlightInfo carries for applications."""
    return field(info, 7)


def error_facts(details: bytes) -> dict[str, str]:
    """Give the metadata of an ErrorInfo that stands in an Any: `message`, `hint`, `product`, `query_id`."""
    facts = {}
    for number, entry in fields(field(details, 2)):
        if number == 3 and isinstance(entry, bytes):
            facts[field(entry, 1).decode(errors="replace")] = field(entry, 2).decode(errors="replace")
    return facts
