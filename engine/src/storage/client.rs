//! How every remote store is asked: bounded waits, and answers that are as long as they say.
//!
//! In: requests of the stores' clients. Out: answers, or an error that their retries understand.
//! Holds always:
//! - an answer that does not begin, or does not go on, within the stall timeout ends the request, which is then tried again like any
//!   other that failed: nothing waits for the whole request timeout because of one silent connection;
//! - a refusal is told only when it has come whole; a connection that breaks off in it is a broken connection, which is tried again;
//! - a part of an object that is shorter or longer than the range it claims is an error, never a part.
//!
//! Start reading at [`Bounded`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_RANGE;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use tokio::time::Sleep;

use crate::document;
use crate::error::Result;
use crate::settings::StorageSettings;

/// Bytes of a refusal that are read at most.
const REFUSAL: usize = 64 << 10;

/// Why an answer was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Interruption {
    /// Nothing came.
    #[error("no answer began within {0:?}")]
    NoAnswer(Duration),
    /// It began, and nothing more came.
    #[error("nothing more of the answer came within {0:?}")]
    Stalled(Duration),
    /// Bytes that were announced did not come.
    #[error("the answer ended {0} bytes early")]
    Short(u64),
    /// More bytes came than were announced.
    #[error("the answer is longer than the range it claims")]
    Long,
}

impl Interruption {
    fn error(self) -> HttpError {
        let kind = match self {
            Self::NoAnswer(_) | Self::Stalled(_) => HttpErrorKind::Timeout,
            Self::Short(_) | Self::Long => HttpErrorKind::Interrupted,
        };
        HttpError::new(kind, self)
    }
}

/// What the settings say about time and retries, for every kind of store.
pub(super) fn options(settings: &StorageSettings) -> ClientOptions {
    ClientOptions::new().with_connect_timeout(settings.connect_timeout.0).with_timeout(settings.request_timeout.0)
}

/// How often and how long a failed request is tried again.
pub(super) fn retry(settings: &StorageSettings) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: settings.retries,
        retry_timeout: settings.retry_timeout.0,
    }
}

/// Checks that an endpoint is a web address that brings nobody's name along, and drops the slash at its end.
///
/// # Errors
/// [`crate::Failure::InvalidConfiguration`] at `place`.
pub(super) fn endpoint<'a>(endpoint: &'a str, place: &str) -> Result<&'a str> {
    let endpoint = endpoint.trim_end_matches('/');
    let bad = || document::invalid(place, format!("the endpoint {endpoint:?} is no http or https URL"));
    let (scheme, _) = endpoint.split_once("://").ok_or_else(bad)?;
    let parsed = url::Url::parse(endpoint).map_err(|_| bad())?;
    let is_web = matches!(scheme, "http" | "https") && parsed.host_str().is_some();
    if !is_web || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(bad());
    }
    Ok(endpoint)
}

/// Makes clients that wait no longer than the stall timeout.
#[derive(Debug, Clone)]
pub(super) struct Bounded {
    stall: Duration,
}

impl Bounded {
    /// With the process's stall timeout.
    pub(super) fn new(settings: &StorageSettings) -> Self {
        Self { stall: settings.stall_timeout.0 }
    }
}

impl HttpConnector for Bounded {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(BoundedService { inner, stall: self.stall }))
    }
}

#[derive(Debug)]
struct BoundedService {
    inner: HttpClient,
    stall: Duration,
}

#[async_trait]
impl HttpService for BoundedService {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        // What is sent may take long to send; only a question may expect its answer soon.
        let is_question = request.body().is_empty();
        let is_get = request.method() == Method::GET;
        let answer = self.inner.execute(request);
        let answer = if is_question {
            match tokio::time::timeout(self.stall, answer).await {
                Ok(answered) => answered?,
                Err(_) => return Err(Interruption::NoAnswer(self.stall).error()),
            }
        } else {
            answer.await?
        };
        let claimed = if is_get && answer.status() == StatusCode::PARTIAL_CONTENT {
            claimed_bytes(answer.headers())
        } else {
            None
        };
        let (parts, body) = answer.into_parts();
        let body = Watched { body, stall: self.stall, timer: None, missing: claimed };
        let body = match parts.status.is_success() {
            true => HttpResponseBody::new(body),
            false => refusal(body).await?.into(),
        };
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// Reads why a request was refused, as far as anybody wants to know.
async fn refusal(mut body: Watched) -> std::result::Result<Bytes, HttpError> {
    let mut text = Vec::new();
    while text.len() < REFUSAL
        && let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        let frame = frame.map_err(|error| match error.kind() {
            HttpErrorKind::Timeout => error,
            _ => HttpError::new(HttpErrorKind::Interrupted, error),
        })?;
        text.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
    }
    text.truncate(REFUSAL);
    Ok(text.into())
}

/// Bytes of the range that an answer says it holds.
fn claimed_bytes(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    let (first, last) = range.split('/').next()?.split_once('-')?;
    last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
}

/// A body that must go on, and be as long as it claims.
struct Watched {
    body: HttpResponseBody,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes that are still to come, when that is known.
    missing: Option<u64>,
}

impl Watched {
    fn give_up(&mut self, why: Interruption) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        self.missing = None;
        Poll::Ready(Some(Err(why.error())))
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.timer = None;
                let came = frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(missing) = this.missing {
                    let Some(left) = missing.checked_sub(came) else { return this.give_up(Interruption::Long) };
                    this.missing = Some(left);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => match this.missing {
                Some(left) if left > 0 => this.give_up(Interruption::Short(left)),
                _ => Poll::Ready(None),
            },
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                let stall = this.stall;
                let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
                ready!(timer.as_mut().poll(cx));
                this.timer = None;
                this.give_up(Interruption::Stalled(stall))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.missing.is_none_or(|missing| missing == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn headers(range: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_RANGE, range.parse().unwrap())])
    }

    #[test]
    fn the_claimed_range_is_counted_in_bytes() {
        assert_eq!(claimed_bytes(&headers("bytes 0-9/100")), Some(10));
        assert_eq!(claimed_bytes(&headers("bytes 5-5/*")), Some(1));
        for range in ["bytes 9-0/100", "items 0-9/100", "bytes */100", "bytes 0-x/9", ""] {
            assert_eq!(claimed_bytes(&headers(range)), None, "{range}");
        }
    }

    async fn read(parts: Vec<&'static [u8]>, missing: u64, goes_on: bool) -> std::result::Result<Bytes, Interruption> {
        let parts = futures::stream::iter(parts.into_iter().map(|part| Ok(Frame::data(Bytes::from_static(part)))));
        let body = if goes_on {
            HttpResponseBody::new(StreamBody::new(futures::StreamExt::chain(parts, futures::stream::pending())))
        } else {
            HttpResponseBody::new(StreamBody::new(parts))
        };
        let watched = Watched { body, stall: Duration::from_millis(50), timer: None, missing: Some(missing) };
        watched
            .collect()
            .await
            .map(|whole| whole.to_bytes())
            .map_err(|error| *std::error::Error::source(&error).unwrap().downcast_ref::<Interruption>().unwrap())
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_it_claims_and_goes_on() {
        assert_eq!(read(vec![b"abc", b"de"], 5, false).await, Ok(Bytes::from_static(b"abcde")));
        assert_eq!(read(vec![b"abc"], 5, false).await, Err(Interruption::Short(2)));
        assert_eq!(read(vec![b"abc", b"def"], 5, false).await, Err(Interruption::Long));
        assert_eq!(read(vec![b"abc"], 5, true).await, Err(Interruption::Stalled(Duration::from_millis(50))));
    }
}
