"""Statements over the demo's mesh, made by rule: those whose planned and computed columns like to differ.

In: the folder of the TPC-H queries. Out: (name, SQL) pairs, always the same, each name once.
Every statement is cheap: what it is about is its columns, not its rows.

Start reading at `statements`.
"""

import itertools
from pathlib import Path

# One table of every kind, and a condition that keeps no row of it.
TABLES = {
    "lab.types": "id < 0",
    "commerce.orders": "order_id = 'nowhere'",
    'commerce."orders@1"': "1 = 0",
    "commerce.orders.items": "line < 0",
    "commerce.order_events": "1 = 0",
    "identity.customers": "customer_id = 'nobody'",
    "logistics.shipments": "1 = 0",
    "logistics.inventory": "1 = 0",
    "logistics.returns": "1 = 0",
    "logistics.carriers": "1 = 0",
    "analytics.order_facts": "1 = 0",
    "analytics.revenue_by_country": "1 = 0",
    "reference.nation": "n_nationkey < 0",
    "reference.region": "r_regionkey < 0",
    "reference.nation_delta": "n_nationkey < 0",
    "sales.orders": "o_orderkey < 0",
    "sales.orders_delta": "o_orderkey < 0",
    "supply.supplier": "s_suppkey < 0",
    "mesh.products": "1 = 0",
    "mesh.columns": "1 = 0",
    "information_schema.tables": "1 = 0",
}
NUMBERS = [
    "an_int8", "an_int16", "an_int32", "an_int64", "a_uint8", "a_uint16", "a_uint32", "a_uint64", "a_float16", "a_float32",
    "a_float64", "a_decimal", "a_wide_decimal", "a_decimal256",
]
TEXTS = ["a_text", "a_large_text", "a_coded_text"]
BYTES = ["some_bytes", "five_bytes"]
TIMES = [
    "a_date", "a_time_ms", "a_time_us", "a_time_ns", "a_reading_ms", "a_reading_us", "a_reading_ns", "an_instant_ms",
    "an_instant_us", "an_instant_ns",
]
NESTED = ["a_list", "a_list_of_structs", "a_struct", "a_deep_struct", "a_map"]
PLAIN = ["id", "a_boolean", *NUMBERS, *TEXTS, *BYTES, *TIMES]
COLUMNS = [*PLAIN, *NESTED]


def tpch(folder):
    """The 22 queries, over Parquet and over Delta."""
    for file in sorted(Path(folder).glob("q*.sql")):
        for kind, suffix in (("parquet", ""), ("delta", "_delta")):
            yield f"tpch {file.stem} {kind}", file.read_text().replace("{suffix}", suffix).strip()


def tables():
    """Whole tables, none of their rows, and counts of them."""
    for table, nothing in TABLES.items():
        yield f"all of {table}", f"SELECT * FROM {table} LIMIT 3"
        yield f"nothing of {table}", f"SELECT * FROM {table} WHERE {nothing}"
        yield f"count of {table}", f"SELECT count(*) AS n FROM {table}"
        yield f"count of nothing of {table}", f"SELECT count(*) AS n, max(1) AS m FROM {table} WHERE {nothing}"


def aggregates():
    """Aggregates of every type: over files with statistics, over no row, by group."""
    for column in PLAIN:
        for name, where in (("all", "true"), ("no row", "id > 9")):
            yield f"min, max, count of {column} over {name}", (
                f"SELECT min({column}), max({column}), count({column}), count(DISTINCT {column}) FROM lab.types WHERE {where}"
                if column != "five_bytes"
                else f"SELECT count({column}), count(DISTINCT {column}) FROM lab.types WHERE {where}"
            )
    for column in NUMBERS:
        yield f"sum, avg of {column}", f"SELECT sum({column}), avg({column}) FROM lab.types WHERE id <> 2"
        yield f"sum, avg of {column} over no row", f"SELECT sum({column}), avg({column}) FROM lab.types WHERE id > 9"
        yield f"sum of {column} by group", f"SELECT a_boolean, sum({column}) FROM lab.types WHERE id <> 2 GROUP BY a_boolean"
    for column in COLUMNS:
        yield f"array_agg of {column}", f"SELECT array_agg({column}) FROM lab.types"
        yield f"first_value of {column}", f"SELECT first_value({column} ORDER BY id), last_value({column} ORDER BY id) FROM lab.types"
    for column in PLAIN:
        yield f"group by {column}", f"SELECT {column}, count(*) FROM lab.types GROUP BY {column}"
        yield f"rollup of {column}", f"SELECT {column}, count(*) FROM lab.types GROUP BY ROLLUP({column})"
        yield f"distinct {column}", f"SELECT DISTINCT {column} FROM lab.types"


