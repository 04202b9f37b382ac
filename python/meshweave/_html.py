"""Small HTML for notebooks.

Everything that comes from data, contracts or plans is escaped here, and nothing else writes tags around foreign text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONGEST = 200
"""Characters of a cell that are shown."""

_TABLE = (
    "<style scoped>.meshweave td,.meshweave th{text-align:left;vertical-align:top;padding:.2em .6em}"
    ".meshweave td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".meshweave .m{opacity:.65}</style>"
)


def text(value: object) -> str:
    """Give the escaped text of a value."""
    from html import escape

    return escape(str(value), quote=True)


def short(value: object) -> str:
    """Give the escaped text of a value, cut where it is too long for a cell."""
    words = str(value)
    return text(words if len(words) <= LONGEST else words[: LONGEST - 1] + "…")


def cell(value: object) -> str:
    """Give one cell: numbers to the right, null in grey."""
    if value is None:
        return '<td class="m">null</td>'
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td class="n">{short(value)}</td>' if number else f"<td>{short(value)}</td>"


def table(names: Sequence[str], rows: Iterable[Sequence[object]], below: str = "", types: Sequence[str] = ()) -> str:
    """Give a table.

    Args:
        names: the columns.
        rows: values, as many as columns each.
        below: a line under the table, escaped here.
        types: a second line of the head.
    """
    head = "".join(f"<th>{short(name)}</th>" for name in names)
    kinds = "".join(f'<th class="m">{short(kind)}</th>' for kind in types)
    second = f"<tr>{kinds}</tr>" if types else ""
    body = "".join(f"<tr>{''.join(cell(value) for value in row)}</tr>" for row in rows)
    foot = f'<p class="m">{text(below)}</p>' if below else ""
    return (
        f'<div class="meshweave">{_TABLE}<table><thead><tr>{head}</tr>{second}</thead>'
        f"<tbody>{body}</tbody></table>{foot}</div>"
    )


def pairs(title: str, rows: Iterable[tuple[str, object]], below: str = "") -> str:
    """Give a title over names and values."""
    body = "".join(f"<tr><th>{short(name)}</th>{cell(value)}</tr>" for name, value in rows)
    return f'<div class="meshweave">{_TABLE}<b>{text(title)}</b><table><tbody>{body}</tbody></table>{below}</div>'


def block(title: str, words: str) -> str:
    """Give a title over a text whose lines stay as they are."""
    return f'<b>{text(title)}</b><pre style="margin:.2em 0 .8em">{text(words)}</pre>'


def fold(title: str, inner: str) -> str:
    """Give something that opens when it is clicked; `inner` is HTML made here."""
    return f'<details class="meshweave"><summary>{text(title)}</summary>{inner}</details>'
