//! What a proxy can do to an answer on its way.
//!
//! Start reading at [`Damage`].

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Frame;

use crate::proxy::{Body, BodyError};

/// What happens to the body of an answer; an answer without a body is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Half of it is sent, and then the connection ends.
    CutOff,
    /// Half of it is sent, and then nothing more.
    Stall,
    /// The last bytes are missing, and the announced length is that of what is sent.
    Shorten,
}

/// Damages an answer; its body is read whole first.
pub(crate) async fn damaged(answer: Response<Body>, how: Damage) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let Ok(whole) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return refusal(502, "BadGateway");
    };
    if whole.len() < 2 {
        return Response::from_parts(parts, full(whole));
    }
    let half = whole.slice(..whole.len() / 2);
    let body = match how {
        Damage::CutOff => Broken::new(half, true).boxed(),
        Damage::Stall => Broken::new(half, false).boxed(),
        Damage::Shorten => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(half.len()));
            full(half)
        }
    };
    Response::from_parts(parts, body)
}

/// An answer with the error document of an S3 server.
pub(crate) fn refusal(status: u16, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>"
    );
    let mut answer = Response::new(full(text.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// A part of a body, and then its end by an error, or nothing at all.
struct Broken {
    part: Option<Bytes>,
    fails: bool,
    /// Turns that the connection has to send the part before it ends.
    turns: u8,
}

impl Broken {
    fn new(part: Bytes, fails: bool) -> Self {
        Self { part: Some(part), fails, turns: 16 }
    }
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(part) = self.part.take() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if !self.fails {
            return Poll::Pending;
        }
        if self.turns > 0 {
            self.turns -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err("cut off".into())))
    }
}
