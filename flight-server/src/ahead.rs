//! Plans that GetFlightInfo has made, for the DoGet that follows at once: a statement is then planned once, not twice.
//!
//! In: a plan and the context it was made with, under the id of its query. Out: both, once, to the caller they were made for.
//! Holds always:
//! - a ticket needs no plan that waits here: without one the statement is planned again, which any server can do;
//! - a plan is given away only where the catalog and the policy's decisions are those that it was made with;
//! - a plan waits for a moment, and there are so many at most: the oldest goes first.
//!
//! Start reading at [`Ahead::keep`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use datafusion::common::runtime::SpawnedTask;
use meshweave_engine::QueryContext;
use meshweave_engine::catalog::CatalogSnapshot;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::backend::Plan;

/// The part of a statement's time that may go by before it is fetched: its deadline runs from GetFlightInfo on then.
const PART: u32 = 30;

/// The plans of one server that wait to be run.
#[derive(Debug)]
pub(crate) struct Ahead {
    most: usize,
    longest: Duration,
    timeout: Duration,
    plans: Arc<Plans>,
}

/// By query; ids sort by time.
type Plans = Mutex<BTreeMap<Uuid, Waiting>>;

struct Waiting {
    ctx: QueryContext,
    plan: Box<dyn Plan>,
    /// Takes it away when its time is over.
    _end: SpawnedTask<()>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("query", &self.ctx.query_id).finish_non_exhaustive()
    }
}

impl Ahead {
    /// A place for `most` plans of statements that may take `timeout`; each waits for `longest` at most.
    pub(crate) fn new(most: usize, longest: Duration, timeout: Duration) -> Self {
        Self { most, longest, timeout, plans: Arc::default() }
    }

    /// Keeps a plan for its DoGet; one that would not hold then, or whose caller has set a shorter time for this call, is dropped.
    pub(crate) fn keep(&self, ctx: &QueryContext, plan: Box<dyn Plan>, catalog: &Arc<CatalogSnapshot>) {
        if self.most == 0 || !self.is_unhurried(ctx) || !plan.still_holds(catalog) {
            return;
        }
        let end = SpawnedTask::spawn(ended(Arc::downgrade(&self.plans), ctx.query_id, self.lifetime()));
        let mut plans = self.plans.lock();
        plans.insert(ctx.query_id, Waiting { ctx: ctx.clone(), plan, _end: end });
        let dropped = if plans.len() > self.most { plans.pop_first() } else { None };
        // A plan may be large: nobody waits for the lock meanwhile.
        drop(plans);
        drop(dropped);
    }

    /// The plan of a query and the context to run it with; none: it is to be planned.
    ///
    /// - `ctx`: a fresh context of the caller who shows the ticket.
    pub(crate) fn take(
        &self,
        ctx: &QueryContext,
        catalog: &Arc<CatalogSnapshot>,
    ) -> Option<(QueryContext, Box<dyn Plan>)> {
        let waiting = self.plans.lock().remove(&ctx.query_id)?;
        let Waiting { ctx: planned_with, plan, .. } = waiting;
        let is_own = planned_with.principal == ctx.principal;
        (is_own && self.is_unhurried(ctx) && plan.still_holds(catalog)).then_some((planned_with, plan))
    }

    /// How long a plan waits at most.
    fn lifetime(&self) -> Duration {
        self.longest.min(self.timeout / PART)
    }

    /// Whether the caller leaves the query the time that the server gives.
    fn is_unhurried(&self, ctx: &QueryContext) -> bool {
        ctx.deadline.is_none_or(|(_, limit)| limit >= self.timeout)
    }
}

