"""Python values as Arrow arrays of one value: how parameters travel."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from . import errors

Parameters = Sequence[Any] | Mapping[str, Any] | None
"""In order for ``?`` and ``$1``; by name for ``:name``."""


def to_array(value: Any, place: str) -> pa.Array:
    """Give an array that holds `value` alone.

    Args:
        value: anything that pyarrow takes; a NumPy or pandas scalar; a UUID.
        place: names the parameter in the error.

    Raises:
        InterfaceError: pyarrow has no type for it.
    """
    if isinstance(value, pa.Scalar):
        return pa.array([value.as_py()], type=value.type)
    if isinstance(value, uuid.UUID):
        value = str(value)
    elif type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "item"):
        value = value.item()
    elif hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    try:
        return pa.array([value])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        message = f"parameter {place} is {type(value).__name__}, which no column can hold"
        raise errors.InterfaceError(
            message, "Give a number, a text, bytes, a date or time, or a pyarrow scalar."
        ) from error


def to_arrays(params: Parameters) -> list[pa.Array] | dict[str, pa.Array] | None:
    """Give an array of one value per parameter.

    Raises:
        InterfaceError: neither a sequence nor a mapping was given, or a value has no type.
    """
    if params is None:
        return None
    if isinstance(params, Mapping):
        return {str(name): to_array(value, f":{name}") for name, value in params.items()}
    if isinstance(params, str | bytes) or not isinstance(params, Sequence):
        hint = "Write params=[value] for ?, params={'name': value} for :name."
        raise errors.InterfaceError(f"params is {type(params).__name__}, not a list or a dictionary", hint)
    return [to_array(value, f"{place}") for place, value in enumerate(params, 1)]
