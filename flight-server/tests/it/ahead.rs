//! A statement that is fetched at once is planned once; whatever has changed meanwhile counts.

use std::sync::Arc;
use std::time::Duration;

use meshweave_contract::model::Product;
use meshweave_engine::policy::{AccessBlockPolicy, Action, Decision, PolicyEngine};
use meshweave_engine::settings::{Settings, Timeout};
use meshweave_engine::{Principal, QueryContext};
use meshweave_flight_server::Options;
use parking_lot::Mutex;
use tonic::Code;

use crate::mesh::Mesh;
use crate::small::{ada, fetch, rows, show};

/// A mesh where a plan waits for as long as a slow machine needs.
async fn patient() -> Mesh {
    let mut settings = Settings::default();
    settings.limits.statement_timeout = Timeout(Duration::from_secs(30 * 3600));
    Mesh::serving(settings, Options { plan_waits: Duration::from_secs(3600), ..Options::new(ada()) }).await
}

/// Statements that were planned so far.
fn planned(mesh: &Mesh) -> u64 {
    mesh.engine.metrics().planning.read().count
}

/// Asks for a statement and fetches it twice; gives how often it was planned by then, each time.
async fn check(sql: &str, expected: [u64; 3]) {
    let mesh = patient().await;
    let mut client = mesh.client().await;
    let before = planned(&mesh);
    let info = client.execute(sql.into(), None).await.unwrap();
    let announced = planned(&mesh) - before;
    let first = show(&fetch(&mut client, &info).await.unwrap());
    let fetched = planned(&mesh) - before;
    let second = show(&fetch(&mut client, &info).await.unwrap());
    assert_eq!(first, second, "{sql}");
    assert_eq!([announced, fetched, planned(&mesh) - before], expected, "{sql}");
}

#[tokio::test]
async fn a_statement_over_products_is_planned_once_for_its_first_fetch() {
    check("SELECT city FROM crm.customers ORDER BY 1", [1, 1, 2]).await;
    check("SELECT city, amount FROM analytics.by_city ORDER BY 1", [1, 1, 2]).await;
    check("SELECT 1 AS one", [1, 1, 2]).await;
}

#[tokio::test]
async fn tables_without_versions_are_read_anew() {
    check("SELECT count(*) > 0 FROM mesh.products", [1, 2, 3]).await;
}

#[tokio::test]
async fn without_a_place_for_plans_every_call_plans() {
    let mesh = Mesh::serving(Settings::default(), Options { plans_ahead: 0, ..Options::new(ada()) }).await;
    let before = planned(&mesh);
    assert_eq!(rows(&mut mesh.client().await, "SELECT count(*) FROM crm.customers").await, "2");
    assert_eq!(planned(&mesh) - before, 2);
}

/// The access block, until somebody closes the mesh.
#[derive(Debug, Default)]
struct Closing(Mutex<bool>);

impl PolicyEngine for Closing {
    fn decide(&self, principal: &Principal, purpose: Option<&str>, product: &Product, action: Action) -> Decision {
        if *self.0.lock() {
            return Decision::Refused { reason: "the mesh is closed".to_owned() };
        }
        AccessBlockPolicy.decide(principal, purpose, product, action)
    }
}

#[tokio::test]
async fn a_plan_that_waits_is_no_permission() {
    let policy = Arc::new(Closing::default());
    let mesh = Mesh::deciding(Arc::clone(&policy) as Arc<dyn PolicyEngine>).await;
    let mut client = mesh.client().await;
    for sql in ["SELECT city FROM crm.customers", "SELECT city FROM analytics.by_city"] {
        *policy.0.lock() = false;
        let info = client.execute(sql.into(), None).await.unwrap();
        *policy.0.lock() = true;
        let refused = fetch(&mut client, &info).await.unwrap_err();
        let arrow_flight::error::FlightError::Tonic(status) = refused else { panic!("{refused}") };
        assert!([Code::PermissionDenied, Code::NotFound].contains(&status.code()), "{status:?}");
    }
}

#[tokio::test]
async fn a_plan_is_run_by_the_engine_that_planned_it() {
    let mesh = Mesh::start(&[]).await;
    let ctx = QueryContext::new(ada());
    let statement = meshweave_engine::Statement::new("SELECT city FROM crm.customers");
    let plan = mesh.engine.plan(&ctx, &statement, None).await.unwrap();
    assert!(plan.still_holds(&mesh.engine.snapshot()));
    let other = Mesh::start(&[]).await;
    assert!(!plan.still_holds(&other.engine.snapshot()), "another catalog");
}
