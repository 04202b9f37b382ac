//! A client as fast as Arrow's own: it reads every message and makes batches of it.
//!
//! Start reading at [`Client::query`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightData, FlightInfo, Ticket};
use futures::{StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};

/// What one call may have under way: as much as the drivers' own windows grow to.
const WINDOW: u32 = 16 << 20;
/// The largest message that is accepted, bytes.
const MESSAGE: usize = 64 << 20;

/// What was fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) rows: u64,
    /// Bytes of all messages, as gRPC frames carry them.
    pub(super) bytes: u64,
    /// From asking for the plan until the last row.
    pub(super) took: Duration,
}

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    sql: FlightSqlServiceClient<Channel>,
    raw: FlightServiceClient<Channel>,
    /// The wire types that are asked for; none: those that the server chooses.
    profile: Option<&'static str>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(super) async fn connect(address: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(address.to_owned())?
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.with_context(|| format!("connecting to {address}"))?;
        let raw = FlightServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE);
        let sql = FlightSqlServiceClient::new_from_inner(raw.clone());
        Ok(Self { sql, raw, profile: None })
    }

    /// The same, asking for the wire types of a profile.
    pub(super) fn with_profile(mut self, profile: &'static str) -> Self {
        self.sql.set_header("x-meshweave-wire", profile);
        self.profile = Some(profile);
        self
    }

    /// Runs a statement and fetches all of it.
    ///
    /// # Errors
    /// What the server answers instead of rows.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Fetched> {
        let before = Instant::now();
        let info = self.sql.execute(sql.to_owned(), None).await?;
        self.fetch(&info, before).await
    }

    /// Lists every table with its columns.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub(super) async fn tables(&mut self) -> Result<Fetched> {
        let before = Instant::now();
        let info = self.sql.get_tables(CommandGetTables { include_schema: true, ..Default::default() }).await?;
        self.fetch(&info, before).await
    }

    /// Begins a statement's answer.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub(super) async fn begin(&mut self, sql: &str) -> Result<Streaming<FlightData>> {
        let info = self.sql.execute(sql.to_owned(), None).await?;
        self.open(&info).await
    }

    async fn open(&mut self, info: &FlightInfo) -> Result<Streaming<FlightData>> {
        let ticket: Option<Ticket> = info.endpoint.first().and_then(|endpoint| endpoint.ticket.clone());
        let mut request = Request::new(ticket.context("the answer has no ticket")?);
        if let Some(profile) = self.profile {
            request.metadata_mut().insert("x-meshweave-wire", profile.parse()?);
        }
        Ok(self.raw.do_get(request).await?.into_inner())
    }

    async fn fetch(&mut self, info: &FlightInfo, before: Instant) -> Result<Fetched> {
        let sent = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&sent);
        let messages = self.open(info).await?.inspect_ok(move |message| {
            counted.fetch_add(message.encoded_len() as u64, Ordering::Relaxed);
        });
        let batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
        let rows = batches.map_ok(|batch: RecordBatch| batch.num_rows() as u64);
        let rows = rows.try_fold(0, |sum, rows| std::future::ready(Ok(sum + rows))).await?;
        Ok(Fetched { rows, bytes: sent.load(Ordering::Relaxed), took: before.elapsed() })
    }
}

/// The next message of an answer; none at its end.
///
/// # Errors
/// What the server answers instead of rows.
pub(super) async fn next(answer: &mut Streaming<FlightData>) -> Result<Option<FlightData>> {
    Ok(answer.next().await.transpose()?)
}