def joins():
    """Outer joins make columns nullable that were not."""
    kinds = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
    pairs = [
        ("lab.types a", "lab.types b", "a.id = b.id + 1", "a.*, b.id AS other"),
        ("reference.nation a", "reference.region b", "a.n_regionkey = b.r_regionkey + 3", "a.n_name, b.*"),
        ("commerce.orders a", "identity.customers b", "a.customer_id = b.customer_id AND a.total > 1000", "a.order_id, a.total, b.country"),
        ("commerce.orders a", "commerce.orders.items b", "a.order_id = b.order_id AND b.gift", "a.order_id, b.line, b.discount"),
    ]
    for (left, right, condition, columns), kind in itertools.product(pairs, kinds):
        yield f"{left} {kind} {right}", f"SELECT {columns} FROM {left} {kind} {right} ON {condition} LIMIT 5"
    for kind in ("LEFT SEMI JOIN", "LEFT ANTI JOIN", "RIGHT SEMI JOIN", "RIGHT ANTI JOIN"):
        yield f"{kind}", f"SELECT * FROM lab.types a {kind} lab.types b ON a.id = b.id + 1"
    yield "CROSS JOIN", "SELECT a.id, b.r_name FROM lab.types a CROSS JOIN reference.region b"
    yield "self join of nothing", "SELECT a.*, b.* FROM reference.region a LEFT JOIN reference.region b ON a.r_regionkey = b.r_regionkey AND 1 = 0"


def sets():
    """Unions of a column that may be null with one that may not, and of types that meet in a third."""
    for column in COLUMNS:
        yield f"UNION ALL of {column} and null", f"SELECT {column} AS c FROM lab.types UNION ALL SELECT NULL"
    for column in PLAIN:
        yield f"UNION of {column}", f"SELECT {column} AS c FROM lab.types UNION SELECT {column} FROM lab.types WHERE id > 1"
    for left, right in itertools.combinations(["an_int8", "an_int32", "a_uint32", "an_int64", "a_float32", "a_float64", "a_decimal"], 2):
        yield f"UNION ALL of {left} and {right}", f"SELECT {left} AS c FROM lab.types WHERE id = 1 UNION ALL SELECT {right} FROM lab.types WHERE id = 1"
    for word in ("INTERSECT", "EXCEPT"):
        yield f"{word}", f"SELECT id FROM lab.types {word} SELECT 1"
    yield "UNION ALL of a constant", "SELECT id FROM lab.types UNION ALL SELECT 7 UNION ALL SELECT 8.5"


def windows():
    """Window functions: those that shift make nulls, ranks are unsigned."""
    for function in ("row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(2)"):
        yield f"window {function}", f"SELECT id, {function} OVER (ORDER BY id) AS w FROM lab.types"
    for column in PLAIN:
        yield f"lag, lead of {column}", f"SELECT lag({column}) OVER (ORDER BY id), lead({column}) OVER (ORDER BY id) FROM lab.types"
    for column in NUMBERS:
        yield f"window sum of {column}", f"SELECT sum({column}) OVER (PARTITION BY a_boolean) FROM lab.types WHERE id <> 2"
        yield f"running max of {column}", (
            f"SELECT max({column}) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM lab.types"
        )


def expressions():
    """CASE, COALESCE, NULLIF, casts and arithmetic over every type."""
    for column in COLUMNS:
        yield f"CASE of {column}", f"SELECT CASE WHEN id > 1 THEN {column} END AS c FROM lab.types"
    for column in PLAIN:
        yield f"CASE ELSE of {column}", f"SELECT CASE WHEN id > 1 THEN {column} ELSE NULL END AS c, id FROM lab.types"
        yield f"COALESCE of {column}", f"SELECT coalesce({column}, {column}) AS c FROM lab.types"
        yield f"NULLIF of {column}", f"SELECT nullif({column}, {column}) AS c FROM lab.types"
        yield f"IS NULL of {column}", f"SELECT {column} IS NULL AS a, {column} IS NOT NULL AS b FROM lab.types"
    for column in NUMBERS:
        yield f"arithmetic of {column}", f"SELECT {column} + 1 AS a, {column} * 2 AS b, {column} - 1 AS c, {column} / 3 AS d FROM lab.types WHERE id = 3"
        yield f"rounding of {column}", f"SELECT round({column}), abs({column}), floor({column}) FROM lab.types WHERE id = 3"
        yield f"{column} as text", f"SELECT CAST({column} AS VARCHAR) AS c FROM lab.types"
    for column in TEXTS:
        for function in ("upper", "length", "reverse", "md5", "initcap", "trim"):
            yield f"{function} of {column}", f"SELECT {function}({column}) AS c FROM lab.types"
        yield f"parts of {column}", f"SELECT left({column}, 2), {column} || '!', replace({column}, 'a', 'b'), {column} LIKE 'p%' FROM lab.types"
    for column in ("a_date", "a_reading_us", "an_instant_us"):
        yield f"parts of {column}", f"SELECT date_trunc('month', {column}), date_part('year', {column}), extract(day FROM {column}) FROM lab.types"
        yield f"{column} and an interval", f"SELECT {column} + INTERVAL '1' DAY AS a, {column} - {column} AS b FROM lab.types"
    yield "moments", "SELECT now() AS a, current_date AS b, INTERVAL '1' MONTH AS c"
    yield "constants", "SELECT 1, 'a', 1.5, true, NULL, DATE '2026-11-21', TIMESTAMP '2026-11-21 10:00:00', X'00ff'"
    yield "null alone", "SELECT NULL"


