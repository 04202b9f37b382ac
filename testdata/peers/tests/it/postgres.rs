//! What the rest of the tests rely on in the PostgreSQL server.

use meshweave_test_peers::PostgresServer;

/// The state of a process: `S`, `T` when it was stopped in its tracks; none when it is gone.
fn state(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().next().map(str::to_owned)
}

#[tokio::test]
async fn what_was_written_survives_a_kill() {
    let server = PostgresServer::start().await.unwrap();
    server.sql("postgres", "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    let (url, pid) = (server.url("postgres"), server.pid());
    server.kill().await.unwrap();
    assert!(server.sql("postgres", "SELECT n FROM t").is_err());
    server.restart().await.unwrap();
    assert_eq!(server.sql("postgres", "SELECT n FROM t").unwrap(), "7");
    assert_eq!(server.url("postgres"), url);
    assert_ne!(server.pid(), pid);
}

#[tokio::test]
async fn a_paused_server_goes_on_where_it_was() {
    let server = PostgresServer::start().await.unwrap();
    server.pause().unwrap();
    assert_eq!(state(server.pid()).as_deref(), Some("T"));
    server.resume().unwrap();
    assert_eq!(server.sql("postgres", "SELECT 7").unwrap(), "7");
}

#[tokio::test]
async fn a_dropped_server_is_gone_even_when_it_was_paused() {
    for paused in [false, true] {
        let server = PostgresServer::start().await.unwrap();
        if paused {
            server.pause().unwrap();
        }
        let pid = server.pid();
        drop(server);
        assert_eq!(state(pid), None, "paused: {paused}");
    }
}

#[tokio::test]
async fn tests_share_a_server_and_not_a_database() {
    let (a, b) = (PostgresServer::database().await.unwrap(), PostgresServer::database().await.unwrap());
    a.sql("CREATE TABLE t (n INT)").unwrap();
    assert!(b.sql("SELECT * FROM t").is_err());
    assert_ne!(a.url(), b.url());
}
