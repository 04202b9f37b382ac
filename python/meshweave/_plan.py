"""What a statement does, product by product, as ``EXPLAIN`` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import _html


class Plan(Mapping[str, str]):
    """The plan of a statement: a text per product, then the physical plan.

    Keys are products (``commerce.orders@1``) and the plan's own titles. ``print(plan)`` shows all of it.
    """

    def __init__(self, parts: list[tuple[str, str]]) -> None:
        self._parts = [(title, words.rstrip()) for title, words in parts]

    def __getitem__(self, title: str) -> str:
        found = [words for name, words in self._parts if name == title]
        if not found:
            raise KeyError(title)
        return "\n\n".join(found)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._parts))

    def __len__(self) -> int:
        return len(dict(self._parts))

    def __str__(self) -> str:
        return "\n\n".join(f"{title}\n{words}" for title, words in self._parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f'<div class="meshweave">{"".join(_html.block(title, words) for title, words in self._parts)}</div>'
