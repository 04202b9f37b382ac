//! Who runs and who waits: a bounded number of queries at a time, a share of it for each principal, and a bounded queue before it.
//!
//! In: a query's context. Out: a [`Place`], free again when it is dropped; or a refusal that says how many wait and which limit it was.
//! Holds always:
//! - the principals take turns: who has many queries in the queue waits for its own, and not others for it;
//! - no principal runs more than its share, and none fills the queue alone;
//! - a place is lent to somebody who waits only by an answer whose reader pauses; whoever comes back waits its turn and is never refused;
//! - a place is never free while somebody waits who may take it.
//!
//! Start reading at [`Admission::enter`].

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::context::{QueryContext, Usage};
use crate::error::{Error, Failure, Result};
use crate::settings::Limits;

/// The door before the executor.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Door>);

/// The places, and the queue before them.
#[derive(Debug)]
struct Door {
    most: Most,
    state: Mutex<State>,
}

/// The sizes, as the settings give them.
#[derive(Debug, Clone, Copy)]
struct Most {
    running: usize,
    running_each: usize,
    waiting: usize,
    waiting_each: usize,
    lent: usize,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    waiting: usize,
    /// Answers that have lent their places.
    lent: usize,
    /// Those who run or wait.
    lines: HashMap<Arc<str>, Line>,
    /// Those who wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    last_ticket: u64,
}

/// The queries of one principal.
#[derive(Debug, Default)]
struct Line {
    running: usize,
    waiting: VecDeque<Waiter>,
}

impl Line {
    /// Those of the waiting that have not begun: the ones whose number is limited.
    fn queued(&self) -> usize {
        self.waiting.iter().filter(|waiter| !waiter.has_begun).count()
    }
}

/// One query that waits.
struct Waiter {
    ticket: u64,
    /// Whether it comes back to a place that it has lent.
    has_begun: bool,
    place: oneshot::Sender<Place>,
    usage: Arc<Usage>,
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiter({})", self.ticket)
    }
}

/// A query's place among those that run; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    principal: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.leave(&self.principal);
    }
}

/// An answer has lent its place; it counts as one that has until this is dropped.
#[derive(Debug)]
pub(crate) struct Lent(Arc<Door>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.state.lock().lent -= 1;
    }
}

/// Leaves the queue when dropped; who got a place is not in it any more.
struct Waiting<'a> {
    door: &'a Door,
    principal: &'a Arc<str>,
    ticket: u64,
    usage: &'a Usage,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.door.state.lock().forget(self.principal, self.ticket);
        self.usage.waits_no_more();
    }
}

/// What a query gets when it comes.
enum Entry {
    Place(Place),
    Queue(u64, oneshot::Receiver<Place>),
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let running = limits.concurrent_queries.max(1);
        let most = Most {
            running,
            running_each: limits.queries_per_principal.clamp(1, running),
            waiting: limits.queued_queries,
            waiting_each: limits.queued_per_principal.min(limits.queued_queries),
            lent: limits.paused_queries,
        };
        Self(Arc::new(Door { most, state: Mutex::default() }))
    }

    /// Waits for a place; the place is free again when it is dropped.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when the queue is full; cancellation and deadline of the context.
    pub(crate) async fn enter(&self, ctx: &QueryContext) -> Result<Place> {
        self.entered(ctx, false).await
    }

    /// Waits for a place for an answer that has lent its own; the queue is never too full for it.
    ///
    /// # Errors
    /// Cancellation and deadline of the context.
    pub(crate) async fn come_back(&self, ctx: &QueryContext) -> Result<Place> {
        self.entered(ctx, true).await
    }

    /// Lends a place to somebody who waits and can use it; it is kept when there is nobody, or when too many have lent theirs.
    pub(crate) fn lend(&self, place: &mut Option<Place>) -> Option<Lent> {
        let held = place.as_ref()?;
        {
            let mut state = self.0.state.lock();
            if state.lent >= self.0.most.lent || !state.is_wanted(&held.principal, self.0.most) {
                return None;
            }
            state.lent += 1;
        }
        // Without the lock: the place goes to the one whose turn it is.
        *place = None;
        Some(Lent(Arc::clone(&self.0)))
    }

    async fn entered(&self, ctx: &QueryContext, has_begun: bool) -> Result<Place> {
        let principal: Arc<str> = Arc::from(ctx.principal.user.as_str());
        let (ticket, place) = match self.0.arrive(&principal, &ctx.usage, has_begun)? {
            Entry::Place(place) => return Ok(place),
            Entry::Queue(ticket, place) => (ticket, place),
        };
        let waiting = Waiting { door: &self.0, principal: &principal, ticket, usage: &ctx.usage };
        let placed = async { place.await.map_err(|gone| Error::internal("the door of the executor is closed", gone)) };
        let entered = ctx.bounded(placed).await;
        entered.map_err(|error| waiting.told(error))
    }

    /// Queries that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.0.state.lock().waiting
    }

    /// Queries that run now.
    pub(crate) fn running(&self) -> usize {
        self.0.state.lock().running
    }

    /// Answers that have lent their places while their readers pause.
    pub(crate) fn lent(&self) -> usize {
        self.0.state.lock().lent
    }
}

