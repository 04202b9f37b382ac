"""Makes the small Delta tables in this folder with Spark, and writes down their rows.

Every table lies in a folder of its own, with an `expected.json` beside its `_delta_log`: the rows of every version as Spark reads them.
The tables are committed; this script is how they were made and how one more is added.

    python3 -m venv /tmp/delta-spark
    /tmp/delta-spark/bin/pip install pyspark==4.0.1 delta-spark==4.0.1     # and Java 17
    /tmp/delta-spark/bin/python testdata/delta-spark/make.py [TABLE ...]

Values in `expected.json`: whole numbers, floats, booleans, text and null as JSON; a decimal as text; a date as `YYYY-MM-DD`;
a timestamp as microseconds since 1970 (UTC, or wall clock for those without a zone); bytes as hex; a struct as an object;
a list as a list; a map as a list of `[key, value]`, sorted by key.
"""

import datetime
import decimal
import json
import os
import math
import pathlib
import shutil
import sys

from delta import DeltaTable, configure_spark_with_delta_pip
from pyspark.sql import Row, SparkSession

os.environ["TZ"] = "UTC"  # what Python makes of a timestamp depends on it
HERE = pathlib.Path(__file__).resolve().parent
EPOCH = datetime.datetime(1970, 1, 1)
TABLES = {}


def table(make):
    """Registers a function that makes the table of its name in a folder."""
    TABLES[make.__name__] = make
    return make


def session():
    builder = (
        SparkSession.builder.appName("delta-spark")
        .master("local[2]")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
    )
    return configure_spark_with_delta_pip(builder).getOrCreate()


@table
def deletes(spark, sql, path):
    """Deletion vectors: two appends, two deletes, an update."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, name STRING, amount DOUBLE) USING delta "
        "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    sql(f"INSERT INTO delta.`{path}` SELECT /*+ COALESCE(1) */ id, concat('n', id), id * 1.5 FROM range(100)")
    sql(f"INSERT INTO delta.`{path}` SELECT /*+ COALESCE(1) */ id, concat('n', id), id * 1.5 FROM range(100, 150)")
    sql(f"DELETE FROM delta.`{path}` WHERE id % 10 = 3")
    sql(f"DELETE FROM delta.`{path}` WHERE id BETWEEN 20 AND 29")
    sql(f"UPDATE delta.`{path}` SET name = 'changed' WHERE id = 140")


@table
def mapped_by_name(spark, sql, path):
    """Column mapping by name: a rename, a dropped column, an added one, an odd spelling."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, old_name STRING, gone INT) USING delta "
        "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    sql(f"INSERT INTO delta.`{path}` VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, 30)")
    sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN old_name TO `new name`")
    sql(f"ALTER TABLE delta.`{path}` DROP COLUMN gone")
    sql(f"ALTER TABLE delta.`{path}` ADD COLUMN added DATE")
    sql(f"INSERT INTO delta.`{path}` VALUES (4, 'd', DATE'2024-02-29'), (5, 'e', NULL)")


@table
def mapped_by_id(spark, sql, path):
    """Column mapping by id, partitioned, with a struct."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, place STRUCT<city: STRING, zip: INT>, kind STRING) USING delta "
        "PARTITIONED BY (kind) TBLPROPERTIES ('delta.columnMapping.mode' = 'id')")
    sql(f"INSERT INTO delta.`{path}` VALUES (1, struct('Rome', 100), 'x'), (2, struct('Oslo', NULL), 'y'), (3, NULL, NULL)")
    sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN id TO number")
    sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN kind TO sort")
    sql(f"INSERT INTO delta.`{path}` VALUES (4, struct('Bern', 3000), 'x')")


@table
def mapped_deletes(spark, sql, path):
    """Deletion vectors over mapped columns."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, name STRING) USING delta "
        "TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true')")
    sql(f"INSERT INTO delta.`{path}` SELECT /*+ COALESCE(1) */ id, concat('n', id) FROM range(40)")
    sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN name TO label")
    sql(f"DELETE FROM delta.`{path}` WHERE id IN (0, 7, 39)")


