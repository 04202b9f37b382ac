"""Finding products by words in the catalog's own tables, for servers, as the engine finds them in process.

Names count most, then tags, columns, descriptions and owners; a whole word more than its start, that more than a part.
Typing mistakes are forgiven in process only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_POINTS: dict[str, tuple[int, int, int]] = {
    "name": (80, 60, 30),
    "tag": (50, 30, 15),
    "column": (40, 25, 10),
    "description": (20, 10, 5),
    "owner": (15, 8, 4),
}
"""Points for a whole word, for its start, for a part of it."""


def search(query: str, products: list[dict[str, Any]], columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the products that have every word of `query`, the best first; equal ones by name.

    Args:
        query: words, separated by anything that is no letter or digit.
        products: rows of ``mesh.products``.
        columns: rows of ``mesh.columns``.
    """
    words = _words(query)
    of_product: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for column in columns:
        of_product.setdefault((column["domain"], column["product"], column["version"]), []).append(column)
    hits = []
    for row in products:
        spots = list(_spots(row, of_product.get((row["domain"], row["product"], row["version"]), [])))
        best = [_best(word, spots) for word in words]
        if words and all(best):
            hits.append(_hit(row, [found for found in best if found]))
    return sorted(hits, key=lambda hit: (-hit["score"], hit["product"]))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _spots(row: dict[str, Any], columns: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    yield "name", f"{row['domain']}.{row['product']}"
    for tag in str(row["tags"] or "").split(","):
        yield "tag", tag.strip()
    for column in columns:
        yield "column", column["column"]
        yield "description", column["description"] or ""
    yield "description", row["description"] or ""
    yield "owner", row["owner_team"] or ""


def _best(word: str, spots: list[tuple[str, str]]) -> tuple[int, str, str] | None:
    best: tuple[int, str, str] | None = None
    for kind, text in spots:
        whole, start, part = _POINTS[kind]
        found = _words(text)
        if word in found:
            points = whole
        elif any(other.startswith(word) for other in found):
            points = start
        elif any(word in other for other in found):
            points = part
        else:
            continue
        if best is None or points > best[0]:
            best = (points, kind, text)
    return best


def _hit(row: dict[str, Any], found: list[tuple[int, str, str]]) -> dict[str, Any]:
    return {
        "product": f"{row['domain']}.{row['product']}",
        "version": row["version"],
        "owner": row["owner_team"],
        "description": row["description"],
        "score": sum(points for points, _, _ in found),
        "places": [{"kind": kind, "text": text} for _, kind, text in found],
    }
