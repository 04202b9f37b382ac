"""Notebook manners: HTML that is safe, magics, completion, the progress bar, plots."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
import pytest
from IPython.testing.globalipapp import start_ipython

import meshweave
from meshweave import _html, _magic, _progress, _text, errors
from meshweave._backend import Progress

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def shell() -> Any:
    """Give a shell with the extension."""
    shell = start_ipython()
    if shell is None:
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
    shell.run_line_magic("load_ext", "meshweave")
    return shell


def test_nothing_of_the_data_becomes_html(opened: meshweave.Mesh) -> None:
    opened.register_frame("temp.nasty", {f"<b>{SCRIPT}": [SCRIPT, None], "n": [1, 2]})
    html = opened.sql("SELECT * FROM temp.nasty")._repr_html_()
    opened.unregister_frame("temp.nasty")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert ">null<" in html
    plan = meshweave.Plan([(SCRIPT, SCRIPT)])
    assert "<script>" not in plan._repr_html_()
    hit = meshweave.Hit(SCRIPT, SCRIPT, SCRIPT, SCRIPT, 1, [{"kind": SCRIPT, "text": SCRIPT}])
    assert "<script>" not in meshweave.Hits([hit])._repr_html_()
    assert "<script>" not in _html.pairs(SCRIPT, [(SCRIPT, SCRIPT)]) + _html.fold(SCRIPT, "")
    row = dict.fromkeys(["domain", "product", "version", "status", "kind", "description", "owner_team"], SCRIPT)
    product = meshweave.Product(opened, {**row, "owner_contact": SCRIPT, "tags": SCRIPT, "tables": SCRIPT, "major": 1})
    product._told = {"says": [{"group": SCRIPT, "name": SCRIPT, "value": SCRIPT, "state": SCRIPT}]}
    assert "<script>" not in product._repr_html_()
    assert "<script>" not in meshweave.Products([product])._repr_html_()


def test_an_answer_shows_its_first_rows(mesh: meshweave.Mesh) -> None:
    html = mesh.sql("SELECT * FROM commerce.orders")._repr_html_()
    assert "the first 20 rows" in html
    assert html.count("<tr>") == 22
    assert "commerce.orders@2" in html
    assert "1 row" in mesh.sql("SELECT 1 AS one, 2 AS one2")._repr_html_()
    assert "commerce.orders" in mesh._repr_html_()
    assert "order_id" in mesh["commerce.orders"]._repr_html_()
    assert "commerce.orders@2" in repr(mesh.sql("SELECT * FROM commerce.orders"))


def test_the_line_magic_gives_an_answer(shell: Any, opened: meshweave.Mesh) -> None:
    shell.user_ns.update(mesh=opened, least=100, nasty="'; DROP TABLE x; --")
    answer = shell.run_line_magic("sql", "SELECT count(*) AS n FROM commerce.orders WHERE total > :least")
    assert answer.to_pylist() == [{"n": 3700}]
    shell.run_line_magic("sql", "kept << SELECT count(*) AS n FROM commerce.orders WHERE status = :nasty")
    assert shell.user_ns["kept"].to_pylist() == [{"n": 0}]


def test_the_cell_magic_keeps_an_answer(shell: Any, opened: meshweave.Mesh) -> None:
    shell.user_ns.update(mesh=opened, least=100)
    cell = (
        "SELECT count(*) AS n -- :nothing\nFROM commerce.orders\nWHERE total > :least AND ':no' <> '\"' AND 1::int = 1"
    )
    assert shell.run_cell_magic("sql", "found", cell) is None
    assert shell.user_ns["found"].to_pylist() == [{"n": 3700}]
    assert shell.run_cell_magic("sql", "", "SELECT 1 AS one").to_pylist() == [{"one": 1}]
    with pytest.raises(errors.InterfaceError, match="no name"):
        shell.run_cell_magic("sql", "not a name", "SELECT 1")


def test_a_variable_that_is_missing_is_told(shell: Any, opened: meshweave.Mesh) -> None:
    shell.user_ns["mesh"] = opened
    with pytest.raises(errors.InterfaceError, match=":nowhere has no value"):
        shell.run_line_magic("sql", "SELECT :nowhere")


def test_without_a_variable_the_last_mesh_is_meant(opened: meshweave.Mesh, made: Any) -> None:
    with meshweave.open(made) as latest:
        assert _magic.current({}) is latest
        assert _magic.current({"mesh": opened}) is opened


def test_names_are_completed(shell: Any, opened: meshweave.Mesh) -> None:
    assert _magic.completions(opened, "SELECT * FROM commerce.or") == ["commerce.order_events", "commerce.orders"]
    assert "logistics" in _magic.completions(opened, "SELECT * FROM logis")
    assert _magic.completions(opened, "SELECT * FROM commerce.orders WHERE customer_") == ["customer_id"]
    assert _magic.completions(opened, "SEL") == ["SELECT"]
    assert _magic.completions(opened, "SELECT 1 ") == []
    shell.user_ns["mesh"] = opened
    with __import__("IPython").core.completer.provisionalcompleter():
        text = "%%sql\nSELECT *\nFROM commerce.ord"
        found = {completion.text for completion in shell.Completer.completions(text, len(text))}
    assert "commerce.orders" in found
    assert "commerce.orders" in opened._ipython_key_completions_()


def test_parameters_are_found_where_they_are() -> None:
    check = {
        "SELECT :a, :b, :a": ["a", "b"],
        "SELECT ':a', \":b\" -- :c": [],
        "SELECT /* :a */ x::int, :b": ["b"],
        "SELECT 'it''s :a', :c": ["c"],
        "SELECT $$:a$$, :d": ["d"],
        "SELECT a[1:2]": [],
    }
    for text, names in check.items():
        assert _text.named_parameters(text) == names, text
    assert _text.tables_in('SELECT * FROM a.b JOIN "c"."d@1" ON \'FROM x.y\' = 1') == ["a.b", '"c"."d@1"']


def test_the_extension_can_be_taken_back(shell: Any) -> None:
    shell.run_line_magic("unload_ext", "meshweave")
    assert "sql" not in shell.magics_manager.magics["line"]
    assert _magic.complete not in shell.Completer.custom_matchers
    shell.run_line_magic("load_ext", "meshweave")
    assert "sql" in shell.magics_manager.magics["cell"]


class Bar:
    """Stands in for tqdm's bar, and keeps what it was told."""

    made: ClassVar[list[Bar]] = []

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.n = 0
        self.beside: dict[str, str] = {}
        Bar.made.append(self)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.closed = True

    def set_postfix(self, beside: dict[str, str], refresh: bool) -> None:
        self.beside = beside


