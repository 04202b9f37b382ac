//! Containers of Azure accounts.
//!
//! Start reading at [`build`].

use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};

use super::client::{self, Bounded};
use super::credentials::{Application, Credentials, Instance, Proof};
use crate::settings::StorageSettings;

/// Where accounts of the public cloud lie.
pub(super) const PUBLIC_CLOUD: &str = "core.windows.net";

/// Which container, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    /// The container's name.
    pub(super) name: String,
    /// The account.
    pub(super) account: String,
    /// The domain of the account's cloud.
    pub(super) cloud: String,
    /// The endpoint, without a slash at its end; none means the account's own.
    pub(super) endpoint: Option<String>,
}

impl Container {
    fn reached(&self) -> String {
        let own = || format!("https://{}.blob.{}", self.account, self.cloud);
        self.endpoint.clone().unwrap_or_else(own)
    }

    /// Endpoint, account, container and credential scope.
    pub(super) fn described(&self, scope: &str) -> String {
        format!("az|{}|{}|{}|{scope}", self.reached(), self.account, self.name)
    }
}

/// Makes the store.
///
/// # Errors
/// When the client cannot be made of what it is given: a key that is no base64, a signature that is none.
pub(super) fn build(
    container: &Container,
    credentials: &Credentials,
    settings: &StorageSettings,
) -> object_store::Result<MicrosoftAzure> {
    let endpoint = container.reached();
    let builder = MicrosoftAzureBuilder::new()
        .with_container_name(&container.name)
        .with_account(&container.account)
        .with_client_options(client::options(settings))
        .with_allow_http(endpoint.starts_with("http://"))
        .with_endpoint(endpoint)
        .with_http_connector(Bounded::new(settings))
        .with_retry(client::retry(settings));
    signed(builder, credentials).build()
}

fn signed(builder: MicrosoftAzureBuilder, credentials: &Credentials) -> MicrosoftAzureBuilder {
    use object_store::azure::AzureConfigKey;
    match credentials {
        Credentials::AccountKey(key) => builder.with_access_key(&key.0),
        Credentials::SharedAccess(token) => builder.with_config(AzureConfigKey::SasKey, &token.0),
        Credentials::Application(application) => of_application(builder, application),
        Credentials::Instance(Instance { endpoint, client_id, .. }) => {
            let builder = match endpoint {
                Some(endpoint) => builder.with_msi_endpoint(endpoint),
                None => builder,
            };
            match client_id {
                Some(id) => builder.with_client_id(id),
                None => builder,
            }
        }
        _ => builder.with_skip_signature(true),
    }
}

fn of_application(builder: MicrosoftAzureBuilder, application: &Application) -> MicrosoftAzureBuilder {
    let builder = builder.with_client_id(&application.client_id).with_tenant_id(&application.tenant_id);
    let builder = match &application.proof {
        Proof::Secret(secret) => builder.with_client_secret(&secret.0),
        Proof::TokenFile(path) => builder.with_federated_token_file(path.display().to_string()),
    };
    match &application.authority_host {
        Some(host) => builder.with_authority_host(host),
        None => builder,
    }
}
