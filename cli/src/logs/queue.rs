//! Log lines on their way to standard error: through a bounded queue and one thread, so that nobody waits for whoever reads them.
//!
//! In: lines. Out: the same, in order, as fast as they are read.
//! Holds always:
//! - handing in a line never waits; one that finds the queue full is counted and lost;
//! - the log tells how many were lost, as soon as there is room again.
//!
//! Start reading at [`Lines::start`].

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use meshweave_engine::metrics::Counter;
use tracing_subscriber::fmt::MakeWriter;

/// Pause between two tries to get into a full queue.
const PAUSE: Duration = Duration::from_millis(10);

/// What the thread is told.
enum Message {
    Line(Vec<u8>),
    /// Answer when all before it is written.
    Flush(SyncSender<()>),
}

/// The way in.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    queue: SyncSender<Message>,
    lost: Arc<Counter>,
}

impl Lines {
    /// Starts the thread that writes; it ends when the last clone is dropped.
    ///
    /// - `most`: lines that may wait.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn start(most: usize, to: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, messages) = sync_channel(most.max(1));
        let lost = Arc::new(Counter::default());
        let known = Arc::clone(&lost);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&messages, &known, to))?;
        Ok(Self { queue, lost })
    }

    /// Hands in a line.
    pub(crate) fn put(&self, line: &[u8]) {
        if self.queue.try_send(Message::Line(line.to_vec())).is_err() {
            self.lost.add(1);
        }
    }

    /// How many lines were lost.
    pub(crate) fn lost(&self) -> &Arc<Counter> {
        &self.lost
    }

    /// Waits until all that was handed in is written, at most for `limit`; whether it is.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        loop {
            match self.queue.try_send(message) {
                Ok(()) => return written.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok(),
                Err(TrySendError::Full(unsent)) if Instant::now() < until => message = unsent,
                Err(_) => return false,
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Writes what comes, until nobody can hand in any more.
fn write(messages: &Receiver<Message>, lost: &Counter, mut to: impl Write) {
    let mut told = 0;
    for message in messages {
        match message {
            Message::Line(line) => {
                // Whoever reads may be gone; then nobody misses the line.
                let _ = to.write_all(&line);
            }
            Message::Flush(done) => {
                let _ = to.flush();
                let _ = done.send(());
            }
        }
        let all = lost.get();
        if all > told {
            told = all;
            tracing::warn!(lost = all, "log lines were lost: standard error was not read as fast as they came");
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// One call is one line.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Takes nothing until it is opened.
    struct Gate {
        open: Receiver<()>,
        is_open: bool,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.is_open {
                self.is_open = self.open.recv().is_ok();
            }
            self.taken.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        let (opener, open) = sync_channel(1);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let gate = Gate { open, is_open: false, taken: Arc::clone(&taken) };
        let lines = Lines::start(4, gate).unwrap();
        for number in 0..100 {
            lines.put(format!("{number}\n").as_bytes());
        }
        // One may be with the writer already.
        let lost = lines.lost().get();
        assert!((95..=96).contains(&lost), "{lost}");
        assert!(!lines.flush(Duration::from_millis(50)), "nothing is read");
        opener.send(()).unwrap();
        assert!(lines.flush(Duration::from_secs(60)));
        let text = String::from_utf8(taken.lock().clone()).unwrap();
        let kept: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(kept.len() as u64 + lost, 100);
        // The writer takes one out when it gets to run; whoever comes then has its place.
        assert!(kept.starts_with(&[0, 1, 2, 3]) && kept.is_sorted(), "the oldest, in order: {kept:?}");
        lines.put(b"more\n");
        assert!(lines.flush(Duration::from_secs(60)) && taken.lock().ends_with(b"more\n"));
        assert_eq!(lines.lost().get(), lost);
    }
}