impl Waiting<'_> {
    /// The error, with the place in the queue when the time ran out there.
    fn told(&self, error: Error) -> Error {
        match (error.failure(), self.usage.position()) {
            (Failure::TimedOut { limit }, Some(position)) => {
                Failure::TimedOut { limit: format!("{limit}: it was still waiting, at place {position} of the queue") }
                    .into()
            }
            _ => error,
        }
    }
}

impl Door {
    /// A place, when there is one for the principal; else the end of the queue.
    fn arrive(self: &Arc<Self>, principal: &Arc<str>, usage: &Arc<Usage>, has_begun: bool) -> Result<Entry> {
        let mut state = self.state.lock();
        let own = state.lines.get(principal);
        let (running, waiting) = own.map_or((0, 0), |line| (line.running, line.waiting.len()));
        let queued = own.map_or(0, Line::queued);
        if waiting == 0 && running < self.most.running_each && state.running < self.most.running {
            state.run(principal);
            return Ok(Entry::Place(self.place(principal)));
        }
        if !has_begun {
            self.admits_to_queue(&state, principal, running, queued)?;
        }
        let (place, receiver) = oneshot::channel();
        let ticket = state.wait(principal, place, usage, has_begun);
        Ok(Entry::Queue(ticket, receiver))
    }

    fn place(self: &Arc<Self>, principal: &Arc<str>) -> Place {
        Place { door: Arc::clone(self), principal: Arc::clone(principal) }
    }

    /// Whether one more may wait. Answers that come back are in nobody's way: `limits.paused_queries` bounds them.
    fn admits_to_queue(&self, state: &State, principal: &str, running: usize, waiting: usize) -> Result<()> {
        let (most, queued) = (self.most, state.queued());
        let (limit, whose) = if queued >= most.waiting {
            (format!("limits.queued_queries of {}", most.waiting), String::new())
        } else if waiting >= most.waiting_each {
            let whose = format!(", {running} and {waiting} of them for {principal}");
            (format!("limits.queued_per_principal of {}", most.waiting_each), whose)
        } else {
            return Ok(());
        };
        Err(Failure::Exhausted {
            message: format!(
                "the queue is full ({limit}): {} queries are running and {queued} are waiting{whose}",
                state.running
            ),
            hint: Some("Try again later; mesh.queries shows your queries that run and wait.".to_owned()),
        }
        .into())
    }

    /// A query of the principal has ended: those whose turn it is take the places that are free.
    fn leave(self: &Arc<Self>, principal: &Arc<str>) {
        let admitted = {
            let mut state = self.state.lock();
            state.ended(principal);
            state.admit(self.most)
        };
        // Without the lock: who has gone away meanwhile drops the place at once, which comes back here.
        for (principal, waiter) in admitted {
            drop(waiter.place.send(self.place(&principal)));
        }
    }
}

impl State {
    /// Those of the waiting that have not begun.
    fn queued(&self) -> usize {
        self.lines.values().map(Line::queued).sum()
    }

