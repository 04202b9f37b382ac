"""Random statements over the random tables: what connectors and pushdown add to an engine.

In: a seed, the tables, the number of a table and of a statement. Out: SQL that two engines read alike, and its class.
What is left out, by class and with its reason, is the list `LEFT_OUT`.

Start reading at `statement`.
"""

import datetime
import math
import random

import tables

# Classes of statements that are not made, since the engine's library answers them wrongly or the two engines mean different things.
LEFT_OUT = [
    ("several IN lists over one column under OR", "simplified to TRUE though a value is NULL"),
    ("IN (SELECT …) under OR or NOT", "the mark of the join is never NULL"),
    ("IS [NOT] DISTINCT FROM without parentheses", "parsed with what follows AND on its right"),
    ("outer joins with USING", "the key is taken from one side only"),
    ("sums of floating point numbers", "their order decides the last digits"),
    ("sorting by floating point columns below a LIMIT", "-0.0 stands before 0.0, or with it"),
    ("groups and different values of floating point columns", "-0.0 and 0.0 are one value, or two"),
    ("least and greatest of floating point columns", "a NaN takes the place of the least so far, and is not the greatest"),
    ("backslashes in LIKE", "an escape in one engine only"),
]
OPERATORS = ["=", "<>", "<", "<=", ">", ">="]
FLOATS = ("f32", "f64")
WHOLE = ("i16", "i32", "i64")


def literal(word, value):
    """A value in SQL."""
    if value is None:
        return "NULL"
    if word in WHOLE:
        return str(value)
    if word in FLOATS:
        if math.isnan(value):
            return "CAST('NaN' AS DOUBLE)"
        if math.isinf(value):
            return f"CAST('{'-' if value < 0 else ''}Infinity' AS DOUBLE)"
        return f"CAST('{value}' AS DOUBLE)"
    if word in ("dec", "wide"):
        return f"CAST('{value}' AS DECIMAL({'12,2' if word == 'dec' else '25,4'}))"
    if word == "flag":
        return str(value).upper()
    if word == "day":
        return f"DATE '{value.isoformat()}'"
    if word == "moment":
        return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='milliseconds')}'"
    if word == "instant":
        return f"CAST('{value.replace(tzinfo=None).isoformat(sep=' ', timespec='milliseconds')}+00:00' AS TIMESTAMPTZ)"
    return "'" + value.replace("'", "''") + "'"


class Maker:
    """Makes the parts of one statement."""

    def __init__(self, dice, table, alias=""):
        self.dice, self.table, self.alias = dice, table, alias

    def name(self, column):
        return f"{self.alias}.{column}" if self.alias else column

    def column(self, words=None):
        names = [name for name, word in self.table.columns.items() if words is None or word in words]
        return self.dice.choice(names) if names else None

    def value(self, column):
        """A value near those of the column."""
        word = self.table.columns[column]
        there = [one for one in self.table.values(column) if one is not None]
        fresh = tables.value(self.dice, word)
        one = self.dice.choice(there) if there and self.dice.random() < 0.7 else fresh
        if word in WHOLE and self.dice.random() < 0.3:
            one = max(min(one + self.dice.randint(-2, 2), 10**15), -10**15)
        if word == "day" and self.dice.random() < 0.2:
            one = one + datetime.timedelta(days=self.dice.choice([-1, 1]))
        return one

    def literal(self, column):
        return literal(self.table.columns[column], self.value(column))

    def simple(self):
        """A condition over one column."""
        column = self.column()
        word, name, dice = self.table.columns[column], self.name(column), self.dice
        if word == "flag" and dice.random() < 0.5:
            return dice.choice([name, f"NOT {name}", f"{name} IS TRUE", f"{name} IS NOT TRUE", f"{name} = FALSE"])
        kind = dice.choice(["compare"] * 5 + ["between", "in", "in", "null", "distinct", "like", "like", "turned",
                                              "columns", "sum", "coalesce"])
        if kind == "between":
            no = dice.choice(["", "NOT "])
            return f"{name} {no}BETWEEN {self.literal(column)} AND {self.literal(column)}"
        if kind == "in":
            some = [self.literal(column) for _ in range(dice.randint(1, 5))]
            if dice.random() < 0.15:
                some.append("NULL")
            return f"{name} {dice.choice(['', 'NOT '])}IN ({', '.join(some)})"
        if kind == "null":
            return f"{name} IS {dice.choice(['', 'NOT '])}NULL"
        if kind == "distinct":
            return f"({name} IS {dice.choice(['', 'NOT '])}DISTINCT FROM {self.literal(column)})"
        if kind == "like" and (text := self.column(["text"])):
            pattern = dice.choice(["a%", "%b", "%a%", "_b%", "ab", "a_c", "%", "", "Zü%", "日%", "5%", "x%x"])
            return f"{self.name(text)} {dice.choice(['', 'NOT '])}LIKE '{pattern}'"
        if kind == "turned":
            return f"{self.literal(column)} {dice.choice(OPERATORS)} {name}"
        if kind == "columns":
            other = dice.choice([n for n, w in self.table.columns.items() if w == word])
            return f"{name} {dice.choice(OPERATORS)} {self.name(other)}"
        if kind == "sum" and (whole := self.column(["i16", "i32"])):
            return f"{self.name(whole)} + 1 {dice.choice(OPERATORS)} {self.dice.randint(-20, 20)}"
        if kind == "coalesce":
            return f"coalesce({name}, {self.literal(column)}) {dice.choice(OPERATORS)} {self.literal(column)}"
        return f"{name} {dice.choice(OPERATORS)} {self.literal(column)}"

    def condition(self, depth=2):
        """A condition; an OR joins no two IN lists."""
        kind = self.dice.random()
        if depth == 0 or kind < 0.45:
            return self.simple()
        if kind < 0.75:
            return f"({self.condition(depth - 1)}) AND ({self.condition(depth - 1)})"
        if kind < 0.85:
            return f"NOT ({self.simple()})"
        both = [self.condition(depth - 1), self.condition(depth - 1)]
        if all(" IN (" in one for one in both):
            return both[0]
        return f"({both[0]}) OR ({both[1]})"

    def where(self, share=0.9):
        return f" WHERE {self.condition()}" if self.dice.random() < share else ""


