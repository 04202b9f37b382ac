//! The same rows as plain DataFusion, over a corpus of statements.

use std::sync::Arc;

use datafusion::catalog::{MemTable, MemorySchemaProvider, SchemaProvider};
use datafusion::prelude::SessionContext;

use super::mesh::{Mesh, Spec, batch, cells, floats, ints, texts};

const CORPUS: &[&str] = &[
    "SELECT * FROM t.one",
    "SELECT x, s FROM t.one WHERE x > 1 ORDER BY x DESC",
    "SELECT DISTINCT s FROM t.one",
    "SELECT count(*), sum(x), avg(f), min(s), max(s) FROM t.one",
    "SELECT s, count(*) FROM t.one GROUP BY s HAVING count(*) > 1",
    "SELECT s, x, sum(f) FROM t.one GROUP BY GROUPING SETS ((s), (x), ())",
    "SELECT s, x, count(*) FROM t.one GROUP BY ROLLUP (s, x)",
    "SELECT s, x, count(*) FROM t.one GROUP BY CUBE (s, x)",
    "SELECT x, row_number() OVER (ORDER BY x) FROM t.one",
    "SELECT x, sum(f) OVER (PARTITION BY s ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t.one",
    "SELECT x, lag(x) OVER (ORDER BY x), lead(x, 2) OVER (ORDER BY x), first_value(s) OVER (ORDER BY x) FROM t.one",
    "SELECT x, rank() OVER w, dense_rank() OVER w FROM t.one WINDOW w AS (ORDER BY s)",
    "SELECT x FROM t.one QUALIFY row_number() OVER (PARTITION BY s ORDER BY x) = 1",
    "SELECT o.x, w.y FROM t.one o JOIN t.two w ON o.x = w.x",
    "SELECT o.x, w.y FROM t.one o LEFT JOIN t.two w ON o.x = w.x",
    "SELECT o.x, w.y FROM t.one o RIGHT JOIN t.two w ON o.x = w.x",
    "SELECT o.x, w.y FROM t.one o FULL JOIN t.two w ON o.x = w.x",
    "SELECT count(*) FROM t.one CROSS JOIN t.two",
    "SELECT x FROM t.one LEFT SEMI JOIN t.two USING (x)",
    "SELECT x FROM t.one LEFT ANTI JOIN t.two USING (x)",
    "SELECT x, y FROM t.one NATURAL JOIN t.two",
    "SELECT one.x, two.y FROM t.one, t.two WHERE one.x = two.x",
    "SELECT t.one.x, t.two.y FROM t.one, t.two WHERE t.one.x = t.two.x",
    "SELECT x FROM t.one UNION SELECT x FROM t.two",
    "SELECT x FROM t.one UNION ALL SELECT x FROM t.two",
    "SELECT x FROM t.one INTERSECT SELECT x FROM t.two",
    "SELECT x FROM t.one EXCEPT SELECT x FROM t.two",
    "(SELECT x FROM t.one LIMIT 0) UNION ALL (SELECT y FROM t.two)",
    "SELECT x FROM t.one WHERE x IN (SELECT x FROM t.two)",
    "SELECT x FROM t.one WHERE x NOT IN (SELECT x FROM t.two)",
    "SELECT x FROM t.one o WHERE EXISTS (SELECT 1 FROM t.two w WHERE w.x = o.x)",
    "SELECT x FROM t.one o WHERE NOT EXISTS (SELECT 1 FROM t.two w WHERE w.x = o.x AND w.y > 1)",
    "SELECT x, (SELECT max(y) FROM t.two) FROM t.one",
    "SELECT x, (SELECT sum(y) FROM t.two w WHERE w.x = o.x) FROM t.one o",
    "SELECT x FROM t.one WHERE f > (SELECT avg(f) FROM t.one)",
    "WITH a AS (SELECT x FROM t.one), b AS (SELECT x FROM a WHERE x > 1) SELECT * FROM a JOIN b USING (x)",
    "WITH one AS (SELECT 42 AS x) SELECT * FROM one",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
    "WITH a(p, q) AS (SELECT x, s FROM t.one) SELECT q, max(p) FROM a GROUP BY q",
    "SELECT d.m FROM (SELECT max(x) AS m FROM t.one GROUP BY s) AS d",
    "SELECT d.a, d.b FROM (SELECT x, s FROM t.one) AS d(a, b)",
    "SELECT o.x, l.z FROM t.one o, LATERAL (SELECT o.x * 2 AS z) l",
    "SELECT o.x, l.y FROM t.one o CROSS JOIN LATERAL (SELECT y FROM t.two w WHERE w.x = o.x) l",
    "SELECT unnest([1, 2, 3])",
    "SELECT x, unnest(make_array(x, x * 10)) FROM t.one",
    "SELECT * FROM unnest([1, 2], ['a', 'b']) AS u(n, c)",
    "SELECT array_agg(x ORDER BY x) FROM t.one",
    "SELECT array_length([1, 2]), [1, 2, 3][2], array_concat([1], [2]), [1, 2, 3][1:2]",
    "SELECT named_struct('a', x, 'b', s)['a'] FROM t.one",
    "SELECT string_agg(s, ',' ORDER BY x) FROM t.one",
    "SELECT CASE WHEN x > 1 THEN 'many' ELSE 'one' END, coalesce(NULL, s), nullif(x, 1) FROM t.one",
    "SELECT upper(s), substr(s, 1, 1), s || '!', length(s), s LIKE 'a%', regexp_like(s, '^b') FROM t.one",
    "SELECT CAST(x AS VARCHAR), x::DOUBLE, TRY_CAST(s AS INT) FROM t.one",
    "SELECT date_trunc('month', TIMESTAMP '2026-02-03 04:05:06'), extract(year FROM DATE '2026-02-03')",
    "SELECT DATE '2026-01-31' + INTERVAL '1 month', INTERVAL '2 days'",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, c)",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT sum(value) FROM generate_series(1, 100)",
    "SELECT x FROM t.one ORDER BY s DESC, x LIMIT 2 OFFSET 1",
    "SELECT * EXCEPT (f) FROM t.one",
    "SELECT * REPLACE (x + 1 AS x) FROM t.one",
    "SELECT count(DISTINCT s), count(*) FILTER (WHERE x > 1), approx_distinct(x) FROM t.one",
    "SELECT stddev(f), median(f), corr(x, f) FROM t.one",
    "SELECT DISTINCT ON (s) s, x FROM t.one ORDER BY s, x",
    "SELECT x IS NULL, x BETWEEN 1 AND 2, NOT (x = 1), -x, x % 2, x IS DISTINCT FROM 1 FROM t.one",
    "SELECT s, x FROM t.one ORDER BY ALL",
    "SELECT s, count(*) FROM t.one GROUP BY ALL",
    "SELECT 'O''Reilly', \"one\".x FROM t.one",
];

