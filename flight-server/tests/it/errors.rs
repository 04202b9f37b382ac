//! Every kind of failure as its code, while planning and in the middle of the rows.

use arrow_flight::error::FlightError;
use meshweave_engine::Failure;
use tonic::{Code, Status};

use crate::small::{Server, fetch};

async fn planned(failure: Failure) -> Status {
    let server = Server::start().await;
    *server.probe.refuse.lock() = Some(failure);
    let mut client = server.client().await;
    match client.execute("SELECT 1".into(), None).await.unwrap_err() {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}

async fn running(sql: &str) -> Status {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.execute(sql.into(), None).await.unwrap();
    match fetch(&mut client, &info).await.unwrap_err() {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_kind_has_its_code() {
    let name = || "shop.orders".to_owned();
    let cases = [
        (Failure::ProductNotFound { product: name(), nearest: vec![] }, Code::NotFound),
        (Failure::InvalidQuery { message: "no".into(), hint: None }, Code::InvalidArgument),
        (
            Failure::Denied {
                principal: "ada".into(),
                action: "read",
                product: name(),
                reason: "no".into(),
                hint: None,
            },
            Code::PermissionDenied,
        ),
        (Failure::Unauthenticated { reason: "no".into() }, Code::Unauthenticated),
        (Failure::ContractBroken { product: name(), message: "no".into(), hint: None }, Code::FailedPrecondition),
        (Failure::Unavailable { what: name(), message: "no".into(), cause: None }, Code::Unavailable),
        (Failure::PinnedObjectChanged { product: name(), object: "a".into(), cause: None }, Code::Unavailable),
        (Failure::Exhausted { message: "no".into(), hint: None }, Code::ResourceExhausted),
        (Failure::Cancelled, Code::Cancelled),
        (Failure::TimedOut { limit: "1s".into() }, Code::DeadlineExceeded),
        (Failure::Unsupported { what: "it".into(), hint: None }, Code::Unimplemented),
        (Failure::Internal { message: "the secret".into(), cause: None }, Code::Internal),
    ];
    for (failure, code) in cases {
        let text = format!("{failure:?}");
        let status = planned(failure).await;
        assert_eq!(status.code(), code, "{text}");
        assert!(status.metadata().contains_key("x-meshweave-query-id"), "{text}");
        assert!(!status.details().is_empty() && !status.message().contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_statement_is_the_callers() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (sql, code) in [
        ("SELEC 1", Code::InvalidArgument),
        ("SELECT city + true FROM orders", Code::InvalidArgument),
        ("SELECT nothing FROM orders", Code::NotFound),
        ("SELECT $1", Code::InvalidArgument),
    ] {
        let refused = match client.execute(sql.into(), None).await {
            Err(FlightError::Tonic(status)) => *status,
            Err(other) => panic!("{other}"),
            Ok(info) => match fetch(&mut client, &info).await.unwrap_err() {
                FlightError::Tonic(status) => *status,
                other => panic!("{other}"),
            },
        };
        assert_eq!(refused.code(), code, "{sql}: {refused}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_the_rows_is_a_status_too() {
    let status = running("SELECT CAST(city AS INT) FROM orders WHERE city IS NOT NULL").await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("'Oslo'"), "{}", status.message());
    let status = running("SELECT 1 / (id - id) FROM orders").await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().to_lowercase().contains("divide by zero"), "{}", status.message());
}
