"""Random tables, and how they are stored: Parquet and Delta, in several files, with added columns, partitions and small row groups.

In: a seed and a number. Out: the rows as an Arrow table (the truth), and files that hold exactly those rows.
Holds always:
- the same seed and number give the same rows and the same cut into files;
- `id` is whole, unique and never null: what is sorted by it last has one order.

Start reading at `table`.
"""

import datetime
import decimal
import json
import math
import pathlib
import random
import shutil

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq

# Word, Arrow type, type in a contract, type in SQL.
TYPES = {
    "i16": (pa.int16(), "SMALLINT", "SMALLINT"),
    "i32": (pa.int32(), "INTEGER", "INTEGER"),
    "i64": (pa.int64(), "BIGINT", "BIGINT"),
    "f32": (pa.float32(), "REAL", "REAL"),
    "f64": (pa.float64(), "DOUBLE", "DOUBLE"),
    "dec": (pa.decimal128(12, 2), "DECIMAL(12,2)", "DECIMAL(12,2)"),
    "wide": (pa.decimal128(25, 4), "DECIMAL(25,4)", "DECIMAL(25,4)"),
    "text": (pa.string(), "VARCHAR", "VARCHAR"),
    "flag": (pa.bool_(), "BOOLEAN", "BOOLEAN"),
    "day": (pa.date32(), "DATE", "DATE"),
    "moment": (pa.timestamp("us"), "TIMESTAMP", "TIMESTAMP"),
    "instant": (pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ", "TIMESTAMPTZ"),
}
LOGICAL = {"i16": "integer", "i32": "integer", "i64": "integer", "f32": "number", "f64": "number", "dec": "number",
           "wide": "number", "text": "string", "flag": "boolean", "day": "date", "moment": "timestamp",
           "instant": "timestamp"}
# Types that may be stored narrower than they are promised.
NARROWER = {"i64": pa.int32(), "i32": pa.int16(), "f64": pa.float32()}
PARTITIONED_BY = ["text", "i32", "day"]
WORDS = ["", "a", "A", "ab", "abc", "b", "ba", "Zürich", "zürich", "50%", "a_b", "ab ", " ab", "日本", "x" * 70, "NULL", "0"]
SPARK = ["deletes", "mapped_deletes", "checkpointed"]
SPARK_TYPES = {"bigint": "i64", "int": "i32", "string": "text", "double": "f64"}


class Table:
    """One table: its name, its columns by name with the words of their types, its rows."""

    def __init__(self, name, columns, rows, partition=None, form="parquet"):
        self.name, self.columns, self.rows, self.partition, self.form = name, columns, rows, partition, form

    def values(self, column):
        return self.rows.column(column).to_pylist()


def value(dice, word):
    """A random value of a type; few different ones, and the odd ones among them."""
    if word in ("i16", "i32", "i64"):
        edge = {"i16": 32767, "i32": 2147483647, "i64": 10**15}[word]
        return dice.choice([dice.randint(-20, 20)] * 12 + [edge, -edge])
    if word in ("f32", "f64"):
        odd = [math.nan, math.inf, -math.inf, 0.0, -0.0]
        return dice.choice([dice.randint(-40, 40) / 4] * 20 + odd)
    if word in ("dec", "wide"):
        return decimal.Decimal(dice.randint(-2000, 2000)).scaleb(-2)
    if word == "text":
        return dice.choice(WORDS)
    if word == "flag":
        return dice.random() < 0.5
    if word == "day":
        return datetime.date(2024, 1, 1) + datetime.timedelta(days=dice.choice([dice.randint(-15, 15)] * 12 + [-40000, 40000]))
    moment = datetime.datetime(2024, 3, 1) + datetime.timedelta(
        hours=dice.randint(-60, 60), milliseconds=dice.choice([0, 0, 1, 999]))
    return moment.replace(tzinfo=datetime.timezone.utc) if word == "instant" else moment


def table(seed, number):
    """The table of this number."""
    dice = random.Random(f"{seed} table {number}")
    form = "delta" if number % 2 else "parquet"
    count = dice.choice([0, 1, 20, 60, 150, 150, 400, 400])
    partition = dice.choice(PARTITIONED_BY) if dice.random() < 0.5 else None
    words = [dice.choice(list(TYPES)) for _ in range(dice.randint(3, 7))]
    columns = {"id": "i64", "k": "i32"}
    columns.update({f"c{place}_{word}": word for place, word in enumerate(words)})
    if partition:
        columns["p"] = partition
    data = {"id": list(range(count))}
    for name, word in list(columns.items())[1:]:
        nulls = dice.choice([0, 0, 0.1, 0.5, 1 if name != "k" else 0.1])
        some = [value(dice, word) for _ in range(4 if name == "p" else 30)]
        one = (lambda: dice.choice(some)) if name == "p" or dice.random() < 0.5 else (lambda word=word: value(dice, word))
        if name == "k":
            one = lambda: dice.randint(0, 25)
        if name == "p" and partition == "text":
            # A folder's name; one of no length is null, as Hive has it.
            some[:] = [word or "none" for word in some]
        data[name] = [None if dice.random() < nulls else one() for _ in range(count)]
    if dice.random() < 0.5 and count > 3:
        # A column that came later: null in the rows before.
        late, first = dice.choice([name for name in columns if name not in ("id", "k", "p")]), dice.randint(1, count - 1)
        data[late][:first] = [None] * first
    rows = pa.table({name: pa.array(data[name], TYPES[word][0]) for name, word in columns.items()})
    if dice.random() < 0.6 and count:
        # Clustered, so that row groups and files can be left out.
        by = dice.choice([name for name, word in columns.items() if word not in ("f32", "f64")])
        rows = rows.sort_by([(by, "ascending"), ("id", "ascending")])
    return Table(f"t{number}", columns, rows, "p" if partition else None, form)


def spark(name, folder):
    """A committed table that Spark wrote, with deletion vectors or mapped columns."""
    newest = list(json.loads((folder / name / "expected.json").read_text())["versions"].values())[-1]
    columns = {column["name"]: SPARK_TYPES[column["type"]] for column in newest["columns"]}
    rows = pa.table({
        column: pa.array([row[column] for row in newest["rows"]], TYPES[word][0]) for column, word in columns.items()})
    return Table(f"spark_{name}", columns, rows, None, "spark")


def cut(dice, rows):
    """The rows in one to four pieces, one after the other."""
    places = sorted(dice.randint(0, len(rows)) for _ in range(dice.randint(0, 3)))
    bounds = [0, *places, len(rows)]
    return [rows.slice(a, b - a) for a, b in zip(bounds, bounds[1:])]


def without_added(dice, pieces):
    """Each piece with the columns that its file has: one that is null in all of it may be missing, but not in all files."""
    kept = []
    whole = max(range(len(pieces)), key=lambda number: len(pieces[number]))
    for number, piece in enumerate(pieces):
        if number == whole:
            kept.append(piece)
            continue
        missing = [name for name in piece.column_names if name not in ("id", "k", "p")
                   and piece.column(name).null_count == len(piece) and dice.random() < 0.8]
        kept.append(piece.drop_columns(missing))
    return kept


def store(seed, number, table, folder, spark_folder):
    """Writes the files of a table."""
    dice = random.Random(f"{seed} files {number}")
    if table.form == "spark":
        shutil.copytree(spark_folder / table.name.removeprefix("spark_"), folder)
        return
    pieces = without_added(dice, cut(dice, table.rows))
    if table.form == "delta":
        store_delta(dice, table, pieces, folder)
    else:
        store_parquet(dice, table, pieces, folder)


def narrower(dice, table, piece):
    """A column may be stored in a narrower type that holds all of its values."""
    for name in piece.column_names:
        small = NARROWER.get(table.columns[name])
        if small and name != table.partition and dice.random() < 0.2:
            try:
                cast = piece.column(name).cast(small)
            except pa.ArrowInvalid:
                continue
            piece = piece.set_column(piece.schema.get_field_index(name), name, cast)
    return piece


def store_parquet(dice, table, pieces, folder):
    folder.mkdir(parents=True)
    for file, piece in enumerate(pieces):
        piece = narrower(dice, table, piece)
        options = {
            "row_group_size": dice.choice([5, 20, 60, 1000]), "use_dictionary": dice.random() < 0.5,
            "write_statistics": dice.random() < 0.85, "write_page_index": dice.random() < 0.5,
            "data_page_size": dice.choice([64, 1 << 20]), "compression": dice.choice(["snappy", "zstd", "none"]),
            "data_page_version": dice.choice(["1.0", "2.0"]), "version": dice.choice(["1.0", "2.6"]),
            "coerce_timestamps": dice.choice(["us", "ms"]), "store_schema": dice.random() < 0.5,
        }
        if table.partition is None:
            pq.write_table(piece, folder / f"part-{file}.parquet", **options)
            continue
        for key in sorted({str(one) for one in piece.column("p").to_pylist()}):
            mine = pa.array([str(one) == key for one in piece.column("p").to_pylist()])
            place = folder / f"p={'__HIVE_DEFAULT_PARTITION__' if key == 'None' else escaped(key)}"
            place.mkdir(exist_ok=True)
            pq.write_table(piece.filter(mine).drop_columns(["p"]), place / f"part-{file}.parquet", **options)
    if not list(folder.rglob("*.parquet")):
        pq.write_table(table.rows.slice(0, 0).drop_columns(["p"] if table.partition else []), folder / "empty.parquet")


def escaped(key):
    return "".join(c if c.isalnum() or c in "-_. " else "".join(f"%{byte:02X}" for byte in c.encode()) for c in key)


def store_delta(dice, table, pieces, folder):
    """Appends piece by piece; then some rows that were never there are written and deleted again."""
    options = {"partition_by": ["p"]} if table.partition else {}
    properties = deltalake.WriterProperties(max_row_group_size=dice.choice([5, 20, 1000]))
    deltalake.DeltaTable.create(str(folder), table.rows.schema, **options)
    for piece in pieces:
        if len(piece):
            deltalake.write_deltalake(str(folder), piece, mode="append", schema_mode="merge", writer_properties=properties)
    delta = deltalake.DeltaTable(str(folder))
    if dice.random() < 0.5 and len(table.rows):
        ghosts = table.rows.slice(0, min(20, len(table.rows)))
        ghosts = ghosts.set_column(0, "id", pa.array([-1 - i for i in range(len(ghosts))], pa.int64()))
        deltalake.write_deltalake(delta, ghosts, mode="append", writer_properties=properties)
        delta = deltalake.DeltaTable(str(folder))
        delta.delete("id < 0")
    if dice.random() < 0.3:
        delta.optimize.compact()
    if dice.random() < 0.4:
        delta.create_checkpoint()


def contract(table):
    """The contract that promises the table's columns."""
    form = "parquet" if table.form == "parquet" else "delta"
    lines = ["apiVersion: v3.1.0", "kind: DataContract", f"id: urn:differential:{table.name}", f"name: {table.name}",
             "version: 1.0.0", "status: active", "domain: shop", f"dataProduct: {table.name}",
             "servers:", f'  - {{ server: mesh, type: local, path: "file://./data/shop/{table.name}/", format: {form} }}',
             "schema:", f"  - name: {table.name}", "    physicalType: table", "    properties:"]
    for name, word in table.columns.items():
        required = "true" if name == "id" and table.form != "spark" else "false"
        lines.append(f"      - {{ name: {name}, logicalType: {LOGICAL[word]}, physicalType: \"{TYPES[word][1]}\", required: {required} }}")
    return "\n".join(lines) + "\n"


def all_tables(seed, count, spark_folder):
    """The random tables, then those of Spark."""
    return [table(seed, number) for number in range(count)] + [spark(name, spark_folder) for name in SPARK]


def write_mesh(folder, seed, tables, spark_folder):
    """A mesh folder with the tables' files, and their contracts to register."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mesh.yaml").write_text("apiVersion: meshweave/v1\nkind: Mesh\nname: small\ncatalog: { source: folder }\n")
    (folder / "meshweave.yaml").write_text("principal:\n  user: keeper\n  teams: [shop-team]\n")
    domain = folder / "domains/shop"
    domain.mkdir(parents=True)
    (domain / "domain.yaml").write_text(
        "apiVersion: meshweave/v1\nkind: Domain\nname: shop\nowner: { team: shop-team, contact: shop@example.com }\n"
        "storage:\n  - prefix: file://./data/shop/\n")
    contracts = folder / "contracts"
    contracts.mkdir()
    (folder / "data/shop").mkdir(parents=True)
    for number, one in enumerate(tables):
        store(seed, number, one, folder / "data/shop" / one.name, spark_folder)
        (contracts / f"{one.name}.yaml").write_text(contract(one))
