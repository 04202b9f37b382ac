//! Names of tables and columns: every way to write them, and what must stay an error.

use meshweave_engine::{Kind, Statement};

use super::mesh::{Mesh, guest, shop};

#[tokio::test]
async fn every_way_to_write_a_name() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        // Tables.
        ("SELECT sum(amount) FROM commerce.orders", "60.0"),
        ("SELECT sum(amount) FROM mesh.commerce.orders", "60.0"),
        ("SELECT sum(amount) FROM COMMERCE.Orders", "60.0"),
        ("SELECT sum(amount) FROM \"commerce\".\"orders\"", "60.0"),
        ("SELECT sum(amount) FROM commerce.\"orders@1\"", "7.0"),
        ("SELECT sum(amount) FROM commerce.\"orders@2\"", "60.0"),
        ("SELECT count(*) FROM commerce.orders.items", "3"),
        ("SELECT count(*) FROM mesh.commerce.orders.items", "3"),
        ("SELECT count(*) FROM commerce.\"orders.items\"", "3"),
        ("SELECT sum(clv) FROM customer.customer_lifetime_value", "2.0"),
        ("SELECT sum(clv) FROM customer.\"customer-lifetime-value\"", "2.0"),
        // Columns fold.
        ("SELECT orderid FROM commerce.orders ORDER BY ORDERID DESC LIMIT 1", "3"),
        ("SELECT \"orderId\" FROM commerce.orders ORDER BY 1 LIMIT 1", "1"),
        ("SELECT max(customer_id) FROM customer.customer_lifetime_value", "2"),
        ("SELECT sum(qty), max(QTY) FROM commerce.orders.items", "18|7"),
        ("SELECT count(*) FROM commerce.orders WHERE customerid = 2 AND Status = 'done'", "2"),
        ("SELECT status, sum(amount) AS s FROM commerce.orders GROUP BY STATUS ORDER BY S", "open|20.0;done|40.0"),
        // Qualifiers follow.
        ("SELECT max(orders.orderid) FROM commerce.orders", "3"),
        ("SELECT max(commerce.orders.orderid) FROM commerce.orders", "3"),
        ("SELECT max(mesh.commerce.orders.ORDERID) FROM commerce.orders", "3"),
        ("SELECT max(Orders.OrderId) FROM COMMERCE.ORDERS", "3"),
        ("SELECT max(o.orderid) FROM commerce.orders o", "3"),
        ("SELECT max(O.orderid) FROM commerce.orders AS O", "3"),
        ("SELECT max(items.qty) FROM commerce.orders.items", "7"),
        ("SELECT max(orders.items.qty) FROM commerce.orders.items", "7"),
        ("SELECT max(commerce.orders.items.qty) FROM commerce.orders.items", "7"),
        ("SELECT max(mesh.commerce.orders.items.qty) FROM commerce.orders.items", "7"),
        ("SELECT max(customer_lifetime_value.clv) FROM customer.customer_lifetime_value", "1.5"),
        ("SELECT max(customer.customer_lifetime_value.customer_id) FROM customer.customer_lifetime_value", "2"),
        ("SELECT max(\"orders@1\".amount) FROM commerce.\"orders@1\"", "7.0"),
        ("SELECT orders.* FROM commerce.\"orders@1\"", "7|2|7.0|done"),
        ("SELECT commerce.orders.* FROM commerce.\"orders@1\"", "7|2|7.0|done"),
        ("SELECT * EXCLUDE (orderid, status) FROM commerce.\"orders@1\"", "2|7.0"),
        // The same column in several tables.
        ("SELECT sum(i.qty) FROM commerce.orders o JOIN commerce.orders.items i ON o.orderid = i.orderid", "18"),
        ("SELECT sum(qty) FROM commerce.orders JOIN commerce.orders.items USING (orderid)", "18"),
        ("SELECT count(*) FROM commerce.orders NATURAL JOIN commerce.orders.items", "3"),
        (
            "SELECT sum(items.qty) FROM commerce.orders, commerce.orders.items WHERE orders.orderid = items.orderid",
            "18",
        ),
        ("SELECT a.amount, b.amount FROM commerce.\"orders@1\" a, commerce.orders b WHERE b.orderid = 3", "7.0|30.0"),
        ("SELECT count(*) FROM commerce.orders a JOIN commerce.orders b ON a.orderid < b.orderid", "3"),
        // Two products spell a column differently: the qualifier decides, or the spelling as typed.
        ("SELECT o.orderid, u.orderid FROM commerce.\"orders@1\" o, odd.upper u", "7|9"),
        ("SELECT orderId, ORDERID FROM commerce.\"orders@1\", odd.upper", "7|9"),
        ("SELECT orders.orderid, upper.orderid FROM commerce.\"orders@1\", odd.upper", "7|9"),
        // Aliases stay consistent, whatever the product's spelling.
        ("SELECT total FROM (SELECT sum(amount) AS TOTAL FROM commerce.orders)", "60.0"),
        ("SELECT Total FROM (SELECT count(*) AS total FROM odd.upper)", "1"),
        ("SELECT \"total\" FROM (SELECT count(*) AS \"total\" FROM odd.upper)", "1"),
        ("SELECT total FROM (SELECT count(*) AS \"total\" FROM odd.upper)", "1"),
        ("SELECT x.orderid FROM (SELECT ORDERID FROM odd.upper) AS x", "9"),
        ("SELECT OrderID FROM (SELECT orderid AS OrderId FROM commerce.\"orders@1\") AS t", "7"),
        ("SELECT k FROM (VALUES (1), (2)) AS v(K), commerce.\"orders@1\" WHERE K = 2", "2"),
        ("WITH t(Total) AS (SELECT 5) SELECT t.TOTAL FROM t, odd.upper", "5"),
        ("SELECT upper('x'), total FROM odd.upper", "X|1"),
        // Views and the session's schema.
        ("SELECT sum(amount) FROM sales.facts", "60.0"),
        ("SELECT customer, count(*) FROM sales.facts GROUP BY customer ORDER BY 1", "Ada|1;Bob|2"),
        ("SELECT facts.orderid FROM sales.facts WHERE amount > 25", "3"),
        ("SELECT count(*) FROM sales.big", "2"),
        ("SELECT count(*) FROM sales.big b JOIN sales.facts f ON b.orderid = f.orderid", "2"),
    ];
    for (sql, expected) in cases {
        match mesh.cells(sql).await {
            Ok(cells) => assert_eq!(cells, expected, "{sql}"),
            Err(error) => panic!("{sql}\n{}\n{:?}", error.report(), error.hint()),
        }
    }
}