const JSON: &[(&str, &str)] = &[
    ("SELECT json_get_int(j, 'a') FROM t.docs ORDER BY 1", "1;2"),
    ("SELECT json_get_str(j, 'b', 'c') FROM t.docs ORDER BY 1 NULLS LAST", "x;"),
    ("SELECT j->'a' IS NOT NULL, j->>'a' FROM t.docs ORDER BY 2", "true|1;true|2"),
    ("SELECT count(*) FROM t.docs WHERE json_contains(j, 'b')", "1"),
    ("SELECT count(*) FROM t.docs WHERE j ? 'b'", "1"),
    ("SELECT sum(json_length(j)) FROM t.docs", "3"),
];

fn tables() -> Vec<Spec> {
    let one = batch(vec![
        ("x", ints(&[1, 2, 3, 4])),
        ("s", texts(&["a", "b", "a", "c"])),
        ("f", floats(&[0.5, 1.5, 2.5, -1.0])),
    ]);
    let two = batch(vec![("x", ints(&[2, 3, 3, 9])), ("y", ints(&[1, 2, 3, 4]))]);
    let docs = batch(vec![("j", texts(&[r#"{"a": 1, "b": {"c": "x"}}"#, r#"{"a": 2}"#]))]);
    vec![
        Spec::table("t.one", "1.0.0", vec![one]),
        Spec::table("t.two", "1.0.0", vec![two]),
        Spec::table("t.docs", "1.0.0", vec![docs]),
    ]
}

fn plain() -> SessionContext {
    let ctx = SessionContext::new();
    let schema = Arc::new(MemorySchemaProvider::new());
    for spec in tables() {
        let (name, mut versions) = spec.tables.into_iter().next().unwrap();
        let rows = versions.remove(0);
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        schema.register_table(name.to_owned(), Arc::new(table)).unwrap();
    }
    ctx.catalog("datafusion").unwrap().register_schema("t", schema).unwrap();
    ctx
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "plain DataFusion is what we compare with")]
async fn the_same_rows_as_plain_datafusion() {
    let mesh = Mesh::new(tables()).await;
    let plain = plain();
    let mut compared = 0;
    for sql in CORPUS {
        let expected = match plain.sql(sql).await {
            Ok(frame) => frame.collect().await,
            Err(error) => Err(error),
        };
        let mut expected = match expected {
            Ok(batches) => cells(&batches),
            Err(error) => panic!("the corpus must run on plain DataFusion: {sql}\n{error}"),
        };
        let statement = meshweave_engine::Statement::new(*sql);
        let answer = match mesh.engine.query(&super::mesh::guest(), &statement).await {
            Ok(answer) => answer.collect().await,
            Err(error) => Err(error),
        };
        let mut rows = match answer {
            Ok(batches) => cells(&batches),
            Err(error) => panic!("{sql}\n{}", error.report()),
        };
        if !sql.contains("ORDER BY") {
            expected.sort();
            rows.sort();
        }
        assert_eq!(rows, expected, "{sql}");
        compared += 1;
    }
    assert!(compared >= 60, "{compared}");
}

#[tokio::test]
async fn functions_and_operators_on_json() {
    let mesh = Mesh::new(tables()).await;
    for (sql, expected) in JSON {
        match mesh.cells(sql).await {
            Ok(cells) => assert_eq!(cells, *expected, "{sql}"),
            Err(error) => panic!("{sql}\n{}", error.report()),
        }
    }
}