def test_long_queries_show_a_bar(opened: meshweave.Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    import tqdm.auto

    Bar.made.clear()
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    monkeypatch.setattr(_progress, "PATIENCE", 0.0)
    monkeypatch.setattr(_progress, "EVERY", 0.001)
    monkeypatch.setattr(meshweave.options, "progress", True)
    answer = opened.sql(
        "SELECT l_orderkey, count(*) AS n FROM sales.lineitem JOIN sales.orders ON o_orderkey = l_orderkey GROUP BY 1"
    )
    rows = answer.to_arrow().num_rows
    assert len(Bar.made) == 1
    bar = Bar.made[0]
    assert bar.closed
    assert bar.options["desc"] == "sales.lineitem, sales.orders"
    assert 0 <= bar.n <= rows
    assert set(bar.beside) == {"read", "requests"}
    monkeypatch.setattr(meshweave.options, "progress", False)
    answer.to_arrow()
    assert len(Bar.made) == 1
    assert _progress.told(Progress(0, 2048, 3, 0)) == {"read": "2.0 KiB", "requests": "3"}
    assert _progress.told(Progress(0, 0, 0, 2)) == {"waiting": "place 2"}


def test_an_answer_is_plotted_by_its_frame(opened: meshweave.Mesh) -> None:
    import matplotlib

    matplotlib.use("agg")
    axes = opened.sql("SELECT status, count(*) AS n FROM commerce.orders GROUP BY 1").plot(
        x="status", y="n", kind="bar"
    )
    assert len(axes.patches) == 4


def test_columns_of_one_name_are_shown(opened: meshweave.Mesh) -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    from meshweave._answer import _unique

    assert [list(row.values()) for row in _unique(table).to_pylist()] == [[1, 2]]
