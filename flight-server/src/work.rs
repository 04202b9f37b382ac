//! Where queries are planned and computed: on threads of their own, so that calls are answered while all of those are busy.
//!
//! In: the work of a call, or the messages of an answer. Out: the same, from other threads when there are any.
//! Holds always:
//! - dropping what is given stops the work;
//! - one message waits for its reader, and the next is made only when that one is gone;
//! - work that ends in an unexpected way is an error: an answer never looks complete when it is not.
//!
//! Start reading at [`Work::run`].

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Status;
use tracing::{Instrument as _, Span};

use crate::status::{Fault, Outcome};
use crate::stream::Messages;

/// The threads of one server's queries; none: those that answer calls.
#[derive(Debug, Clone)]
pub(crate) struct Work(pub(crate) Option<Handle>);

impl Work {
    /// Does the work of one call.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Outcome<T> {
        let Some(threads) = &self.0 else { return work.await };
        let mut task = JoinSet::new();
        task.spawn_on(work.instrument(Span::current()), threads);
        match task.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(error)) => Err(Fault::internal("answering a call", &error)),
            None => Err(Fault::internal("answering a call", &"its task is gone")),
        }
    }

    /// Makes the messages of an answer there, as they are read.
    pub(crate) fn messages(&self, messages: Messages) -> Messages {
        let Some(threads) = &self.0 else { return messages };
        let (sender, receiver) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn_on(forward(messages, sender), threads);
        let next = |(mut receiver, mut task): (mpsc::Receiver<_>, JoinSet<()>)| async move {
            if let Some(message) = receiver.recv().await {
                return Some((message, (receiver, task)));
            }
            // Without the end of its task nobody knows that the answer is whole.
            let Some(Err(error)) = task.join_next().await else { return None };
            let fault = Fault::internal("computing an answer", &error);
            Some((Err(fault.into_status()), (receiver, task)))
        };
        stream::unfold((receiver, task), next).boxed()
    }
}

/// Makes a message whenever there is room for it, until the end or until nobody wants one.
async fn forward(mut messages: Messages, sender: mpsc::Sender<Result<arrow_flight::FlightData, Status>>) {
    while let Ok(room) = sender.reserve().await {
        match messages.next().await {
            Some(message) => room.send(message),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow_flight::FlightData;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn threads() -> (Runtime, Work) {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("work").enable_all().build().unwrap();
        let work = Work(Some(runtime.handle().clone()));
        (runtime, work)
    }

    fn here() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    /// So many messages, each with the name of the thread that made it; then a panic, or the end.
    fn made(count: usize, made: &Arc<AtomicUsize>, ends: bool) -> Messages {
        let made = Arc::clone(made);
        let one = move |number| {
            assert!(number < count || ends, "an accident");
            made.fetch_add(1, Ordering::SeqCst);
            let message = FlightData { app_metadata: here().into(), ..FlightData::default() };
            std::future::ready((number < count).then_some((Ok(message), number + 1)))
        };
        stream::unfold(0, one).boxed()
    }

    #[test]
    fn calls_and_messages_are_worked_on_elsewhere_and_one_message_waits() {
        let (runtime, work) = threads();
        let mine = Builder::new_current_thread().enable_all().build().unwrap();
        mine.block_on(async {
            assert_eq!(work.run(async { Ok(here()) }).await.unwrap(), "work");
            assert_ne!(Work(None).run(async { Ok(here()) }).await.unwrap(), "work");
            let counted = Arc::new(AtomicUsize::new(0));
            let mut messages = work.messages(made(10, &counted, true));
            for number in 1..=10 {
                let message = messages.next().await.unwrap().unwrap();
                assert_eq!(message.app_metadata, "work");
                assert!(counted.load(Ordering::SeqCst) <= number + 1, "made long before it is read");
            }
            assert!(messages.next().await.is_none());
        });
        runtime.shutdown_background();
    }

    #[test]
    fn an_answer_that_breaks_off_never_looks_complete() {
        let (runtime, work) = threads();
        let mine = Builder::new_current_thread().enable_all().build().unwrap();
        mine.block_on(async {
            let mut messages = work.messages(made(2, &Arc::default(), false));
            assert!(messages.next().await.unwrap().is_ok() && messages.next().await.unwrap().is_ok());
            assert_eq!(messages.next().await.unwrap().unwrap_err().code(), tonic::Code::Internal);
            assert!(messages.next().await.is_none());
            let accident = work.run(async { if here() == "work" { panic!("an accident") } else { Ok(()) } });
            assert_eq!(accident.await.unwrap_err().code(), tonic::Code::Internal);
        });
        runtime.shutdown_background();
    }
}
