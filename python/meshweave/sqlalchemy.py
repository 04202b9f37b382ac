"""SQLAlchemy over a mesh: ``create_engine("meshweave:///path/of/mesh")`` or ``create_engine("meshweave://host:31337?tls=true")``.

The catalog's domains are schemas and its products are tables, with their columns, keys and comments, so that pandas'
``read_sql``, Superset and their like find them. The query of the URL takes ``schema``, ``purpose``, ``timeout``, ``token`` and
``principal``; user and password of the URL are those of basic authentication.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import types
from sqlalchemy.engine import URL, Connection, default, reflection
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedForeignKeyConstraint, ReflectedIndex
from sqlalchemy.sql import compiler

from . import dbapi as _dbapi
from .errors import ClosedError, UnavailableError

_DECIMAL = re.compile(r"decimal\((\d+)\s*,\s*(-?\d+)\)")
_TYPES: list[tuple[str, Callable[[], types.TypeEngine[Any]]]] = [
    ("timestamp_tz", lambda: types.TIMESTAMP(timezone=True)),
    ("timestamp", types.TIMESTAMP),
    ("time", types.TIME),
    ("date", types.DATE),
    ("bool", types.BOOLEAN),
    ("string", types.VARCHAR),
    ("uuid", types.VARCHAR),
    ("json", types.VARCHAR),
    ("enum", types.VARCHAR),
    ("int8", types.SMALLINT),
    ("int16", types.SMALLINT),
    ("int32", types.INTEGER),
    ("uint8", types.SMALLINT),
    ("uint16", types.INTEGER),
    ("int", types.BIGINT),
    ("uint", types.BIGINT),
    ("long", types.BIGINT),
    ("float", types.FLOAT),
    ("double", types.FLOAT),
    ("binary", types.LargeBinary),
    ("bytes", types.LargeBinary),
    ("fixed", types.LargeBinary),
]


def type_of(word: str) -> types.TypeEngine[Any]:
    """Give SQLAlchemy's type for a type in the words of contracts; what it has no type for is not typed."""
    found = _DECIMAL.match(word.lower())
    if found:
        return types.NUMERIC(int(found[1]), int(found[2]))
    for start, kind in _TYPES:
        if word.lower().startswith(start):
            return kind()
    return types.NullType()


class MeshIdentifiers(compiler.IdentifierPreparer):
    """Quotes names as the mesh reads them: ``"domain"."product"``."""

    def __init__(self, dialect: default.DefaultDialect) -> None:
        super().__init__(dialect, initial_quote='"')


class MeshDialect(default.DefaultDialect):
    """The dialect ``meshweave``."""

    name = "meshweave"
    driver = "meshweave"
    default_paramstyle = "qmark"
    preparer: type[compiler.IdentifierPreparer] = MeshIdentifiers  # type: ignore[assignment, unused-ignore]
    supports_statement_cache = True
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    supports_native_boolean = True
    supports_native_decimal = True
    supports_multivalues_insert = True
    supports_default_values = False
    supports_alter = False
    supports_comments = True
    supports_schemas = True
    returns_native_bytes = True
    default_schema_name = None
    requires_name_normalize = False
    max_identifier_length = 255

    @classmethod
    def import_dbapi(cls) -> Any:
        """Give the DB-API module."""
        return _dbapi

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """Turn the URL into what `meshweave.dbapi.connect` takes."""
        options: dict[str, Any] = dict(url.query)
        if "timeout" in options:
            options["timeout"] = float(options["timeout"])
        tls = str(options.pop("tls", "false")).lower() in ("1", "true", "yes")
        if not url.host:
            return [url.database or None], options
        if url.username:
            options.update(user=url.username, password=str(url.password or ""))
        if url.database:
            options.setdefault("schema", url.database)
        return [f"grpc{'+tls' if tls else ''}://{url.host}:{url.port or 31337}"], options

    def initialize(self, connection: Connection) -> None:
        """Ask nothing: every server is of our version."""

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether a new connection may help."""
        return isinstance(e, ClosedError | UnavailableError)

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Do nothing: there are no transactions."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Do nothing: there are no transactions."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Ask for one row."""
        with dbapi_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() is not None

    @reflection.cache
    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        """Give the domains."""
        rows = connection.exec_driver_sql("SELECT DISTINCT domain FROM mesh.products ORDER BY 1")
        return [row[0] for row in rows]

    def _tables(self, connection: Connection, schema: str | None, view: bool) -> list[str]:
        rows = connection.exec_driver_sql(
            "SELECT t.table_name FROM information_schema.tables t WHERE t.table_schema = ? "
            "AND (t.table_type = 'VIEW') = ? ORDER BY 1",
            (schema or "", view),
        )
        return [row[0] for row in rows]

    @reflection.cache
    def get_table_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Give the stored products of a domain, with their further tables and majors."""
        return self._tables(connection, schema, False)

    @reflection.cache
    def get_view_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Give the views of a domain."""
        return self._tables(connection, schema, True)

    def has_table(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Tell whether a table can be found."""
        return bool(self._columns(connection, table_name, schema))

    def _columns(self, connection: Connection, table: str, schema: str | None) -> list[Any]:
        product, _, further = table.partition("@")[0].partition(".")
        major = table.partition("@")[2]
        rows = connection.exec_driver_sql(
            'SELECT c."column", c.type, c.nullable, c.key_position, c.description, p.description AS about '
            "FROM mesh.columns c JOIN mesh.products p "
            "ON c.domain = p.domain AND c.product = p.product AND c.version = p.version "
            'WHERE c.domain = ? AND c.product = ? AND c."table" = ? '
            "AND CASE WHEN ? = '' THEN p.is_default ELSE CAST(p.major AS VARCHAR) = ? END ORDER BY c.position",
            (schema or "", product, further or product, major, major),
        )
        return list(rows)

    def _known(self, connection: Connection, table: str, schema: str | None) -> list[Any]:
        rows = self._columns(connection, table, schema)
        if not rows:
            from sqlalchemy.exc import NoSuchTableError

            raise NoSuchTableError(f"{schema}.{table}" if schema else table)
        return rows

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        """Give the columns, as the contract describes them."""
        return [
            {
                "name": row[0],
                "type": type_of(row[1]),
                "nullable": bool(row[2]),
                "default": None,
                "autoincrement": False,
                "comment": row[4],
            }
            for row in self._known(connection, table_name, schema)
        ]

    @reflection.cache
    def get_pk_constraint(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Give the primary key that the contract declares."""
        rows = self._known(connection, table_name, schema)
        keyed = sorted((row for row in rows if row[3] is not None), key=lambda row: row[3])
        return {"constrained_columns": [row[0] for row in keyed], "name": None}

    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedForeignKeyConstraint]:
        """Give none: references between products are not enforced."""
        return []

    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedIndex]:
        """Give none: products have no indexes."""
        return []

    @reflection.cache
    def get_table_comment(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Give what the product is about."""
        return {"text": self._known(connection, table_name, schema)[0][5]}


__all__ = ["MeshDialect", "type_of"]
