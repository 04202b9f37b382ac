//! Sessions: the options that are kept, who keeps them, and when they end.

use std::collections::HashMap;
use std::time::Duration;

use arrow_flight::Action;
use arrow_flight::flight_service_client::FlightServiceClient;
use futures::TryStreamExt;
use meshweave_engine::settings::Settings;
use meshweave_flight_server::{Options, SessionLimits};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::mesh::Mesh;
use crate::small::{Client, ada, rows};

/// `SessionOptionValue` as a client of another maker writes it.
#[derive(Clone, PartialEq, Message)]
struct OptionValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(sfixed64, optional, tag = "3")]
    whole: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionsMessage {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, OptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorValue {
    #[prost(int32, tag = "1")]
    value: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Errors {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, ErrorValue>,
}

/// A raw client that sends the same headers with every call.
struct Raw {
    client: FlightServiceClient<Channel>,
    headers: Vec<(&'static str, String)>,
}

impl Raw {
    async fn new(mesh: &Mesh, headers: &[(&'static str, &str)]) -> Self {
        let channel = Channel::from_shared(mesh.address.clone()).unwrap().connect().await.unwrap();
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { client: FlightServiceClient::new(channel), headers }
    }

    /// The answer of an action, and its headers.
    async fn act(&mut self, action: &str, body: Vec<u8>) -> Result<(Vec<u8>, MetadataMap), tonic::Status> {
        let mut request = Request::new(Action { r#type: action.to_owned(), body: body.into() });
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        let response = self.client.do_action(request).await?;
        let headers = response.metadata().clone();
        let answers: Vec<_> = response.into_inner().try_collect().await?;
        Ok((answers[0].body.to_vec(), headers))
    }

    async fn set(&mut self, options: &[(&str, &str)]) -> HashMap<String, i32> {
        let value = |text: &str| OptionValue { text: Some(text.to_owned()), whole: None };
        let options = options.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        let (body, _) = self.act("SetSessionOptions", OptionsMessage { options }.encode_to_vec()).await.unwrap();
        Errors::decode(&*body).unwrap().errors.into_iter().map(|(name, error)| (name, error.value)).collect()
    }

    async fn get(&mut self, name: &str) -> String {
        let (body, _) = self.act("GetSessionOptions", vec![]).await.unwrap();
        let options = OptionsMessage::decode(&*body).unwrap().options;
        let value = options.get(name).unwrap_or_else(|| panic!("{name} is not told: {options:?}"));
        value.text.clone().or_else(|| value.whole.map(|whole| whole.to_string())).unwrap_or_default()
    }

    async fn close(&mut self) {
        let (body, _) = self.act("CloseSession", vec![]).await.unwrap();
        assert_eq!(body, [8, 1], "closed");
    }
}

/// A client with a login of its own.
async fn login(mesh: &Mesh) -> (Client, String) {
    let mut client = mesh.client().await;
    client.handshake("ada", "anything").await.unwrap();
    let bearer = format!("Bearer {}", client.token().unwrap());
    (client, bearer)
}

#[tokio::test]
async fn a_login_has_a_session_and_what_it_sets_holds_for_its_queries() {
    let mesh = Mesh::start(&[]).await;
    let (mut client, bearer) = login(&mesh).await;
    let mut raw = Raw::new(&mesh, &[("authorization", &bearer)]).await;
    assert_eq!((raw.get("catalog").await, raw.get("schema").await), ("mesh".into(), String::new()));
    assert!(raw.set(&[("schema", "crm"), ("catalog", "mesh"), ("x-meshweave-wire", "arrow")]).await.is_empty());
    assert_eq!((raw.get("schema").await, raw.get("x-meshweave-wire").await), ("crm".into(), "arrow".into()));
    assert_eq!(rows(&mut client, "SELECT count(*) FROM customers").await, "2");
    let info = client.execute("SELECT city FROM customers".into(), None).await.unwrap();
    assert_eq!(info.try_decode_schema().unwrap().field(0).data_type().to_string(), "Utf8View");
    // A header of one call wins.
    let mut other = Raw::new(&mesh, &[("authorization", &bearer), ("schema", "commerce")]).await;
    assert_eq!(other.get("schema").await, "crm", "what is told is what the session keeps");
    raw.close().await;
    assert_eq!(raw.get("schema").await, "");
    assert!(client.execute("SELECT count(*) FROM customers".into(), None).await.is_err());
}

#[tokio::test]
async fn two_logins_are_two_sessions() {
    let mesh = Mesh::start(&[]).await;
    let ((_, one), (_, two)) = (login(&mesh).await, login(&mesh).await);
    let (mut one, mut two) =
        (Raw::new(&mesh, &[("authorization", &one)]).await, Raw::new(&mesh, &[("authorization", &two)]).await);
    one.set(&[("schema", "crm")]).await;
    assert_eq!((one.get("schema").await, two.get("schema").await), ("crm".into(), String::new()));
    two.close().await;
    assert_eq!(one.get("schema").await, "crm");
}

#[tokio::test]
async fn a_cookie_is_offered_and_names_a_session() {
    let mesh = Mesh::start(&[]).await;
    let mut raw = Raw::new(&mesh, &[]).await;
    let (_, headers) = raw.act("GetSessionOptions", vec![]).await.unwrap();
    let cookie = headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
    assert!(cookie.starts_with("arrow_flight_session_id="), "{cookie}");
    let mut keeping = Raw::new(&mesh, &[("cookie", &format!("other=1; {cookie}"))]).await;
    assert!(keeping.set(&[("schema", "crm")]).await.is_empty());
    assert_eq!(keeping.get("schema").await, "crm");
    let (_, headers) = keeping.act("GetSessionOptions", vec![]).await.unwrap();
    assert!(headers.get("set-cookie").is_none(), "who has a session is offered none");
    assert_eq!(raw.get("schema").await, "", "a session belongs to its cookie");
}

/// The JDBC driver keeps every cookie and may set its catalog with its first call.
#[tokio::test]
async fn the_first_call_of_jdbc_has_the_session_that_it_is_offered() {
    let mesh = Mesh::start(&[]).await;
    let channel = Channel::from_shared(mesh.address.clone()).unwrap().user_agent("grpc-java-netty/1.71.0").unwrap();
    let mut first = Raw { client: FlightServiceClient::new(channel.connect().await.unwrap()), headers: vec![] };
    let options = HashMap::from([("schema".to_owned(), OptionValue { text: Some("crm".into()), whole: None })]);
    let (_, headers) = first.act("SetSessionOptions", OptionsMessage { options }.encode_to_vec()).await.unwrap();
    let cookie = headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
    let mut second = Raw::new(&mesh, &[("cookie", &cookie)]).await;
    assert_eq!(second.get("schema").await, "crm");
    assert_eq!(first.get("schema").await, "", "a call without the cookie is another session");
}

#[tokio::test]
async fn without_cookie_and_bearer_nothing_can_be_set_and_everything_be_told() {
    let mesh = Mesh::start(&[]).await;
    let mut raw = Raw::new(&mesh, &[("schema", "crm")]).await;
    let request = OptionsMessage::default().encode_to_vec();
    let status = raw.act("SetSessionOptions", request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("belongs to no session"), "{}", status.message());
    assert_eq!((raw.get("catalog").await, raw.get("schema").await), ("mesh".into(), "crm".into()));
    raw.close().await;
}

#[tokio::test]
async fn what_cannot_be_set_is_told_and_the_rest_is_set() {
    let mesh = Mesh::start(&[]).await;
    let mut raw = Raw::new(&mesh, &[("authorization", "Bearer of-somebody")]).await;
    let errors =
        raw.set(&[("schema", "crm"), ("nonsense", "x"), ("catalog", "other"), ("max-staleness", "soon")]).await;
    assert_eq!(errors, HashMap::from([("nonsense".into(), 1), ("catalog".into(), 2), ("max-staleness".into(), 2)]));
    assert_eq!(raw.get("schema").await, "crm");
}

#[tokio::test]
async fn sessions_are_bounded_and_end_when_nobody_uses_them() {
    let mut options = Options::new(ada());
    options.sessions = SessionLimits { sessions: 2, per_principal: 2, idle: Duration::from_secs(3600) };
    let mesh = Mesh::serving(Settings::default(), options).await;
    let session = async |name: &str| Raw::new(&mesh, &[("authorization", &format!("Bearer {name}"))]).await;
    for name in ["one", "two"] {
        session(name).await.set(&[("schema", "crm")]).await;
    }
    let status = session("three").await.act("SetSessionOptions", vec![]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    session("one").await.close().await;
    session("three").await.set(&[("schema", "crm")]).await;

    let mut options = Options::new(ada());
    options.sessions.idle = Duration::ZERO;
    let mesh = Mesh::serving(Settings::default(), options).await;
    let mut raw = Raw::new(&mesh, &[("authorization", "Bearer one")]).await;
    raw.set(&[("schema", "crm")]).await;
    assert_eq!(raw.get("schema").await, "", "its time was over at once");
}
