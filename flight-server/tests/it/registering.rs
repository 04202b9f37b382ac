//! The actions that are ours: finding products by words, and registering contracts over the wire.

use arrow_flight::Action;
use arrow_flight::flight_service_client::FlightServiceClient;
use futures::TryStreamExt;
use meshweave_engine::Principal;
use meshweave_engine::settings::Settings;
use meshweave_flight_server::Options;
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::mesh::Mesh;
use crate::small::rows;

const REGISTER: &str = "meshweave.register";

/// A server that takes contracts of at most `largest` bytes; `team`: the one of every caller.
async fn taking(team: &str, largest: Option<usize>) -> Mesh {
    let principal = Principal { user: "ada".into(), teams: vec![team.to_owned()] };
    let options = Options { register: largest, ..Options::new(principal) };
    Mesh::serving(Settings::default(), options).await
}

async fn raw(mesh: &Mesh) -> FlightServiceClient<Channel> {
    FlightServiceClient::new(Channel::from_shared(mesh.address.clone()).unwrap().connect().await.unwrap())
}

async fn act(mesh: &Mesh, action: &str, body: &Value) -> Result<Value, Status> {
    let action = Action { r#type: action.to_owned(), body: body.to_string().into() };
    let answers: Vec<_> = raw(mesh).await.do_action(action).await?.into_inner().try_collect().await?;
    Ok(serde_json::from_slice(&answers[0].body).unwrap())
}

/// A view of `analytics` over another table.
fn view(name: &str, over: &str) -> Value {
    let text = format!(
        "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: {name}\n  domain: analytics\n  version: 1.0.0\n  \
         owner: {{ team: analytics-team, contact: a@example.com }}\nspec:\n  sql: SELECT city FROM {over}\n  \
         access: {{ discovery: public, read: public }}\n"
    );
    json!({"file": format!("{name}.yaml"), "text": text})
}

fn outcomes(answer: &Value) -> Vec<String> {
    let told = |done: &Value| {
        let word = done["registered"]["outcome"].as_str().or_else(|| done["failed"]["kind"].as_str());
        format!("{} {}", done["file"].as_str().unwrap(), word.unwrap())
    };
    answer["done"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn contracts_are_registered_and_can_be_asked_at_once() {
    let mesh = taking("analytics-team", Some(1 << 20)).await;
    // The second one reads the first one.
    let documents = json!([view("towns", "analytics.cities"), view("cities", "crm.customers")]);
    let body = |dry_run: bool| json!({"v": 1, "documents": documents, "dry_run": dry_run});
    let planned = act(&mesh, REGISTER, &body(true)).await.unwrap();
    assert_eq!(outcomes(&planned), ["cities.yaml would register", "towns.yaml not_found"]);
    let done = act(&mesh, REGISTER, &body(false)).await.unwrap();
    assert_eq!(outcomes(&done), ["cities.yaml registered", "towns.yaml registered"]);
    assert_eq!(done["done"][0]["registered"]["id"]["version"], "1.0.0");
    assert_eq!(rows(&mut mesh.client().await, "SELECT count(*) FROM analytics.towns").await, "2");
    let again = act(&mesh, REGISTER, &body(false)).await.unwrap();
    assert_eq!(outcomes(&again), ["towns.yaml unchanged", "cities.yaml unchanged"]);
}

#[tokio::test]
async fn only_the_owners_team_registers() {
    let mesh = taking("crm-team", Some(1 << 20)).await;
    let body = json!({"v": 1, "documents": [view("cities", "crm.customers")]});
    let refused = act(&mesh, REGISTER, &body).await.unwrap();
    let failed = &refused["done"][0]["failed"];
    assert_eq!(
        (failed["kind"].as_str(), failed["hint"].as_str()),
        (Some("denied"), Some("Ask analytics@example.com."))
    );
    assert!(mesh.engine.snapshot().entries.iter().all(|entry| entry.id().name.to_string() != "analytics.cities"));
}

#[tokio::test]
async fn every_problem_is_told_with_its_place() {
    let mesh = taking("analytics-team", Some(1 << 20)).await;
    let text = "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: a b\n  domain: analytics\n  version: one\n";
    let body = json!({"v": 1, "documents": [{"file": "broken.yaml", "text": text}, view("cities", "crm.customers")]});
    let told = act(&mesh, REGISTER, &body).await.unwrap();
    let of = |file: &str| told["done"].as_array().unwrap().iter().find(|done| done["file"] == file).unwrap();
    let failed = &of("broken.yaml")["failed"];
    assert_eq!(failed["kind"], "invalid_contract");
    let problems: Vec<&str> = failed["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(problems.iter().any(|problem| problem.starts_with("broken.yaml:4:")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("broken.yaml:6:")), "{problems:?}");
    assert_eq!(of("cities.yaml")["registered"]["outcome"], "registered", "the others are not stopped");
}

#[tokio::test]
async fn a_server_that_was_not_told_to_registers_nothing() {
    let mesh = taking("analytics-team", None).await;
    let body = json!({"v": 1, "documents": [view("cities", "crm.customers")]});
    let refused = act(&mesh, REGISTER, &body).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("listen.register: true"), "{}", refused.message());
    let mut client = raw(&mesh).await;
    let listed: Vec<_> =
        client.list_actions(arrow_flight::Empty {}).await.unwrap().into_inner().try_collect().await.unwrap();
    assert!(listed.iter().all(|action| action.r#type != REGISTER), "nothing is listed that is then refused");
}

async fn check(body: Value, code: Code, text: &str) {
    let mesh = taking("analytics-team", Some(200)).await;
    let refused = act(&mesh, REGISTER, &body).await.unwrap_err();
    assert_eq!(refused.code(), code, "{}", refused.message());
    assert!(refused.message().contains(text), "{}", refused.message());
}

#[tokio::test]
async fn bodies_of_other_versions_and_sizes_are_refused() {
    check(json!({"v": 2, "documents": []}), Code::Unimplemented, "version 2 of meshweave.register").await;
    check(json!({"documents": []}), Code::InvalidArgument, "has no version").await;
    check(json!([]), Code::InvalidArgument, "cannot be read").await;
    check(json!({"v": 1, "documents": [], "force": true}), Code::InvalidArgument, "force").await;
    check(json!({"v": 1, "documents": []}), Code::FailedPrecondition, "no contract").await;
    let large = json!({"file": "large.yaml", "text": "x".repeat(201)});
    check(json!({"v": 1, "documents": [large]}), Code::ResourceExhausted, "large.yaml has 201 bytes").await;
}

#[tokio::test]
async fn a_search_over_the_wire_is_the_engines() {
    let mesh = Mesh::start(&[]).await;
    for words in ["orders", "custmers", "about city", "secrets", ""] {
        let told = act(&mesh, "meshweave.search", &json!({"v": 1, "words": words})).await.unwrap();
        let here = mesh.engine.snapshot();
        let hits = here.search(words, &|product| product.id.name.to_string() != "crm.secrets");
        assert_eq!(told["hits"], hits.iter().map(meshweave_engine::catalog::search::Hit::told).collect::<Value>());
        assert_eq!(hits.is_empty(), ["secrets", ""].contains(&words), "{words}: {hits:?}");
    }
    let long = act(&mesh, "meshweave.search", &json!({"v": 1, "words": "x".repeat(5000)})).await.unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument);
}
