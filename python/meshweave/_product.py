"""Products as objects: what a contract says, and what the catalog knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from . import _html

if TYPE_CHECKING:
    from ._answer import Answer
    from ._mesh import Mesh


@dataclass(frozen=True)
class Column:
    """One column of a product's table.

    Attributes:
        name: its spelling.
        type: what it holds, in the words of contracts (``string``, ``decimal(12, 2)``).
        nullable: whether the contract lets it be null.
        key_position: place in the primary key, from 1; ``None`` outside it.
        pii: whether it holds personal data; ``None`` when nothing was said.
        description: what it means.
        table: the table it stands in; the main one bears the product's name.
    """

    name: str
    type: str
    nullable: bool
    key_position: int | None = None
    pii: bool | None = None
    description: str | None = None
    table: str = ""


class Product:
    """One data product, in its newest version or in the one that was named.

    What the contract says is read when it is first asked for. Nothing here touches storage but `sample` and `sql`.
    """

    def __init__(self, mesh: Mesh, row: dict[str, Any]) -> None:
        self._mesh = mesh
        self._row = row
        self._told: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """``domain.product``."""
        return f"{self._row['domain']}.{self._row['product']}"

    @property
    def domain(self) -> str:
        """The owning domain."""
        return str(self._row["domain"])

    @property
    def version(self) -> str:
        """The version of the contract."""
        return str(self._row["version"])

    @property
    def status(self) -> str:
        """``draft``, ``active``, ``deprecated`` or ``retired``."""
        return str(self._row["status"])

    @property
    def kind(self) -> str:
        """``stored``, ``view`` or ``materialization``."""
        return str(self._row["kind"])

    @property
    def description(self) -> str | None:
        """What it is about."""
        return _text(self._row["description"])

    @property
    def owner(self) -> str | None:
        """The team that answers for it."""
        return _text(self._row["owner_team"])

    @property
    def contact(self) -> str | None:
        """Where to reach the owner."""
        return _text(self._row["owner_contact"])

    @property
    def tags(self) -> list[str]:
        """Free labels."""
        return _list(self._row["tags"])

    @property
    def tables(self) -> list[str]:
        """Its tables, the main one first."""
        return _list(self._row["tables"])

    @property
    def sql_name(self) -> str:
        """The name that reads it in SQL, with its major version where that is not the default one."""
        if self._row.get("is_default", True):
            return f'"{self._row["domain"]}"."{self._row["product"]}"'
        return f'"{self._row["domain"]}"."{self._row["product"]}@{self._row["major"]}"'

    @property
    def told(self) -> dict[str, Any]:
        """Everything that the catalog knows: the contract's model, its text, its hash, who registered it and when."""
        if self._told is None:
            self._told = self._mesh._backend.describe(f"{self.name}@{self._row['major']}")
        return self._told

    @property
    def contract(self) -> dict[str, Any]:
        """The contract in the canonical model, whatever form it was written in."""
        product: dict[str, Any] = self.told["product"]
        return product

    @property
    def contract_text(self) -> str:
        """The contract as it was written."""
        return str(self.told["text"])

    @property
    def says(self) -> list[dict[str, str]]:
        """Everything that the contract says in words: ``group``, ``name``, ``value``, and whether the engine enforces it."""
        items: list[dict[str, str]] = self.told["says"]
        return items

    @property
    def columns(self) -> list[Column]:
        """The columns of all its tables, in order, as SQL sees them."""
        statement = (
            'SELECT "table", "column", type, nullable, key_position, pii, description FROM mesh.columns '
            'WHERE domain = ? AND product = ? AND version = ? ORDER BY "table" <> product, "table", position'
        )
        rows = self._mesh._rows(statement, [self._row["domain"], self._row["product"], self.version])
        return [
            Column(
                row["column"],
                row["type"],
                bool(row["nullable"]),
                row["key_position"],
                row["pii"],
                row["description"],
                row["table"],
            )
            for row in rows
        ]

    @property
    def quality(self) -> list[str]:
        """The quality rules that the contract declares, in words."""
        return [f"{item['name']}: {item['value']}" for item in self.says if item["group"].startswith("quality")]

    @property
    def freshness(self) -> str | None:
        """The promised age of the newest data at most, in words."""
        for item in self.says:
            if item["group"] == "service levels" and item["name"] == "freshness":
                return item["value"]
        return None

    def sql(self, columns: str = "*", where: str = "") -> Answer:
        """Ask for its main table's rows.

        Args:
            columns: what to select.
            where: a condition.
        """
        condition = f" WHERE {where}" if where else ""
        return self._mesh.sql(f"SELECT {columns} FROM {self.sql_name}{condition}")

    def sample(self, rows: int = 5) -> pa.Table:
        """Read a few rows of the main table, whichever come first."""
        return self._mesh.sql(f"SELECT * FROM {self.sql_name} LIMIT {int(rows)}").to_arrow()

    def __repr__(self) -> str:
        owner = f", owned by {self.owner}" if self.owner else ""
        return f"<Product {self.name} {self.version}, {self.status}{owner}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("version", f"{self.version}, {self.status}"),
            ("owner", " ".join(part for part in (self.owner, self.contact) if part) or None),
            ("about", self.description),
            ("freshness", self.freshness),
            ("quality", "; ".join(self.quality) or None),
            ("tags", ", ".join(self.tags) or None),
        ]
        names = ["column", "type", "nullable", "key", "personal data", "description"]
        columns = [
            (
                column.name,
                column.type,
                "yes" if column.nullable else "no",
                column.key_position or "",
                {True: "yes", False: "no", None: ""}[column.pii],
                column.description or "",
            )
            for column in self.columns
        ]
        said = [(item["group"], item["name"], item["value"], item["state"]) for item in self.says]
        everything = _html.fold(
            "everything that the contract says", _html.table(["about", "what", "value", "state"], said)
        )
        shown = [(name, value) for name, value in rows if value is not None]
        return _html.pairs(f"{self.name} {self.version}", shown, _html.table(names, columns) + everything)