/// Drops the plan of a query after its time.
async fn ended(plans: Weak<Plans>, query: Uuid, lifetime: Duration) {
    tokio::time::sleep(lifetime).await;
    let Some(plans) = plans.upgrade() else { return };
    let waiting = plans.lock().remove(&query);
    drop(waiting);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use arrow::datatypes::{Schema, SchemaRef};
    use async_trait::async_trait;
    use meshweave_engine::version::VersionVector;
    use meshweave_engine::{Answer, Failure, Principal, Result};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30 * 3600);
    const LONGEST: Duration = Duration::from_secs(3600);

    /// Plans that hold or do not, and how many there are.
    #[derive(Debug, Default)]
    struct World {
        fails: AtomicBool,
        alive: AtomicUsize,
    }

    struct Fixed(Arc<World>);

    impl Fixed {
        fn boxed(world: &Arc<World>) -> Box<dyn Plan> {
            world.alive.fetch_add(1, Ordering::SeqCst);
            Box::new(Self(Arc::clone(world)))
        }
    }

    impl Drop for Fixed {
        fn drop(&mut self) {
            self.0.alive.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl Plan for Fixed {
        fn schema(&self) -> SchemaRef {
            Arc::new(Schema::empty())
        }

        fn versions(&self) -> VersionVector {
            VersionVector::default()
        }

        fn still_holds(&self, _catalog: &Arc<CatalogSnapshot>) -> bool {
            !self.0.fails.load(Ordering::SeqCst)
        }

        async fn run(self: Box<Self>) -> Result<Answer> {
            Err(Failure::Cancelled.into())
        }
    }

    fn of(user: &str) -> QueryContext {
        QueryContext::new(Principal { user: user.to_owned(), teams: vec![] }).with_timeout(TIMEOUT)
    }

    /// A later call of the same query.
    fn again(ctx: &QueryContext, user: &str) -> QueryContext {
        QueryContext { query_id: ctx.query_id, ..of(user) }
    }

    fn catalog() -> Arc<CatalogSnapshot> {
        Arc::new(CatalogSnapshot::new(1, "mesh", vec![], vec![], vec![]))
    }

    #[tokio::test]
    async fn a_plan_is_given_once_to_the_one_it_was_made_for() {
        let (ahead, world, catalog) = (Ahead::new(2, LONGEST, TIMEOUT), Arc::<World>::default(), catalog());
        let ctx = of("ada");
        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        assert!(ahead.take(&of("ada"), &catalog).is_none(), "another query");
        let (planned_with, plan) = ahead.take(&again(&ctx, "ada"), &catalog).unwrap();
        planned_with.cancel.cancel();
        assert!(ctx.cancel.is_cancelled(), "it is stopped by what it was planned with");
        assert!(ahead.take(&again(&ctx, "ada"), &catalog).is_none(), "it is run once");
        drop(plan);

        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        assert!(ahead.take(&again(&ctx, "bob"), &catalog).is_none());
        assert_eq!(world.alive.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn what_holds_no_longer_is_dropped() {
        let (ahead, world, catalog) = (Ahead::new(2, LONGEST, TIMEOUT), Arc::<World>::default(), catalog());
        let ctx = of("ada");
        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        world.fails.store(true, Ordering::SeqCst);
        assert!(ahead.take(&again(&ctx, "ada"), &catalog).is_none());
        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        assert_eq!(world.alive.load(Ordering::SeqCst), 0, "what does not hold is not kept at all");
    }

    #[tokio::test]
    async fn who_is_in_a_hurry_is_planned_for_again() {
        let (ahead, world, catalog) = (Ahead::new(2, LONGEST, TIMEOUT), Arc::<World>::default(), catalog());
        let hurried = of("ada").with_timeout(Duration::from_secs(1));
        ahead.keep(&hurried, Fixed::boxed(&world), &catalog);
        assert_eq!(world.alive.load(Ordering::SeqCst), 0, "its deadline is none for the fetch");
        let ctx = of("ada");
        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        assert!(ahead.take(&again(&ctx, "ada").with_timeout(Duration::from_secs(1)), &catalog).is_none());
    }

    #[tokio::test]
    async fn there_are_so_many_at_most() {
        let (ahead, world, catalog) = (Ahead::new(2, LONGEST, TIMEOUT), Arc::<World>::default(), catalog());
        let queries = [of("ada"), of("ada"), of("ada")];
        for ctx in &queries {
            ahead.keep(ctx, Fixed::boxed(&world), &catalog);
        }
        assert_eq!(world.alive.load(Ordering::SeqCst), 2);
        assert!(ahead.take(&again(&queries[0], "ada"), &catalog).is_none(), "the oldest went first");
        assert!(ahead.take(&again(&queries[1], "ada"), &catalog).is_some());
        assert!(ahead.take(&again(&queries[2], "ada"), &catalog).is_some());
        let none = Ahead::new(0, LONGEST, TIMEOUT);
        none.keep(&queries[0], Fixed::boxed(&world), &catalog);
        assert_eq!(world.alive.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_plan_waits_for_a_moment() {
        assert_eq!(Ahead::new(2, LONGEST, TIMEOUT).lifetime(), LONGEST);
        let timeout = Duration::from_secs(3);
        let (ahead, world, catalog) = (Ahead::new(2, LONGEST, timeout), Arc::<World>::default(), catalog());
        assert_eq!(ahead.lifetime(), Duration::from_millis(100));
        let ctx = of("ada").with_timeout(timeout);
        ahead.keep(&ctx, Fixed::boxed(&world), &catalog);
        let gone = async {
            while world.alive.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), gone).await.unwrap();
        assert!(ahead.take(&again(&ctx, "ada"), &catalog).is_none());
    }
}
