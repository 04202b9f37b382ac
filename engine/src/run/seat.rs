//! A running answer's place, which it lends to a query that waits while its own reader pauses.
//!
//! In: what the reader does, and looks from time to time. Out: the answer has its place whenever it computes.
//! Holds always:
//! - nothing is computed without a place;
//! - a place is lent only between two batches, and only when nothing was asked for from one look to the next.
//!
//! Start reading at [`Seat`].

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use super::admission::{Admission, Lent, Place};
use crate::context::QueryContext;
use crate::error::Result;

/// The place of one answer, held or lent.
pub(super) struct Seat {
    door: Admission,
    ctx: QueryContext,
    place: Option<Place>,
    lent: Option<Lent>,
    /// On its way back to a place.
    returning: Option<BoxFuture<'static, Result<Place>>>,
    reader: Reader,
    /// Told when a place that was lent is held again.
    taken: Arc<Notify>,
}

/// What the reader does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// It waits for rows.
    Asks,
    /// It has what it asked for.
    Rests,
    /// The same since the last look.
    StillRests,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("place", &self.place).field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Seat {
    /// The seat of an answer that was admitted.
    pub(super) fn new(door: Admission, ctx: QueryContext, place: Place) -> Self {
        let taken = Arc::new(Notify::new());
        Self { door, ctx, place: Some(place), lent: None, returning: None, reader: Reader::Rests, taken }
    }

    /// Ready when there is a place to compute in; the reader asks.
    ///
    /// # Errors
    /// Cancellation and deadline, while it waits to come back.
    pub(super) fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.reader = Reader::Asks;
        if self.place.is_some() {
            return Poll::Ready(Ok(()));
        }
        let (door, ctx) = (&self.door, &self.ctx);
        let returning = self.returning.get_or_insert_with(|| {
            let (door, ctx) = (door.clone(), ctx.clone());
            async move { door.come_back(&ctx).await }.boxed()
        });
        let place = std::task::ready!(returning.as_mut().poll(context))?;
        (self.place, self.lent, self.returning) = (Some(place), None, None);
        self.taken.notify_one();
        Poll::Ready(Ok(()))
    }

    /// The reader has what it asked for.
    pub(super) fn rests(&mut self) {
        self.reader = Reader::Rests;
    }

    /// Looks at the reader, and lends the place when it has rested since the last look and somebody waits.
    ///
    /// Gives who tells when the place is held again, if it is lent: until then there is nothing to look at.
    pub(super) fn look(&mut self) -> Option<Arc<Notify>> {
        match self.reader {
            Reader::Asks => {}
            Reader::Rests => self.reader = Reader::StillRests,
            Reader::StillRests if self.lent.is_none() => self.lent = self.door.lend(&mut self.place),
            Reader::StillRests => {}
        }
        self.lent.is_some().then(|| Arc::clone(&self.taken))
    }
}