def nested():
    """Lists, structs, maps and what makes them."""
    yield "unnest", "SELECT id, unnest(a_list) AS item FROM lab.types"
    yield "unnest a struct", "SELECT unnest(a_struct) FROM lab.types"
    yield "field of a struct", "SELECT a_struct['x'] AS x, a_deep_struct['p']['q'] AS q FROM lab.types"
    yield "item of a list", "SELECT a_list[1], array_length(a_list), a_list[1:2] FROM lab.types"
    yield "made of scalars", "SELECT make_array(1, NULL) AS a, named_struct('k', 'v', 'n', NULL) AS b, MAP {'a': 1} AS c"
    yield "made of columns", "SELECT make_array(a_text, a_large_text) AS a, struct(id, a_text) AS b FROM lab.types"
    yield "list of lists", "SELECT make_array(a_list, a_list) FROM lab.types"
    yield "keys and values", "SELECT map_keys(a_map), map_values(a_map) FROM lab.types"
    yield "columns of an order", "SELECT shipping_address, tags, attributes FROM commerce.orders LIMIT 3"
    yield "no nested rows", "SELECT shipping_address, tags, attributes FROM commerce.orders WHERE order_id = 'nowhere'"


def shapes():
    """Subqueries, common table expressions, sorting, limits, duplicate and odd names."""
    yield "scalar subquery", "SELECT id, (SELECT max(r_regionkey) FROM reference.region) AS m FROM lab.types"
    yield "correlated subquery", "SELECT r_name, (SELECT count(*) FROM reference.nation WHERE n_regionkey = r_regionkey) AS n FROM reference.region"
    yield "EXISTS", "SELECT r_name FROM reference.region WHERE EXISTS (SELECT 1 FROM reference.nation WHERE n_regionkey = r_regionkey)"
    yield "IN of nothing", "SELECT id FROM lab.types WHERE id IN (SELECT id FROM lab.types WHERE 1 = 0)"
    yield "with", "WITH t AS (SELECT id, a_text FROM lab.types) SELECT * FROM t WHERE id > 1"
    yield "recursive", "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT * FROM n"
    yield "values", "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS v(n, t)"
    yield "no columns in common", "SELECT count(*) FROM (SELECT 1 WHERE 1 = 0) t"
    yield "sorted by what is not shown", "SELECT a_text FROM lab.types ORDER BY id DESC NULLS FIRST LIMIT 2 OFFSET 1"
    yield "limit 0", "SELECT * FROM lab.types LIMIT 0"
    yield "odd names", 'SELECT id AS "The Id", id AS "ünïcode 😀", id AS "a.b", id AS "select" FROM lab.types'
    yield "the whole mesh", "SELECT domain, count(*) AS products FROM mesh.products GROUP BY domain ORDER BY domain"
    yield "EXPLAIN", "EXPLAIN SELECT * FROM lab.types"
    for word in ("GROUPING SETS ((a_boolean), (a_text), ())", "CUBE(a_boolean, a_text)"):
        yield f"{word}", f"SELECT a_boolean, a_text, count(*) FROM lab.types GROUP BY {word}"


def statements(tpch_folder):
    """All of them."""
    made = [
        pair
        for part in (tpch(tpch_folder), tables(), aggregates(), joins(), sets(), windows(), expressions(), nested(), shapes())
        for pair in part
    ]
    names = [name for name, _ in made]
    doubles = {name for name in names if names.count(name) > 1}
    if doubles:
        raise ValueError(f"two statements have one name: {sorted(doubles)}")
    return made
