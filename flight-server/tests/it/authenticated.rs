//! A server that tells callers apart by a file of users: who comes in, with what, and until when.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, BasicAuth, Criteria, Empty, FlightDescriptor, HandshakeRequest, Ticket};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use meshweave_engine::identity::{StaticUsers, Users};
use meshweave_engine::settings::Settings;
use meshweave_flight_server::Options;
use prost::Message as _;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::mesh::Mesh;
use crate::small::{Client, fetch, rows};

/// A hash that costs next to nothing.
fn hash(password: &str) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let salt = SaltString::encode_b64(b"0123456789abcdef").unwrap();
    argon2.hash_password(password.as_bytes(), &salt).unwrap().to_string()
}

fn users(list: &[(&str, &str)]) -> Users {
    let mut text = "apiVersion: meshweave/v1\nkind: Users\nusers:\n".to_owned();
    for (name, team) in list {
        text.push_str(&format!("  - {{ name: {name}, teams: [{team}], password: \"{}\" }}\n", hash("p:w")));
    }
    Users::read(&text, "users.yaml").unwrap()
}

struct Guarded {
    mesh: Mesh,
    users: Arc<StaticUsers>,
}

impl Guarded {
    async fn start() -> Self {
        let users = Arc::new(StaticUsers::new(users(&[("ada", "crm-team"), ("bob", "shop-team")]), 2, 16));
        let options = Options::with_authenticator(Arc::clone(&users) as Arc<_>);
        Self { mesh: Mesh::serving(Settings::default(), options).await, users }
    }

    async fn login(&self, user: &str) -> Client {
        let mut client = self.mesh.client().await;
        client.handshake(user, "p:w").await.unwrap();
        client
    }

    /// The answer to a call with this `authorization`.
    async fn asked(&self, authorization: Option<&str>) -> Result<(), Status> {
        let mut request = Request::new(Empty {});
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().unwrap());
        }
        self.mesh.client().await.into_inner().list_actions(request).await.map(drop)
    }
}

fn status(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn nobody_comes_in_by_any_rpc() {
    let guarded = Guarded::start().await;
    let mut raw: FlightServiceClient<_> = guarded.mesh.client().await.into_inner();
    let descriptor = || FlightDescriptor::new_cmd(b"x".to_vec());
    let none = futures::stream::empty::<arrow_flight::FlightData>;
    let codes = [
        raw.handshake(futures::stream::empty::<HandshakeRequest>()).await.unwrap_err().code(),
        raw.list_flights(Criteria::default()).await.unwrap_err().code(),
        raw.get_flight_info(descriptor()).await.unwrap_err().code(),
        raw.poll_flight_info(descriptor()).await.unwrap_err().code(),
        raw.get_schema(descriptor()).await.unwrap_err().code(),
        raw.do_get(Ticket::new("x")).await.unwrap_err().code(),
        raw.do_put(none()).await.unwrap_err().code(),
        raw.do_exchange(none()).await.unwrap_err().code(),
        raw.do_action(Action::new("CloseSession", "")).await.unwrap_err().code(),
        raw.list_actions(Empty {}).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::Unauthenticated; 10]);
}

#[tokio::test]
async fn a_password_comes_in_in_every_form_that_drivers_send() {
    let guarded = Guarded::start().await;
    for good in [STANDARD.encode("ada:p:w"), STANDARD_NO_PAD.encode("ada:p:w")] {
        guarded.asked(Some(&format!("Basic {good}"))).await.unwrap();
        guarded.asked(Some(&format!("basic {good}"))).await.unwrap();
    }
    let wrong = ["ada:pw", "eve:p:w", "ada", ":"].map(|text| format!("Basic {}", STANDARD.encode(text)));
    for wrong in wrong.iter().map(String::as_str).chain(["Bearer x", "Digest x", "Basic ===", "ada"]) {
        let status = guarded.asked(Some(wrong)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{wrong}");
    }
    let mut client = guarded.mesh.client().await;
    assert!(client.handshake("ada", "wrong").await.is_err());
    client.handshake("ada", "p:w").await.unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM crm.customers").await, "2");
}

/// As clients log in that know Flight's older handshake only: with a message, and a header of its own from then on.
#[tokio::test]
async fn a_message_comes_in_as_well() {
    let guarded = Guarded::start().await;
    let mut raw: FlightServiceClient<_> = guarded.mesh.client().await.into_inner();
    let sent = |password: &str| {
        let payload = BasicAuth { username: "ada".into(), password: password.into() }.encode_to_vec().into();
        futures::stream::iter([HandshakeRequest { protocol_version: 0, payload }])
    };
    assert_eq!(raw.handshake(sent("wrong")).await.unwrap_err().code(), Code::Unauthenticated);
    let mut answer = raw.handshake(sent("p:w")).await.unwrap().into_inner();
    let token = answer.message().await.unwrap().unwrap().payload;
    for (token, comes_in) in [(token.as_ref(), true), (b"x".as_ref(), false), (b"".as_ref(), false)] {
        let mut request = Request::new(Empty {});
        request.metadata_mut().insert_bin("auth-token-bin", MetadataValue::from_bytes(token));
        let asked = raw.list_actions(request).await.map(drop).map_err(|status| status.code());
        assert_eq!(asked, if comes_in { Ok(()) } else { Err(Code::Unauthenticated) });
    }
}

#[tokio::test]
async fn the_teams_of_the_file_decide_what_is_read() {
    let guarded = Guarded::start().await;
    let (mut ada, mut bob) = (guarded.login("ada").await, guarded.login("bob").await);
    assert_eq!(rows(&mut ada, "SELECT count(*) FROM crm.secrets").await, "1");
    let hidden = status(bob.execute("SELECT count(*) FROM crm.secrets".into(), None).await.unwrap_err());
    assert_eq!(hidden.code(), Code::NotFound);
    let info = ada.execute("SELECT * FROM crm.customers".into(), None).await.unwrap();
    assert_eq!(status(fetch(&mut bob, &info).await.unwrap_err()).code(), Code::PermissionDenied);
    fetch(&mut ada, &info).await.unwrap();
}

#[tokio::test]
async fn who_is_taken_out_of_the_file_is_out_at_once() {
    let guarded = Guarded::start().await;
    let mut ada = guarded.login("ada").await;
    let info = ada.execute("SELECT * FROM crm.secrets".into(), None).await.unwrap();
    guarded.users.exchange(users(&[("ada", "no-team"), ("bob", "shop-team")]));
    let refused = status(fetch(&mut ada, &info).await.unwrap_err());
    assert_eq!(refused.code(), Code::PermissionDenied, "the ticket was made for somebody with other teams");
    assert!(ada.execute("SELECT * FROM crm.secrets".into(), None).await.is_err());
    guarded.users.exchange(users(&[("bob", "shop-team")]));
    let refused = status(ada.execute("SELECT 1".into(), None).await.unwrap_err());
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_session_is_not_shared_by_its_cookie() {
    let guarded = Guarded::start().await;
    let (mut ada, mut bob) = (guarded.login("ada").await, guarded.login("bob").await);
    for client in [&mut ada, &mut bob] {
        client.set_header("cookie", "arrow_flight_session_id=the-same");
    }
    ada.execute_update("CREATE TABLE mine AS SELECT 7 AS x".into(), None).await.unwrap();
    assert_eq!(rows(&mut ada, "SELECT x FROM temp.mine").await, "7");
    let refused = status(bob.execute("SELECT x FROM temp.mine".into(), None).await.unwrap_err());
    assert_eq!(refused.code(), Code::NotFound);
}