@table
def partitioned(spark, sql, path):
    """Partitions of text, whole number and date, with nulls, blanks and characters that paths escape."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, amount DECIMAL(12, 2), country STRING, lane INT, day DATE) USING delta "
        "PARTITIONED BY (country, lane, day)")
    sql(f"INSERT INTO delta.`{path}` VALUES "
        "(1, 1.10, 'IT', 1, DATE'2024-01-01'), (2, 2.20, 'IT', 2, DATE'2024-01-02'), "
        "(3, 3.30, NULL, 1, DATE'2024-01-01'), (4, NULL, 'São Tomé/x=1 %', NULL, DATE'1969-12-31'), "
        "(5, 5.50, NULL, NULL, NULL), (6, 6.60, 'a b', 1, NULL)")
    sql(f"INSERT INTO delta.`{path}` VALUES (7, 7.70, 'IT', 1, DATE'2024-01-01'), (8, -8.80, '', 3, DATE'2024-01-03')")
    sql(f"DELETE FROM delta.`{path}` WHERE country = 'a b'")


@table
def widened(spark, sql, path):
    """Type widening: an INT that became a BIGINT, a FLOAT that became a DOUBLE, a DATE that became a wall-clock timestamp."""
    sql(f"CREATE TABLE delta.`{path}` (id INT, ratio FLOAT, day DATE) USING delta "
        "TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')")
    sql(f"INSERT INTO delta.`{path}` VALUES (1, 0.5, DATE'2024-01-01'), (2, NULL, DATE'1969-12-31'), (2147483647, 2.25, NULL)")
    sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN id TYPE BIGINT")
    sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN ratio TYPE DOUBLE")
    sql(f"INSERT INTO delta.`{path}` VALUES (9000000000, 0.1, DATE'2024-02-29')")


@table
def checkpointed(spark, sql, path):
    """A classic checkpoint every five commits, with a delete before and after one."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, batch INT) USING delta TBLPROPERTIES ('delta.checkpointInterval' = '5')")
    for batch in range(6):
        sql(f"INSERT INTO delta.`{path}` SELECT /*+ COALESCE(1) */ id, {batch} FROM range({batch * 3}, {batch * 3 + 3})")
    sql(f"DELETE FROM delta.`{path}` WHERE batch = 1")
    sql(f"INSERT INTO delta.`{path}` VALUES (100, 7)")


@table
def checkpointed_v2(spark, sql, path):
    """A version 2 checkpoint, with its sidecar files."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, batch INT) USING delta "
        "TBLPROPERTIES ('delta.checkpointInterval' = '3', 'delta.checkpointPolicy' = 'v2')")
    for batch in range(4):
        sql(f"INSERT INTO delta.`{path}` SELECT /*+ COALESCE(1) */ id, {batch} FROM range({batch * 3}, {batch * 3 + 3})")


@table
def nested(spark, sql, path):
    """Structs, lists, maps, lists of structs, and every scalar type."""
    sql(f"CREATE TABLE delta.`{path}` (id BIGINT, flag BOOLEAN, tiny TINYINT, small SMALLINT, price DECIMAL(20, 4), raw BINARY, "
        "day DATE, at TIMESTAMP, wall TIMESTAMP_NTZ, place STRUCT<city: STRING, at: STRUCT<x: DOUBLE, y: DOUBLE>>, "
        "tags ARRAY<STRING>, counts MAP<STRING, BIGINT>, lines ARRAY<STRUCT<sku: STRING, n: INT>>) USING delta")
    sql(f"INSERT INTO delta.`{path}` VALUES (1, true, 1Y, -2S, 12345678901234.5678, X'00ff', DATE'2024-02-29', "
        "TIMESTAMP'2024-02-29 12:34:56.789123Z', TIMESTAMP_NTZ'1969-12-31 23:59:59.999999', "
        "struct('Rome', struct(1.5D, -2.5D)), array('a', NULL, 'c'), map('k', 1L, 'l', NULL), "
        "array(struct('s1', 1), NULL, struct(NULL, 3)))")
    sql(f"INSERT INTO delta.`{path}` VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
    sql(f"INSERT INTO delta.`{path}` VALUES (3, false, -128Y, 32767S, -0.0001, X'', DATE'0001-01-01', "
        "TIMESTAMP'1970-01-01 00:00:00Z', TIMESTAMP_NTZ'2024-02-29 00:00:00', struct(NULL, NULL), array(), map(), array())")


def plain(value):
    """Gives a value in the form that `expected.json` has."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, Row):
        return {name: plain(member) for name, member in value.asDict().items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, dict):
        return sorted([plain(key), plain(member)] for key, member in value.items())
    raise TypeError(f"no plain form for {value!r}")


def rows(spark, path, version):
    found = spark.read.format("delta").option("versionAsOf", version).load(str(path))
    columns = [{"name": field.name, "type": field.dataType.simpleString()} for field in found.schema.fields]
    return {"columns": columns, "rows": [plain(row) for row in found.orderBy(found.columns[0]).collect()]}


def main(names):
    spark = session()
    for name in names or TABLES:
        path = HERE / name
        shutil.rmtree(path, ignore_errors=True)
        TABLES[name](spark, lambda text: spark.sql(text), path)
        newest = DeltaTable.forPath(spark, str(path)).history(1).collect()[0]["version"]
        versions = {str(version): rows(spark, path, version) for version in range(newest + 1)}
        text = json.dumps({"versions": versions}, indent=1, ensure_ascii=False)
        for checksum in list(path.rglob("*.crc")) + list(path.rglob(".*.crc")):
            checksum.unlink(missing_ok=True)
        (path / "expected.json").write_text(text + "\n")
        print(name, newest + 1, "versions")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
