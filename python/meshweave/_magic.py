"""``%sql`` and ``%%sql`` in notebooks.

``%sql SELECT …`` gives an answer; ``%%sql name`` over a cell keeps it in a variable. ``:name`` in the statement is the
notebook's variable of that name, bound as a parameter and never pasted. The mesh is the variable ``mesh``, else the one that
was opened last, else the one that `meshweave.open` finds.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.magic import Magics, line_cell_magic, magics_class

from . import errors
from ._answer import Answer
from ._mesh import Mesh, last
from ._text import named_parameters, tables_in, typed_name

_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*)\s*<<\s*(.*)", re.DOTALL)
_KEYWORDS = re.findall(
    r"\w+",
    "SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING UNION ALL DISTINCT "
    "WITH AS AND OR NOT IN IS NULL BETWEEN LIKE ILIKE CASE WHEN THEN ELSE END EXPLAIN ANALYZE VERSION TIMESTAMP OF",
)


@magics_class
class SqlMagics(Magics):  # type: ignore[misc, unused-ignore]
    """The magics; `load` registers them."""

    @line_cell_magic  # type: ignore[untyped-decorator, unused-ignore]
    def sql(self, line: str, cell: str | None = None) -> Answer | None:
        """Run one statement over the mesh.

        ``%sql SELECT …``, ``%sql name << SELECT …``, or a cell that begins with ``%%sql`` or ``%%sql name``.
        """
        shell: Any = self.shell
        names: dict[str, Any] = shell.user_ns
        if cell is None:
            found = _ASSIGNED.fullmatch(line)
            target, statement = (found[1], found[2]) if found else (None, line)
        else:
            target, statement = line.strip().removesuffix("<<").strip() or None, cell
            if target and not target.isidentifier():
                raise errors.InterfaceError(f"{target!r} is no name of a variable", "Write %%sql or %%sql name.")
        answer = current(names).sql(statement, bound(statement, names))
        if target is None:
            return answer
        names[target] = answer
        return None


def current(names: dict[str, Any]) -> Mesh:
    """Give the mesh that a notebook means."""
    mesh = names.get("mesh")
    if isinstance(mesh, Mesh):
        return mesh
    import meshweave

    return last() or meshweave.open()


def bound(statement: str, names: dict[str, Any]) -> dict[str, Any] | None:
    """Give the values of the statement's named parameters.

    Raises:
        InterfaceError: there is no such variable.
    """
    wanted = named_parameters(statement)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise errors.InterfaceError(f"parameter :{missing[0]} has no value", f"Set a variable {missing[0]} first.")
    return {name: names[name] for name in wanted} or None


def completions(mesh: Mesh, text: str) -> list[str]:
    """Give what may stand where `text` ends: products and their domains, columns of the products in it, keywords."""
    word = typed_name(text)
    products = mesh.products().names
    names = [*products, *dict.fromkeys(name.partition(".")[0] for name in products)]
    for table in tables_in(text):
        try:
            names += [column.name for column in mesh[table.replace('"', "")].columns]
        except errors.Error:
            continue
    if "." not in word:
        names += _KEYWORDS
    wanted = word.lower()
    return [name for name in dict.fromkeys(names) if name.lower().startswith(wanted) and wanted]


@context_matcher()  # type: ignore[untyped-decorator, unused-ignore]
def complete(context: Any) -> dict[str, Any]:
    """Complete names inside ``%sql`` and ``%%sql``."""
    from IPython.core.getipython import get_ipython

    lines = context.full_text.split("\n")[: context.cursor_line + 1]
    lines[-1] = lines[-1][: context.cursor_position]
    text = "\n".join(lines)
    shell = get_ipython()
    nothing: dict[str, Any] = {"completions": [], "suppress": False}
    if shell is None or not (text.startswith("%%sql") or re.match(r".*%sql\s", lines[-1])):
        return nothing
    mesh = shell.user_ns.get("mesh")
    mesh = mesh if isinstance(mesh, Mesh) else last()
    if mesh is None:
        return nothing
    try:
        found = completions(mesh, text)
    except errors.Error:
        return nothing
    matches = [SimpleCompletion(text=name, type="sql") for name in found]
    return {"completions": matches, "matched_fragment": typed_name(text), "suppress": bool(matches)}


def load(shell: Any) -> None:
    """Register the magics and the completion."""
    shell.register_magics(SqlMagics)
    if complete not in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.append(complete)


def unload(shell: Any) -> None:
    """Take the completion and the magics back."""
    if complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("sql", None)