    fn run(&mut self, principal: &Arc<str>) {
        self.running += 1;
        self.lines.entry(Arc::clone(principal)).or_default().running += 1;
    }

    fn ended(&mut self, principal: &Arc<str>) {
        self.running -= 1;
        if let Some(line) = self.lines.get_mut(principal) {
            line.running -= 1;
        }
        self.tidy(principal);
    }

    /// Whether somebody who waits could run in a place of `owner`, if it were free.
    fn is_wanted(&self, owner: &Arc<str>, most: Most) -> bool {
        let may_run = |principal: &Arc<str>| {
            principal == owner || self.lines.get(principal).is_some_and(|line| line.running < most.running_each)
        };
        self.turns.iter().any(may_run)
    }

    /// Stands at the end of the principal's line; gives the ticket.
    fn wait(
        &mut self,
        principal: &Arc<str>,
        place: oneshot::Sender<Place>,
        usage: &Arc<Usage>,
        has_begun: bool,
    ) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let line = self.lines.entry(Arc::clone(principal)).or_default();
        if line.waiting.is_empty() {
            self.turns.push_back(Arc::clone(principal));
        }
        line.waiting.push_back(Waiter { ticket, has_begun, place, usage: Arc::clone(usage) });
        self.waiting += 1;
        self.tell_positions();
        ticket
    }

    /// Takes those out of the queue for whom there is a place: one of each principal, turn by turn.
    fn admit(&mut self, most: Most) -> Vec<(Arc<str>, Waiter)> {
        let mut admitted = Vec::new();
        while self.running < most.running {
            let may_run =
                |principal: &Arc<str>| self.lines.get(principal).is_some_and(|l| l.running < most.running_each);
            let Some(turn) = self.turns.iter().position(may_run) else { break };
            let Some(principal) = self.turns.remove(turn) else { break };
            let next = self.lines.get_mut(&principal).and_then(|line| line.waiting.pop_front());
            let Some(waiter) = next else { continue };
            self.waiting -= 1;
            if self.lines.get(&principal).is_some_and(|line| !line.waiting.is_empty()) {
                self.turns.push_back(Arc::clone(&principal));
            }
            self.run(&principal);
            admitted.push((principal, waiter));
        }
        if !admitted.is_empty() {
            self.tell_positions();
        }
        admitted
    }

    /// Takes one out of the queue who waits no longer; nothing when it is not in it.
    fn forget(&mut self, principal: &Arc<str>, ticket: u64) {
        let Some(line) = self.lines.get_mut(principal) else { return };
        let before = line.waiting.len();
        line.waiting.retain(|waiter| waiter.ticket != ticket);
        if line.waiting.len() == before {
            return;
        }
        self.waiting -= 1;
        if line.waiting.is_empty() {
            self.turns.retain(|other| other != principal);
        }
        self.tidy(principal);
        self.tell_positions();
    }

    /// Keeps no line of somebody who neither runs nor waits.
    fn tidy(&mut self, principal: &Arc<str>) {
        if self.lines.get(principal).is_some_and(|line| line.running == 0 && line.waiting.is_empty()) {
            self.lines.remove(principal);
        }
    }

    /// Tells every waiting query its place: the number of queries that are let in before it, and one.
    ///
    /// Shares that are used up are left out of account, since nobody knows which query ends first.
    fn tell_positions(&self) {
        let lines: Vec<&VecDeque<Waiter>> =
            self.turns.iter().filter_map(|principal| Some(&self.lines.get(principal)?.waiting)).collect();
        let longest = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|round| lines.iter().filter_map(move |line| line.get(round)));
        for (before, waiter) in in_turn.enumerate() {
            waiter.usage.waits(before + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::principal::Principal;

    fn admission(running: usize, each: usize, waiting: usize, waiting_each: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&Limits {
            concurrent_queries: running,
            queries_per_principal: each,
            queued_queries: waiting,
            queued_per_principal: waiting_each,
            ..Limits::default()
        }))
    }

    fn context(user: &str) -> QueryContext {
        let ctx = QueryContext::new(Principal::parse(user).unwrap());
        QueryContext { usage: Arc::default(), ..ctx }
    }

    /// One query on its way: its name, its context, and its place as it comes.
    struct Query {
        name: String,
        ctx: QueryContext,
        entering: BoxFuture<'static, Result<Place>>,
        place: Option<Place>,
    }

    fn query(door: &Arc<Admission>, name: &str) -> Query {
        let (door, ctx) = (Arc::clone(door), context(&name[..1]));
        let entering = {
            let ctx = ctx.clone();
            async move { door.enter(&ctx).await }.boxed()
        };
        Query { name: name.to_owned(), ctx, entering, place: None }
    }

    impl Query {
        /// Whether it has its place; it is looked at once.
        fn is_in(&mut self) -> bool {
            if self.place.is_none()
                && let Some(entered) = self.entering.as_mut().now_or_never()
            {
                self.place = Some(entered.unwrap());
            }
            self.place.is_some()
        }
    }

    /// Looks at each; gives the names of those that came in, and keeps those that did not.
    fn came_in(queries: &mut [Query]) -> Vec<String> {
        let waiting = queries.iter_mut().filter(|query| query.place.is_none());
        waiting.filter_map(|query| if query.is_in() { Some(query.name.clone()) } else { None }).collect()
    }

    fn end(queries: &mut [Query], name: &str) {
        let query = queries.iter_mut().find(|query| query.name == name).unwrap();
        query.place = None;
        query.entering = futures::future::pending().boxed();
    }

    #[tokio::test]
    async fn principals_take_turns() {
        let door = admission(1, 1, 100, 100);
        let mut queries: Vec<Query> = ["a0", "a1", "a2", "a3", "b1", "b2", "c1"].map(|name| query(&door, name)).into();
        assert_eq!(came_in(&mut queries), ["a0"]);
        let positions: Vec<Option<usize>> = queries.iter().map(|query| query.ctx.usage.position()).collect();
        assert_eq!(positions, [None, Some(1), Some(4), Some(6), Some(2), Some(5), Some(3)]);
        let mut order = vec!["a0".to_owned()];
        while order.len() < queries.len() {
            end(&mut queries, order.last().unwrap());
            let next = came_in(&mut queries);
            assert_eq!(next.len(), 1, "one place, one query");
            order.extend(next);
        }
        assert_eq!(order, ["a0", "a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!((door.running(), door.waiting()), (1, 0));
        drop(queries);
        assert_eq!(door.running(), 0);
        assert!(door.0.state.lock().lines.is_empty(), "nobody is remembered who neither runs nor waits");
    }

    #[tokio::test]
    async fn a_principal_runs_no_more_than_its_share_while_others_go_by() {
        let door = admission(3, 2, 100, 100);
        let mut queries: Vec<Query> = ["a0", "a1", "a2", "a3", "b1"].map(|name| query(&door, name)).into();
        assert_eq!(came_in(&mut queries), ["a0", "a1", "b1"], "the third place is not for a");
        end(&mut queries, "b1");
        assert_eq!(came_in(&mut queries), Vec::<String>::new());
        end(&mut queries, "a0");
        assert_eq!(came_in(&mut queries), ["a2"]);
        assert_eq!(queries[3].ctx.usage.position(), Some(1));
    }

    #[tokio::test]
    async fn a_place_is_lent_to_somebody_who_can_use_it_and_to_nobody_else() {
        let door = admission(2, 1, 1, 1);
        let mut queries: Vec<Query> = ["a0", "b0"].map(|name| query(&door, name)).into();
        assert_eq!(came_in(&mut queries), ["a0", "b0"]);
        assert!(door.lend(&mut queries[0].place).is_none(), "nobody waits");
        queries.push(query(&door, "a1"));
        assert_eq!(came_in(&mut queries), Vec::<String>::new());
        assert!(door.lend(&mut queries[1].place).is_none(), "a has its share, with or without the place of b");
        let lent = door.lend(&mut queries[0].place).unwrap();
        assert_eq!((door.running(), door.waiting(), door.lent()), (2, 0, 1));
        assert_eq!(came_in(&mut queries[2..]), ["a1"]);
        assert!(door.lend(&mut None).is_none(), "what was lent is not lent again");

        // The queue is full with one of a: who comes back waits in it all the same, behind that one.
        let mut waiting = [query(&door, "a2")];
        came_in(&mut waiting);
        assert_eq!(door.enter(&context("a")).await.unwrap_err().kind(), crate::Kind::Exhausted);
        let ctx = context("a");
        let mut back = Box::pin(door.come_back(&ctx));
        assert!((&mut back).now_or_never().is_none());
        assert_eq!(ctx.usage.position(), Some(2));
        end(&mut queries, "a1");
        assert_eq!(came_in(&mut waiting), ["a2"]);
        // The one that comes back waits still, and fills no queue: another one of a may wait behind it.
        let mut last = [query(&door, "a3")];
        assert_eq!(came_in(&mut last), Vec::<String>::new());
        assert_eq!(door.enter(&context("a")).await.unwrap_err().kind(), crate::Kind::Exhausted);
        drop(last);
        end(&mut waiting, "a2");
        let place = back.await.unwrap();
        drop(lent);
        assert_eq!((door.running(), door.waiting(), door.lent()), (2, 0, 0));
        drop((place, queries));
        assert_eq!(door.running(), 0);
    }

    #[tokio::test]
    async fn only_so_many_places_are_lent() {
        let limits = Limits { concurrent_queries: 1, paused_queries: 1, ..Limits::default() };
        let door = Arc::new(Admission::new(&limits));
        let mut queries: Vec<Query> = ["a0", "a1", "a2"].map(|name| query(&door, name)).into();
        came_in(&mut queries);
        let lent = door.lend(&mut queries[0].place);
        assert!(lent.is_some());
        assert_eq!(came_in(&mut queries[1..]), ["a1"]);
        assert!(door.lend(&mut queries[1].place).is_none(), "one has lent its place already");
        drop(lent);
        assert!(door.lend(&mut queries[1].place).is_some());
        assert_eq!(came_in(&mut queries[2..]), ["a2"]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_says_which_limit() {
        let door = admission(1, 1, 2, 1);
        let mut queries: Vec<Query> = ["a0", "a1"].map(|name| query(&door, name)).into();
        came_in(&mut queries);
        let refused = door.enter(&context("a")).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the queue is full (limits.queued_per_principal of 1): 1 queries are running and 1 are waiting, 1 and 1 of them for a"
        );
        let mut other = [query(&door, "b1")];
        came_in(&mut other);
        let refused = door.enter(&context("c")).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the queue is full (limits.queued_queries of 2): 1 queries are running and 2 are waiting"
        );
        assert_eq!(refused.kind(), crate::Kind::Exhausted);
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_queue_and_gives_a_place_back() {
        let door = admission(1, 1, 100, 100);
        let mut queries: Vec<Query> = ["a0", "b1", "c1", "d1"].map(|name| query(&door, name)).into();
        came_in(&mut queries);
        queries.remove(1);
        assert_eq!(door.waiting(), 2);
        assert_eq!(queries[1].ctx.usage.position(), Some(1), "those behind move up");
        // c1 gets the place and goes away before it looks.
        end(&mut queries, "a0");
        assert_eq!((door.running(), door.waiting()), (1, 1));
        queries.remove(1);
        assert_eq!(came_in(&mut queries), ["d1"]);
    }

    #[tokio::test]
    async fn the_deadline_holds_while_waiting_and_says_where() {
        let door = admission(1, 1, 100, 100);
        let _held = door.enter(&context("a")).await.unwrap();
        let ctx = context("b").with_timeout(Duration::from_millis(20));
        let error = door.enter(&ctx).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the query did not finish within 20ms: it was still waiting, at place 1 of the queue"
        );
        assert_eq!((error.kind(), door.waiting()), (crate::Kind::TimedOut, 0));
        let ctx = context("b");
        ctx.cancel.cancel();
        assert_eq!(door.enter(&ctx).await.unwrap_err().kind(), crate::Kind::Cancelled);
        assert_eq!(ctx.usage.position(), None);
    }
}
