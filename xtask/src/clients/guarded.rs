//! The same mesh behind TLS and a file of users, served for as long as the suites of clients run.
//!
//! Holds always: certificates and keys are made for one run, and removed with it.
//!
//! Start reading at [`Guarded::start`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow};
use argon2::password_hash::{PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::served::{Server, meshweave};

/// A user of the teams that the demo's analyst has, and one who may read nothing but what is open to all.
const USERS: [(&str, &str, &str); 2] =
    [("ada", "analytics, commerce-engineering", "p:w ü"), ("eve", "strangers", "e:w")];
/// The only name in the server's certificate: a client that calls it by another one must not believe it.
const NAME: &str = "127.0.0.1";

/// A running server with an authenticator and TLS.
#[derive(Debug)]
pub(crate) struct Guarded {
    server: Server,
    /// Removed when the server has ended.
    folder: tempfile::TempDir,
}

impl Guarded {
    /// Makes certificates and users, and serves the mesh in `mesh`.
    ///
    /// # Errors
    /// When one of these fails.
    pub(super) fn start(mesh: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        certificates(folder.path())?;
        fs::write(at("users.yaml"), users()?)?;
        let mut command = meshweave();
        command.args(["serve", "--listen", "127.0.0.1:0", "--output", "json", "--mesh"]).arg(mesh);
        command
            .env("MESHWEAVE_AUTHENTICATOR__USERS", at("users.yaml"))
            .env("MESHWEAVE_TLS__CERTIFICATE", at("server.pem"))
            .env("MESHWEAVE_TLS__KEY", at("key.pem"))
            // The open server writes the state of the mesh's folder.
            .env("MESHWEAVE_STATE__PATH", at("state.db"));
        Ok(Self { server: Server::start(&mut command, &at("log"))?, folder })
    }

    /// Tells a client where to go, whom to trust and who it is.
    pub(crate) fn tell<'a>(&self, client: &'a mut Command) -> &'a mut Command {
        let [(user, _, password), (stranger, _, strangers)] = USERS;
        client
            // The password is not ASCII: without it Java reads it in whatever the machine speaks.
            .env("LC_ALL", "C.UTF-8")
            .env("MESHWEAVE_GUARDED", self.server.address())
            .env("MESHWEAVE_CA", self.file("ca.pem"))
            .env("MESHWEAVE_OTHER_CA", self.file("other-ca.pem"))
            .env("MESHWEAVE_USER", user)
            .env("MESHWEAVE_PASSWORD", password)
            .env("MESHWEAVE_STRANGER", stranger)
            .env("MESHWEAVE_STRANGERS_PASSWORD", strangers)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Somebody who vouches for certificates.
fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// The server's certificate with its key, who vouches for it, and somebody else who does not.
fn certificates(folder: &Path) -> Result<()> {
    let (ours, other) = (authority("an authority")?, authority("another authority")?);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &ours)?;
    fs::write(folder.join("server.pem"), certificate.pem())?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    fs::write(folder.join("ca.pem"), ours.pem())?;
    fs::write(folder.join("other-ca.pem"), other.pem())?;
    Ok(())
}

/// The file of users.
fn users() -> Result<String> {
    let mut text = "apiVersion: meshweave/v1\nkind: Users\nusers:\n".to_owned();
    for (name, teams, password) in USERS {
        let hash = hash(password)?;
        text.push_str(&format!("  - {{ name: {name}, teams: [{teams}], password: \"{hash}\" }}\n"));
    }
    Ok(text)
}

/// A hash that costs next to nothing: every connection of a driver compares it.
fn hash(password: &str) -> Result<String> {
    let failed = |e: &dyn std::fmt::Display| anyhow!("a password could not be hashed: {e}");
    let params = Params::new(8, 1, 1, None).map_err(|e| failed(&e))?;
    let salt = SaltString::encode_b64(b"0123456789abcdef").map_err(|e| failed(&e))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon2.hash_password(password.as_bytes(), &salt).map_err(|e| failed(&e))?.to_string())
}
