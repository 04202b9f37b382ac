//! `serve --health`: asks the server that runs with these settings whether it is alive, for supervisors that can only run a command.
//!
//! Start reading at [`run`].

use std::io;
use std::time::Duration;

use meshweave_engine::Error;
use meshweave_engine::settings::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::listeners::wanted;
use crate::args::Serve;
use crate::failure::{self, Outcome};
use crate::output::Output;

/// Time in which a server that is alive answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the answer that are looked at: its status stands at the beginning.
const HEAD_BYTES: u64 = 256;

/// Ends well when `/health` answers as it should.
///
/// # Errors
/// HTTP that is off; a server that does not answer.
pub(super) async fn run(args: &Serve, settings: &Settings, output: &Output) -> Outcome {
    let Some(address) = settings.listen.http_address(&wanted(args, &settings.listen)) else {
        let hint = "Set listen.http to an address.";
        return Err(failure::unusable("listen.http", "health is told over HTTP, and HTTP is off", hint));
    };
    let failed =
        |error| Error::unavailable("the server", format!("it does not answer at http://{address}/health"), error);
    let answer = tokio::time::timeout(PATIENCE, ask(&address)).await;
    let status = answer.map_err(|_| failed(io::Error::from(io::ErrorKind::TimedOut)))?.map_err(failed)?;
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(failed(io::Error::other(format!("it answered {status:?}"))).into());
    }
    output.note("alive");
    Ok(())
}

/// The first line of the answer.
async fn ask(address: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    socket.take(HEAD_BYTES).read_to_end(&mut head).await?;
    Ok(String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned())
}