def statement(seed, all_tables, table, query):
    """The statement of this number over the table of that number."""
    dice = random.Random(f"{seed} statement {table} {query}")
    return dice.choice([rows, rows, rows, ordered, ordered, counted, counted, grouped, distinct, joined, joined])(
        dice, all_tables[table], all_tables)


def schema(table):
    return f"shop.{table.name}"


def some_columns(dice, table, words=None):
    names = [name for name, word in table.columns.items() if words is None or word in words]
    return dice.sample(names, dice.randint(1, len(names)))


def rows(dice, table, _):
    maker = Maker(dice, table)
    columns = ", ".join(some_columns(dice, table)) if dice.random() < 0.8 else "*"
    return f"SELECT {columns} FROM {schema(table)}{maker.where()}"


def ordered(dice, table, _):
    maker = Maker(dice, table)
    by = maker.column([word for word in set(table.columns.values()) if word not in FLOATS])
    way = dice.choice(["ASC", "DESC"]) + dice.choice([" NULLS FIRST", " NULLS LAST"])
    key = next(iter(table.columns))
    offset = f" OFFSET {dice.randint(0, 5)}" if dice.random() < 0.3 else ""
    columns = ", ".join(some_columns(dice, table))
    return (f"SELECT {columns} FROM {schema(table)}{maker.where(0.6)} "
            f"ORDER BY {by} {way}, {key} LIMIT {dice.choice([0, 1, 5, 30])}{offset}")


def measures(dice, table, alias=""):
    """Aggregates that have one right answer."""
    maker = Maker(dice, table, alias)
    all_of = ["count(*)"]
    for _ in range(dice.randint(1, 4)):
        column = maker.column()
        word, name = table.columns[column], maker.name(column)
        some = [f"count({name})", f"count(DISTINCT {name})"] if word not in FLOATS else [f"count({name})"]
        if word not in FLOATS and word != "flag":
            some += [f"min({name})", f"max({name})"] * 2
        if word in ("i16", "i32", "dec"):
            some.append(f"sum({name})")
        all_of.append(dice.choice(some))
    # Two columns of an answer have two names.
    return ", ".join(dict.fromkeys(all_of))


def counted(dice, table, _):
    return f"SELECT {measures(dice, table)} FROM {schema(table)}{Maker(dice, table).where(0.5)}"


def grouped(dice, table, _):
    keys = [name for name, word in table.columns.items() if word not in FLOATS and name != "id"] or ["id"]
    by = ", ".join(dice.sample(keys, min(len(keys), dice.randint(1, 2))))
    having = " HAVING count(*) > 1" if dice.random() < 0.3 else ""
    return f"SELECT {by}, {measures(dice, table)} FROM {schema(table)}{Maker(dice, table).where(0.6)} GROUP BY {by}{having}"


def distinct(dice, table, _):
    keys = [name for name, word in table.columns.items() if word not in FLOATS and name != "id"] or ["id"]
    columns = ", ".join(dice.sample(keys, min(len(keys), dice.randint(1, 3))))
    return f"SELECT DISTINCT {columns} FROM {schema(table)}{Maker(dice, table).where(0.7)}"


def joined(dice, table, all_tables):
    """A join on a key, with a filter on the other side that is known late."""
    other = dice.choice([one for one in all_tables if one.name != table.name and "k" in one.columns])
    left, right = Maker(dice, table, "a"), Maker(dice, other, "b")
    key = "k" if "k" in table.columns else next(iter(table.columns))
    on = f"a.{key} = b.k" if dice.random() < 0.7 else f"a.{next(iter(table.columns))} = b.id"
    how = dice.choice(["JOIN", "JOIN", "JOIN", "LEFT JOIN"])
    conditions = [right.condition(1)] + ([left.condition(1)] if dice.random() < 0.5 else [])
    where = " AND ".join(f"({one})" for one in conditions)
    source = f"FROM {schema(table)} a {how} {schema(other)} b ON {on} WHERE {where}"
    if dice.random() < 0.4:
        return f"SELECT {measures(dice, table, 'a')} {source}"
    columns = [f"a.{name}" for name in some_columns(dice, table)] + [f"b.{name}" for name in some_columns(dice, other)]
    names = ", ".join(f"{column} AS v{place}" for place, column in enumerate(columns))
    return f"SELECT {names} {source}"