#[tokio::test]
async fn with_queries_hide_products_where_they_are_in_scope() {
    let mesh = Mesh::new(shop()).await;
    let mut ctx = guest();
    ctx.default_schema = Some("commerce".to_owned());
    let cases = [
        ("SELECT count(*) FROM orders", "3"),
        ("SELECT max(orders.orderid) FROM orders", "3"),
        ("WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM orders", "1"),
        ("WITH ORDERS AS (SELECT 1 AS x) SELECT count(*) FROM orders", "1"),
        // In its own definition the name is still the product's.
        ("WITH orders AS (SELECT * FROM orders WHERE orderid > 1) SELECT count(*) FROM orders", "2"),
        (
            "WITH a AS (SELECT * FROM orders), orders AS (SELECT 1 AS x) SELECT (SELECT count(*) FROM a) AS n, count(*) AS m FROM orders",
            "3|1",
        ),
        // A qualified name is always the product's.
        ("WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM commerce.orders", "3"),
        // Inner names end with their query.
        ("SELECT (WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM orders) AS n, count(*) AS m FROM orders", "1|3"),
        ("SELECT count(*) FROM (WITH orders AS (SELECT 1 AS x) SELECT * FROM orders) t, orders", "3"),
        ("WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM crm.customer WHERE EXISTS (SELECT 1 FROM orders)", "2"),
        ("WITH orders AS (SELECT 2 AS x) SELECT count(*) FROM crm.customer WHERE id IN (SELECT x FROM orders)", "1"),
        (
            "WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM (SELECT x FROM orders UNION ALL SELECT amount FROM commerce.orders) u",
            "4",
        ),
        (
            "WITH RECURSIVE orders AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM orders WHERE x < 4) SELECT sum(x) FROM orders",
            "10",
        ),
        (
            "SELECT sum(q) FROM crm.customer c, LATERAL (SELECT amount AS q FROM orders WHERE customerid = c.id) l",
            "60.0",
        ),
    ];
    for (sql, expected) in cases {
        match mesh.cells_as(&ctx, &Statement::new(sql)).await {
            Ok(cells) => assert_eq!(cells, expected, "{sql}"),
            Err(error) => panic!("{sql}\n{}\n{:?}", error.report(), error.hint()),
        }
    }
}

