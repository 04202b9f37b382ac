//! The real ADBC driver, from Python, against the built binary: it browses, joins with a bound parameter, and gets the rows that
//! the command line gets.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::stores::{JOIN, stores};

/// The same join with the carrier as a parameter.
fn join_with_parameter() -> String {
    let sql = JOIN.replace("'Brieftaube'", "$1").replace("sum(o.amount)", "CAST(sum(o.amount) AS DOUBLE)");
    assert!(sql.contains("$1") && sql.contains("DOUBLE"), "{sql}");
    sql
}

/// The rows that the command line gives, each as a list.
fn rows(ran: &crate::meshweave::Ran) -> Value {
    let objects = ran.json();
    let rows = objects.as_array().unwrap().iter().map(|row| row.as_object().unwrap().values().cloned().collect());
    Value::Array(rows.collect())
}

/// A running server; stopped by its pid.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_driver_browses_and_joins_two_stores_like_the_command_line() {
    let stores = stores();
    let sql = join_with_parameter();
    let expected_rows = rows(&stores.mesh.run(&["sql", &sql, "--param", "Brieftaube", "--output", "json"]));
    assert!(expected_rows.as_array().unwrap().len() > 1, "{expected_rows}");

    let mut server =
        Server(stores.mesh.command(&["serve", "--listen", "127.0.0.1:0", "--output", "json"]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let uri = told["flight_sql"].as_str().unwrap();

    let expected = json!({
        "catalog": "mesh",
        "schemas": ["commerce", "identity", "logistics"],
        "tables": {"commerce": ["orders", "orders@1", "orders.items", "order_events"], "identity": ["customers"]},
        "columns": {"commerce.orders@1": ["orderId", "customerId", "amount", "status", "timestamp", "note"]},
        "statements": [
            {"sql": sql, "parameters": ["Brieftaube"], "rows": expected_rows},
            {"sql": "SELECT country FROM identity.customers WHERE 1 = 0", "rows": []},
        ],
        "refused": [
            {"sql": "DELETE FROM commerce.orders", "contains": "read"},
            {"sql": "SELECT * FROM identity.login_events", "contains": "login_events"},
        ],
    });
    let file = stores.mesh.scratch().join("expected.json");
    std::fs::write(&file, expected.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../flight-server/tests/python/adbc_browse.py");
    let python = meshweave_test_peers::python().unwrap();
    let ran = Command::new(python).arg(script).arg(uri).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{text}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(text.lines().filter(|line| line.starts_with("ok: ")).count() >= 10, "{text}");
}
