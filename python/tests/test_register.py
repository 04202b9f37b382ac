"""Contracts are registered in process and over the wire, by the same people, with the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import serving
from store import Store

import meshweave
from meshweave import errors

Opens = Callable[[str], AbstractContextManager[meshweave.Mesh]]


@pytest.fixture(params=["in process", "over the wire"])
def opens(request: pytest.FixtureRequest, own: Path, store: Store, tmp_path: Path) -> Opens:
    """Give what opens a mesh of one's own as a principal; `web.rows` and its files are there, not registered."""
    store.fill(2, 100)
    (tmp_path / "rows.yaml").write_text(store.register(own))

    @contextmanager
    def open_as(principal: str) -> Iterator[meshweave.Mesh]:
        if request.param == "in process":
            with meshweave.open(own, principal=principal) as mesh:
                yield mesh
            return
        with serving(own, "--as", principal, LISTEN__REGISTER="true") as address, meshweave.connect(address) as mesh:
            yield mesh

    return open_as


def more(store: Store, **changes: Any) -> dict[str, Any]:
    """Give a contract as a dictionary."""
    location = f"{store.prefix}p000.parquet"
    columns = [{"name": "n", "logicalType": "integer", "physicalType": "BIGINT"}]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:web:more",
        "name": "more",
        "version": "1.0.0",
        "status": "active",
        "domain": "web",
        "dataProduct": "more",
        "servers": [{"server": "mesh", "type": "custom", "location": location, "format": "parquet"}],
        "schema": [{"name": "more", "properties": columns}],
        **changes,
    }


def view(name: str, sql: str) -> str:
    """Give the text of a view's contract."""
    return (
        f"apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: {name}\n  domain: web\n  version: 1.0.0\n"
        "  owner: { team: commerce-engineering, contact: web@example.com }\n"
        f"spec:\n  sql: {sql}\n  access: {{ discovery: public, read: public }}\n"
    )


def test_contracts_come_from_files_folders_and_dictionaries(opens: Opens, store: Store, tmp_path: Path) -> None:
    contract = tmp_path / "rows.yaml"
    with opens("ada@commerce-engineering") as mesh:
        planned = mesh.register(contract, dry_run=True)
        assert [(done.id, done.outcome) for done in planned] == [("web.rows@1.0.0", "would register")]
        assert "web.rows" not in mesh
        assert mesh.register([contract])[0].outcome == "registered"
        assert mesh.register(contract)[0].outcome == "unchanged"
        assert mesh.sql("SELECT count(*) AS n FROM web.rows").to_pylist() == [{"n": 200}]
        assert not mesh["web.rows"].contract_text.startswith("{")
        done = mesh.register(more(store))[0]
        assert (done.id, done.outcome, len(done.steps)) == ("web.more@1.0.0", "registered", 3)
        folder = tmp_path / "contracts"
        folder.mkdir()
        (folder / "a_evens.yaml").write_text(view("evens", "SELECT n FROM web.halves WHERE n % 2 = 0"))
        (folder / "halves.yaml").write_text(view("halves", "SELECT n FROM web.rows WHERE n < 100"))
        told = [(done.id, done.outcome) for done in mesh.register(folder)]
        assert told == [("web.halves@1.0.0", "registered"), ("web.evens@1.0.0", "registered")]
        assert mesh.sql("SELECT count(*) AS n FROM web.evens").to_pylist() == [{"n": 50}]


def test_every_problem_is_told_with_its_place(opens: Opens, store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: v3.1.0\nkind: DataContract\nversion: x\nstatus: nonsense\n")
    with opens("ada@commerce-engineering") as mesh:
        with pytest.raises(errors.InvalidContractError) as caught:
            mesh.register(broken)
        assert len(caught.value.problems) > 1
        assert all(problem.startswith(f"{broken}:") for problem in caught.value.problems)
        with pytest.raises(errors.InvalidContractError, match=r"contract\.json"):
            mesh.register({"apiVersion": "v3.1.0", "kind": "DataContract", "version": "x"})
        # What is right beside what is wrong is registered.
        with pytest.raises(errors.InvalidContractError):
            mesh.register([broken, tmp_path / "rows.yaml"])
        assert "web.rows" in mesh
        with pytest.raises(errors.InvalidConfigurationError, match="no contract files"):
            mesh.register(tmp_path / "web")
        with pytest.raises(errors.InvalidConfigurationError, match=r"nowhere\.yaml"):
            mesh.register(tmp_path / "nowhere.yaml")


def test_a_breaking_change_is_refused(opens: Opens, store: Store) -> None:
    with opens("ada@commerce-engineering") as mesh:
        mesh.register(more(store))
        columns = [{"name": "words", "logicalType": "string", "physicalType": "VARCHAR"}]
        with pytest.raises(errors.BreakingChangeError) as caught:
            mesh.register(more(store, version="1.1.0", schema=[{"name": "more", "properties": columns}]))
        assert caught.value.problems
        assert caught.value.product == "web.more"


def test_only_the_owners_team_registers(opens: Opens, store: Store) -> None:
    with opens("eve@nobody") as mesh, pytest.raises(errors.DeniedError, match=r"web@example\.com"):
        mesh.register(more(store))
    with opens("eve@nobody") as mesh:
        assert "web.more" not in mesh


def test_a_product_document_brings_its_contracts(opens: Opens, store: Store, tmp_path: Path) -> None:
    import json

    folder = tmp_path / "product"
    folder.mkdir()
    contract = more(store, id="more-contract")
    (folder / "more.json").write_text(json.dumps(contract))
    (folder / "product.yaml").write_text(
        "apiVersion: v1.0.0\nkind: DataProduct\nid: urn:test:web:bundle\nname: bundle\nversion: 1.0.0\nstatus: active\n"
        "domain: web\noutputPorts:\n  - { name: bundle, version: 1.0.0, contractId: more-contract }\n"
    )
    with opens("ada@commerce-engineering") as mesh:
        done = mesh.register(folder / "product.yaml")
        assert [(one.id, one.outcome) for one in done] == [("web.bundle@1.0.0", "registered")]
        assert not [warning for warning in done[0].warnings if "more-contract" in warning], "its contract was found"
        assert mesh["web.bundle"].columns[0].name == "n"


def test_a_server_takes_contracts_only_where_it_is_told_to(connected: meshweave.Mesh, store: Store) -> None:
    with pytest.raises(errors.UnsupportedError, match=r"listen\.register: true"):
        connected.register(more(store))


def test_a_contract_in_another_encoding_is_refused(connected: meshweave.Mesh, tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: für\n".encode("latin-1"))
    with pytest.raises(errors.InvalidContractError, match="UTF-8"):
        connected.register(tmp_path / "latin.yaml")