class Products(Sequence[Product]):
    """Products that the caller may find, sorted by name."""

    def __init__(self, products: list[Product]) -> None:
        self._products = products

    @overload
    def __getitem__(self, place: int) -> Product: ...

    @overload
    def __getitem__(self, place: slice) -> Products: ...

    def __getitem__(self, place: int | slice) -> Product | Products:
        return Products(self._products[place]) if isinstance(place, slice) else self._products[place]

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products)

    def __len__(self) -> int:
        return len(self._products)

    @property
    def names(self) -> list[str]:
        """The names, ``domain.product``."""
        return [product.name for product in self._products]

    def __repr__(self) -> str:
        return "\n".join(repr(product) for product in self._products) or "no products"

    def _repr_html_(self) -> str:
        names = ["product", "version", "status", "kind", "owner", "about"]
        rows = [(p.name, p.version, p.status, p.kind, p.owner, p.description) for p in self._products]
        return _html.table(names, rows, f"{len(rows)} product{'' if len(rows) == 1 else 's'}")


@dataclass(frozen=True)
class Hit:
    """One product that a search has found.

    Attributes:
        product: ``domain.product``.
        version: its newest version that the caller may find.
        owner: the team that answers for it.
        description: what it is about.
        score: higher is better; comparable within one search only.
        places: where the words were found: ``kind`` and ``text``.
    """

    product: str
    version: str
    owner: str | None
    description: str | None
    score: int
    places: list[dict[str, str]]


class Hits(Sequence[Hit]):
    """What a search has found, the best first."""

    def __init__(self, hits: list[Hit]) -> None:
        self._hits = hits

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> Hits: ...

    def __getitem__(self, place: int | slice) -> Hit | Hits:
        return Hits(self._hits[place]) if isinstance(place, slice) else self._hits[place]

    def __len__(self) -> int:
        return len(self._hits)

    def __repr__(self) -> str:
        return (
            "\n".join(f"{hit.product} {hit.version}: {hit.description or ''}" for hit in self._hits) or "nothing found"
        )

    def _repr_html_(self) -> str:
        def where(hit: Hit) -> str:
            return "; ".join(f"{place['kind']}: {place['text']}" for place in hit.places)

        rows = [(hit.product, hit.version, hit.owner, hit.description, where(hit)) for hit in self._hits]
        return _html.table(["product", "version", "owner", "about", "found in"], rows, f"{len(rows)} found")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _list(value: Any) -> list[str]:
    return [part.strip() for part in str(value or "").split(",") if part.strip()]
