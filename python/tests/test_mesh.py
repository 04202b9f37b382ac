"""The mesh in process and over the wire: the same words, the same answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import eventually
from pyarrow import parquet

import meshweave
from meshweave import errors


def test_products_are_listed_and_found(mesh: meshweave.Mesh) -> None:
    products = mesh.products()
    assert products.names == sorted(products.names)
    assert len(products) == len(mesh) > 20
    assert mesh.products("commerce.%").names == ["commerce.order_events", "commerce.orders"]
    versions = [p.version for p in mesh.products("commerce.orders", all_versions=True)]
    assert versions == ["1.0.0", "2.0.0"]
    assert "commerce.orders" in mesh
    assert "commerce.nothing" not in mesh
    assert "customer.customer_lifetime_value" in mesh, "names fold as in SQL"


def test_a_product_tells_its_contract(mesh: meshweave.Mesh) -> None:
    product = mesh["commerce.orders"]
    assert (product.name, product.version, product.owner) == ("commerce.orders", "2.0.0", "commerce-engineering")
    assert product.columns[0].name == "order_id"
    assert product.columns[0].key_position == 1
    assert {column.table for column in product.columns} == {"orders", "items"}
    assert product.freshness == "PT15M"
    assert "Replaces major 1" in (product.description or "")
    assert product.contract["id"]["name"]["product"] == "orders"
    assert "order_id" in product.contract_text
    assert product.sample(3).num_rows == 3
    assert mesh["commerce.orders@1"].version == "1.0.0"
    assert mesh["commerce.orders@1"].columns[0].name == "orderId"
    assert mesh["commerce.orders@1"].sample(2).column_names[0] == "orderId"
    assert product.sql("status", where="total > 100").columns == ["status"]


def test_what_is_not_there_is_told_with_what_lies_nearby(mesh: meshweave.Mesh) -> None:
    with pytest.raises(errors.NotFoundError, match=r"commerce\.orders") as caught:
        mesh["commerce.ordes"]
    assert isinstance(caught.value, LookupError)
    with pytest.raises(errors.NotFoundError):
        mesh["commerce.orders@7"]


def test_search_finds_names_and_columns(mesh: meshweave.Mesh) -> None:
    hits = mesh.search("parcel weight")
    assert [hit.product for hit in hits][:1] == ["logistics.shipments"]
    assert {place["kind"] for place in hits[0].places} <= {"name", "tag", "column", "description", "owner"}
    assert mesh.search("customer")[0].score >= mesh.search("customer")[-1].score
    assert len(mesh.search("nosuchword")) == 0


@pytest.mark.parametrize("words", ["parcel weight", "shipmnets", "custmer email", "orders", "zzzz", ""])
def test_a_search_finds_the_same_both_ways(words: str, opened: meshweave.Mesh, connected: meshweave.Mesh) -> None:
    hits = list(opened.search(words))
    assert list(connected.search(words)) == hits
    assert bool(hits) == (words not in ("zzzz", "")), "typing mistakes are forgiven"


def test_an_answer_is_what_its_products_held(mesh: meshweave.Mesh) -> None:
    answer = mesh.sql("SELECT status, count(*) AS n FROM commerce.orders GROUP BY status ORDER BY status")
    assert answer.columns == ["status", "n"]
    assert answer.products == ["commerce.orders@2"]
    assert answer.versions["v"] == 1
    table = answer.to_arrow()
    assert sum(table["n"].to_pylist()) == 4000
    first = answer.query_id
    assert first is not None
    assert answer.to_pandas()["n"].sum() == 4000
    assert answer.to_polars()["n"].sum() == 4000
    assert answer.to_duckdb().aggregate("sum(n)").fetchall() == [(4000,)]
    assert sum(batch.num_rows for batch in answer) == table.num_rows
    assert answer.to_pylist() == table.to_pylist()
    assert pa.table(answer) == table
    assert pa.schema(answer) == answer.schema
    assert answer.query_id not in (None, first), "each reading is a query of its own"


def test_parameters_are_bound_by_place_and_by_name(mesh: meshweave.Mesh) -> None:
    by_place = mesh.sql(
        "SELECT count(*) AS n FROM commerce.orders WHERE total > ? AND status = ?", [100, "paid"]
    ).to_pylist()
    by_name = mesh.sql(
        "SELECT count(*) AS n FROM commerce.orders WHERE total > :least AND status = :s", {"least": 100, "s": "paid"}
    ).to_pylist()
    assert by_place == by_name
    assert by_place[0]["n"] > 0
    nasty = "'; DROP TABLE commerce.orders; --"
    assert mesh.sql("SELECT count(*) AS n FROM commerce.orders WHERE status = ?", [nasty]).to_pylist() == [{"n": 0}]
    with pytest.raises(errors.InvalidQueryError):
        mesh.sql("SELECT ? + ?", [1]).to_arrow()


def test_wrong_parameters_are_refused_before_they_travel(opened: meshweave.Mesh) -> None:
    with pytest.raises(errors.InterfaceError, match="object"):
        opened.sql("SELECT ?", [object()])
    with pytest.raises(errors.InterfaceError, match="str"):
        opened.sql("SELECT ?", "abc")


def test_plans_name_products_and_what_was_pushed(mesh: meshweave.Mesh) -> None:
    plan = mesh.sql("SELECT order_id FROM logistics.shipments WHERE carrier = 'Ruckzuck'").explain()
    assert "pushed exactly: carrier" in plan["logistics.shipments@1"]
    assert "physical_plan" in plan
    assert str(plan).startswith("logistics.shipments@1\n")
    analyzed = mesh.sql("SELECT count(*) FROM logistics.shipments").explain(analyze=True)
    assert "requests" in analyzed["totals"]


def test_every_kind_of_error_has_its_class(mesh: meshweave.Mesh) -> None:
    with pytest.raises(errors.NotFoundError, match="hint: Did you mean note") as caught:
        mesh.sql("SELECT nope FROM commerce.orders")
    assert caught.value.hint == "Did you mean note?"
    assert caught.value.query_id
    with pytest.raises(errors.InvalidQueryError):
        mesh.sql("SELEC 1")
    with pytest.raises(errors.UnsupportedError):
        mesh.sql("SELECT * FROM commerce.orders TABLESAMPLE SYSTEM (10)")
    with pytest.raises(errors.UnsupportedError, match="read-only"):
        mesh.sql("DELETE FROM commerce.orders")


def test_kinds_and_classes_are_the_engines() -> None:
    words = "not_found invalid_query invalid_contract breaking_change invalid_configuration unauthenticated denied"
    words += " contract_broken unavailable exhausted cancelled timed_out unsupported internal"
    assert sorted(errors.KINDS) == sorted(words.split())
    for word, kind in errors.KINDS.items():
        error = kind("what failed", "Do this.", "a.b", "q", ["x:1: wrong"])
        assert error.kind == word
        assert str(error) == "what failed\n  x:1: wrong\nhint: Do this."
        assert error.__reduce__()[1] == ("what failed", "Do this.", "a.b", "q", ["x:1: wrong"])


def test_an_error_while_rows_come_is_ours(mesh: meshweave.Mesh) -> None:
    answer = mesh.sql("SELECT 1 / (total - total) FROM commerce.orders WHERE total IS NOT NULL")
    for read in (answer.to_arrow, lambda: list(answer), answer.to_pandas):
        with pytest.raises(errors.InvalidQueryError, match="zero"):
            read()


def test_time_limits_are_errors_of_their_own(opened: meshweave.Mesh) -> None:
    product = "SELECT count(*) FROM sales.lineitem a JOIN sales.lineitem b ON a.l_linestatus = b.l_linestatus"
    with pytest.raises(errors.TimedOutError):
        opened.sql(product, timeout=0.2).to_arrow()


def test_the_policy_applies(made: Path) -> None:
    with meshweave.open(made, principal="guest@nobody") as mesh:
        assert "identity.customers" in mesh, "it may be found"
        with pytest.raises(errors.DeniedError, match="hint: Ask the owner, identity-platform") as caught:
            mesh.sql("SELECT * FROM identity.customers")
        assert caught.value.product == "identity.customers"
    with meshweave.open(made) as mesh:
        assert "identity.login_events" not in mesh
        with pytest.raises(errors.NotFoundError):
            mesh.sql("SELECT * FROM identity.login_events")


def test_there_must_be_a_mesh(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidConfigurationError, match=r"mesh\.yaml"):
        meshweave.open(tmp_path)


def test_the_environment_names_the_mesh(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESHWEAVE_MESH", os.fspath(made))
    monkeypatch.chdir(tmp_path)
    with meshweave.open() as mesh:
        assert "commerce.orders" in mesh
    monkeypatch.delenv("MESHWEAVE_MESH")
    monkeypatch.chdir(made / "domains")
    with meshweave.open() as mesh:
        assert "commerce.orders" in mesh


def test_use_after_close_is_a_clear_error(made: Path) -> None:
    mesh = meshweave.open(made)
    answer = mesh.sql("SELECT * FROM commerce.orders")
    batches = answer.batches()
    next(batches)
    mesh.close()
    mesh.close()
    for use in (lambda: mesh.sql("SELECT 1"), answer.to_arrow, mesh.products, lambda: mesh.search("x")):
        with pytest.raises(errors.ClosedError, match="was closed"):
            use()
    with pytest.raises(errors.CancelledError):
        list(batches)


def test_an_earlier_answer_is_replayed(own: Path) -> None:
    from deltalake import write_deltalake

    place = own / "data" / "logistics" / "shipments" / "v1"
    tables = [path.parent for path in place.rglob("_delta_log")]
    with meshweave.open(own) as mesh:
        count = "SELECT count(*) AS n FROM logistics.shipments"
        before = mesh.sql(count)
        rows = before.to_pylist()
        some = pa.table(mesh.sql("SELECT * FROM logistics.shipments LIMIT 5"))
        write_deltalake(tables[0], some, mode="append")
        assert mesh.sql(count).to_pylist() == [{"n": rows[0]["n"] + 5}]
        assert before.to_pylist() == rows, "an answer reads what it was made of"
        for versions in (before, before.versions, json.dumps(before.versions)):
            then = mesh.at(versions)
            assert then.sql(count).to_pylist() == rows
            assert then.sql(count).versions == before.versions
        assert "earlier" in repr(mesh.at(before))


def test_an_answer_is_written_whole_or_not_at_all(mesh: meshweave.Mesh, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    answer = mesh.sql("SELECT order_id, total FROM commerce.orders")
    assert answer.write_parquet(path, compression="zstd") == 4000
    assert parquet.read_table(path).num_rows == 4000
    broken = mesh.sql("SELECT 1 / (total - total) AS x FROM commerce.orders WHERE total IS NOT NULL")
    with pytest.raises(errors.InvalidQueryError):
        broken.write_parquet(path)
    assert parquet.read_table(path).num_rows == 4000
    assert [entry.name for entry in tmp_path.iterdir()] == ["orders.parquet"]


def test_versions_are_chosen_by_hand(mesh: meshweave.Mesh) -> None:
    count = "SELECT count(*) AS n, max(shipped_at) AS latest FROM logistics.shipments"
    travelled = mesh.sql(f"{count} VERSION AS OF 1").to_pylist()
    then = mesh.at({"logistics.shipments@1": {"delta": 1}}).sql(count)
    assert then.versions["products"] == {"logistics.shipments@1": {"delta": 1}}
    assert then.to_pylist() == travelled
    assert "delta 1" in then.explain()["logistics.shipments@1"]
    assert mesh.sql(count).versions != then.versions
    with pytest.raises(errors.Error, match="99"):
        mesh.at({"logistics.shipments@1": {"delta": 99}}).sql(count).to_arrow()


def test_statements_are_found_in_the_log_under_their_id(mesh: meshweave.Mesh) -> None:
    answer = mesh.sql("SELECT count(*) AS found_in_the_log FROM reference.nation", purpose="tests")
    answer.to_arrow()
    written = "SELECT purpose, rows FROM mesh.queries WHERE query_id = ? AND outcome = 'finished'"
    eventually(lambda: len(mesh.sql(written, [answer.query_id]).to_pylist()) > 0)
    assert mesh.sql(written, [answer.query_id]).to_pylist() == [{"purpose": "tests", "rows": 1}]