#[tokio::test]
async fn the_answer_bears_the_products_spelling() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT ORDERID, customerid AS c, amount AS ORDERID2 FROM commerce.orders";
    let info = mesh.engine.describe(&guest(), sql).await.unwrap();
    let names: Vec<&str> = info.schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["orderId", "c", "orderid2"]);
    assert_eq!(mesh.memory.calls.lock().len(), 0, "describing touches no storage");
    let planned = mesh.engine.plan(&guest(), &Statement::new(sql), None).await.unwrap();
    assert_eq!(planned.schema(), info.schema);
    let answer = planned.run().await.unwrap();
    assert_eq!(answer.schema, info.schema);
    for batch in answer.collect().await.unwrap() {
        assert_eq!(batch.schema(), info.schema);
    }
}

#[tokio::test]
async fn names_that_lead_nowhere_and_statements_that_are_refused() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        ("SELECT * FROM commerce.ordrs", Kind::NotFound, "\"commerce.ordrs\" does not exist", "commerce.orders"),
        ("SELECT * FROM nowhere.orders", Kind::NotFound, "does not exist", ""),
        ("SELECT * FROM orders", Kind::NotFound, "orders", "commerce.orders"),
        ("SELECT * FROM \"Commerce\".orders", Kind::NotFound, "does not exist", ""),
        ("SELECT * FROM hr.secret", Kind::NotFound, "\"hr.secret\" does not exist", ""),
        (
            "SELECT amuont FROM commerce.orders",
            Kind::NotFound,
            "column \"amuont\" does not exist",
            "Did you mean amount?",
        ),
        ("SELECT o.amuont FROM commerce.orders o", Kind::NotFound, "column \"amuont\"", "Did you mean amount?"),
        ("SELECT sums(amount) FROM commerce.orders", Kind::NotFound, "function \"sums\"", "sum"),
        (
            "SELECT OrDeRiD FROM commerce.orders, odd.upper",
            Kind::InvalidQuery,
            "\"ORDERID\" or \"orderId\"",
            "double quotes",
        ),
        ("SELECT amount FROM commerce.orders a, commerce.orders b", Kind::InvalidQuery, "in several tables", "alias"),
        ("SELECT orders.amount FROM commerce.orders o", Kind::NotFound, "column \"amount\"", ""),
        ("SELEC 1", Kind::InvalidQuery, "", ""),
        ("", Kind::InvalidQuery, "empty", ""),
        ("SELECT 1; SELECT 2", Kind::InvalidQuery, "2 statements", "one statement"),
        ("INSERT INTO commerce.orders VALUES (1)", Kind::Unsupported, "INSERT INTO through SQL", "read-only"),
        ("UPDATE commerce.orders SET amount = 1", Kind::Unsupported, "UPDATE", "read-only"),
        ("DELETE FROM commerce.orders", Kind::Unsupported, "DELETE FROM", "read-only"),
        ("CREATE TABLE t AS SELECT 1", Kind::Unsupported, "a temporary table without a session", "cookies"),
        ("CREATE TABLE commerce.t AS SELECT 1", Kind::Unsupported, "CREATE TABLE", "register"),
        (
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
            Kind::Unsupported,
            "CREATE EXTERNAL TABLE",
            "register",
        ),
        ("DROP TABLE commerce.orders", Kind::Unsupported, "DROP TABLE", "register"),
        ("COPY (SELECT 1) TO '/tmp/x.parquet'", Kind::Unsupported, "COPY", "read-only"),
        ("EXPLAIN COPY (SELECT 1) TO '/tmp/x.parquet'", Kind::Unsupported, "COPY", "read-only"),
        ("SET datafusion.execution.batch_size = 1", Kind::Unsupported, "SET", "session"),
        ("SELECT * INTO x FROM commerce.orders", Kind::Unsupported, "SELECT INTO", "read-only"),
        (
            "WITH d AS (DELETE FROM commerce.orders RETURNING *) SELECT * FROM d",
            Kind::Unsupported,
            "DELETE",
            "read-only",
        ),
        ("SELECT * FROM commerce.orders FOR UPDATE", Kind::Unsupported, "locking", ""),
        ("SELECT * FROM commerce.orders TABLESAMPLE (10 PERCENT)", Kind::Unsupported, "TABLESAMPLE", ""),
        ("SELECT * FROM sales.loop_a", Kind::ContractBroken, "stands on itself", ""),
        ("SELECT * FROM sales.writes", Kind::ContractBroken, "DELETE", ""),
        ("SELECT 1/0", Kind::InvalidQuery, "divide by zero", ""),
        ("SELECT CAST(status AS INT) FROM commerce.orders", Kind::InvalidQuery, "cannot cast string", ""),
        ("SELECT * FROM 'file.parquet'", Kind::NotFound, "", ""),
        ("SELECT * FROM read_parquet('/etc/passwd')", Kind::NotFound, "table function \"read_parquet\"", ""),
    ];
    for (sql, kind, text, hint) in cases {
        let error = mesh.cells(sql).await.expect_err(sql);
        let hints = error.hint().unwrap_or_default();
        let told = format!("{sql}\n{}\n{hints}", error.report());
        assert_eq!(error.kind(), kind, "{told}");
        assert!(error.to_string().contains(text), "{told}");
        assert!(hints.contains(hint), "{told}");
        assert!(!told.contains('\u{1}'), "{told}");
    }
}

