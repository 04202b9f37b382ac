//! Tells systemd how the server is: ready, stopping. Without a supervisor that listens nothing is told.
//!
//! The protocol is `sd_notify`: one datagram of `NAME=VALUE` lines to the socket that `NOTIFY_SOCKET` names; a name that begins with `@`
//! is an abstract one.
//!
//! Start reading at [`tell`].

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells one thing; that it cannot be told stops nothing.
#[expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]
pub(super) fn tell(what: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket.to_string_lossy(), what) {
        tracing::warn!(%error, what, "the supervisor cannot be told");
    }
}

fn send(socket: &str, what: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to_addr(what.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(receiver: &UnixDatagram, socket: &str) {
        send(socket, "READY=1").unwrap();
        let mut text = [0; 64];
        let length = receiver.recv(&mut text).unwrap();
        assert_eq!(&text[..length], b"READY=1");
    }

    #[test]
    fn both_kinds_of_sockets_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        check(&UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap());
        let name = format!("meshweave-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        check(&UnixDatagram::bind_addr(&address).unwrap(), &format!("@{name}"));
    }

    #[test]
    fn nobody_who_listens_is_an_error_and_not_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        send(folder.path().join("nobody").to_str().unwrap(), "READY=1").unwrap_err();
    }
}