#[tokio::test]
async fn listings_are_the_system_tables() {
    let mesh = Mesh::new(shop()).await;
    let tables = mesh.cells("SHOW TABLES").await.unwrap();
    assert!(tables.contains("mesh|commerce|orders.items|BASE TABLE"), "{tables}");
    assert!(tables.contains("mesh|hr|salaries|"), "what may be found is listed: {tables}");
    assert!(!tables.contains("secret"), "{tables}");
    let some = mesh.cells("SHOW TABLES FROM CRM LIKE 'cust%'").await.unwrap();
    assert_eq!(some, "mesh|crm|customer|BASE TABLE");
    let columns = "orderId|Int64|YES;customerId|Int64|YES;amount|Float64|YES;status|Utf8|YES";
    for sql in ["DESCRIBE commerce.orders", "DESC COMMERCE.orders", "SHOW COLUMNS FROM commerce.orders"] {
        assert_eq!(mesh.cells(sql).await.unwrap(), columns, "{sql}");
    }
    assert_eq!(mesh.cells("SHOW COLUMNS FROM commerce.orders LIKE 'a%'").await.unwrap(), "amount|Float64|YES");
    assert_eq!(mesh.cells("DESCRIBE sales.facts").await.unwrap().split(';').count(), 3);
    let schemas = mesh.cells("SHOW SCHEMAS").await.unwrap();
    assert!(schemas.contains("mesh|commerce") && schemas.contains("mesh|odd"), "{schemas}");
    let products = mesh.cells("SELECT count(*) FROM mesh.products WHERE domain = 'hr'").await.unwrap();
    assert_eq!(products, "1");
    let joined = "SELECT count(*) FROM mesh.products p JOIN information_schema.tables t \
                  ON t.table_schema = p.domain AND t.table_name = p.product WHERE p.domain = 'crm'";
    assert_eq!(mesh.cells(joined).await.unwrap(), "1");
    assert_eq!(mesh.memory.calls.lock().len(), 0, "listings touch no storage");
}
