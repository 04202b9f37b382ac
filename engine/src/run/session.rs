//! The planner's and executor's state of one query: made from a template, sharing functions and rules, never stores or caches.
//!
//! Holds always:
//! - a query's object stores are its own: a URL means what this query's connectors said it means;
//! - no cache of DataFusion is on, since they are keyed by path and would mix two stores;
//! - the planner finds exactly the tables it was given.
//!
//! Start reading at [`Template::planning`].

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, TableFunctionArgs};
use datafusion::common::{DFSchema, TableReference, plan_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use parking_lot::{Mutex, RwLock};
use url::Url;

use crate::context::Usage;
use crate::error::{Failure, Result};
use crate::run::cooperative::YieldingJoins;
use crate::run::memory::{self, QueryPool};
use crate::run::rewrites;
use crate::settings::Limits;

/// States that are kept for further queries; when more are planned at a time, the others get their own.
const KEPT_STATES: usize = 16;

/// What every query's state starts from.
pub(crate) struct Template {
    state: SessionState,
    states: Mutex<Vec<Arc<SessionState>>>,
    env: RuntimeEnv,
    pool: Arc<dyn MemoryPool>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Template {
    /// # Errors
    /// [`Failure::InvalidConfiguration`] when the spill folder cannot be used.
    pub(crate) fn new(limits: &Limits) -> Result<Self> {
        let pool = memory::process_pool(limits);
        let disk = memory::spill(limits).map_err(|error| Failure::InvalidConfiguration {
            place: "limits.spill_folder".to_owned(),
            message: error.strip_backtrace(),
            hint: None,
        })?;
        let caches = CacheManagerConfig::default()
            .with_file_statistics_cache_limit(0)
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(0);
        let mut env = RuntimeEnvBuilder::new()
            .with_cache_manager(caches)
            .with_memory_pool(Arc::clone(&pool))
            .with_object_store_registry(Arc::new(QueryStores::default()))
            .build()?;
        env.disk_manager = disk;
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(config(limits))
            .with_catalog_list(Arc::new(NoCatalogs))
            .with_runtime_env(Arc::new(env.clone()))
            .build();
        let rules = YieldingJoins::among(state.physical_optimizers());
        let state = SessionStateBuilder::new_from_existing(state).with_physical_optimizer_rules(rules).build();
        Ok(Self { state: rewrites::as_needed(state)?, states: Mutex::default(), env, pool })
    }

    /// What a query runs with: its own stores and its own share of the memory.
    ///
    /// - `planned`: the state that planned it.
    /// - `usage`: is told how much memory the query holds.
    ///
    /// The context knows no functions: a plan that was made in this process holds those that it calls.
    pub(crate) fn task(
        &self,
        planned: &SessionState,
        stores: Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)>,
        usage: &Arc<Usage>,
    ) -> Arc<TaskContext> {
        let registry = QueryStores::default();
        for (url, store) in stores {
            registry.register_store(url.as_ref(), store);
        }
        let mut env = self.env.clone();
        env.memory_pool = Arc::new(QueryPool::new(Arc::clone(&self.pool), Arc::clone(usage)));
        env.object_store_registry = Arc::new(registry);
        let (id, config) = (planned.session_id().to_owned(), planned.config().clone());
        let (scalar, higher_order) = (HashMap::new(), HashMap::new());
        let (aggregate, window) = (HashMap::new(), HashMap::new());
        Arc::new(TaskContext::new(None, id, config, scalar, higher_order, aggregate, window, Arc::new(env)))
    }

    /// A query's state for planning; it knows no stores, so that planning reads nothing but what connectors read.
    ///
    /// It is one that no query has any more, where there is one: all that a state holds of a query (the moment of its start, its aliases, its
    /// options) is made anew, and to copy the names of all functions takes longer than planning a small statement.
    pub(crate) fn planning(&self) -> Arc<SessionState> {
        let mut states = self.states.lock();
        if let Some(unused) = states.iter_mut().find(|state| Arc::strong_count(state) == 1)
            && let Some(state) = Arc::get_mut(unused)
        {
            state.mark_start_execution();
            return Arc::clone(unused);
        }
        let mut state = self.state.clone();
        state.mark_start_execution();
        let state = Arc::new(state);
        if states.len() < KEPT_STATES {
            states.push(Arc::clone(&state));
        }
        state
    }

    /// The memory of the process, for what lives longer than a query.
    pub(crate) fn pool(&self) -> &Arc<dyn MemoryPool> {
        &self.pool
    }

    /// Bytes on disk that all queries hold now.
    pub(crate) fn spilled_bytes(&self) -> u64 {
        self.env.disk_manager.used_disk_space()
    }

    /// Bytes that all queries hold now.
    pub(crate) fn reserved_bytes(&self) -> usize {
        self.pool.reserved()
    }
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_batch_size(limits.batch_rows.max(1))
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    if let Some(partitions) = limits.partitions.and_then(NonZeroUsize::new) {
        config = config.with_target_partitions(partitions.get());
    }
    config
}

/// The stores of one query.
#[derive(Debug, Default)]
struct QueryStores(RwLock<HashMap<String, Arc<dyn ObjectStore>>>);

fn key(url: &Url) -> String {
    url[..url::Position::BeforePath].to_owned()
}

impl ObjectStoreRegistry for QueryStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.0.write().insert(key(url), store)
    }

    fn deregister_store(&self, url: &Url) -> DfResult<Arc<dyn ObjectStore>> {
        let removed = self.0.write().remove(&key(url));
        removed.ok_or_else(|| plan_datafusion_err!("this query has no store for {}", key(url)))
    }

    fn get_store(&self, url: &Url) -> DfResult<Arc<dyn ObjectStore>> {
        let store = self.0.read().get(&key(url)).cloned();
        store.ok_or_else(|| plan_datafusion_err!("this query has no store for {}", key(url)))
    }
}

/// No tables but those that the planner is given.
#[derive(Debug)]
struct NoCatalogs;

impl CatalogProviderList for NoCatalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn catalog(&self, _: &str) -> Option<Arc<dyn CatalogProvider>> {
        None
    }
}

/// What the SQL planner may look up: the session's functions, and exactly these tables.
pub(crate) struct Tables<'a> {
    pub(crate) state: &'a SessionState,
    pub(crate) tables: HashMap<TableReference, Arc<dyn TableSource>>,
}

impl ContextProvider for Tables<'_> {
    fn get_table_source(&self, name: TableReference) -> DfResult<Arc<dyn TableSource>> {
        self.tables.get(&name).cloned().ok_or_else(|| plan_datafusion_err!("table '{name}' not found"))
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> DfResult<Arc<dyn TableSource>> {
        let functions = self.state.table_functions();
        let function = functions.get(name).ok_or_else(|| plan_datafusion_err!("table function '{name}' not found"))?;
        let context = SimplifyContext::builder()
            .with_config_options(Arc::clone(self.state.config_options()))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        let schema = DFSchema::empty();
        let simplify = |arg| simplifier.coerce(arg, &schema).and_then(|arg| simplifier.simplify(arg));
        let args = args.into_iter().map(simplify).collect::<DfResult<Vec<_>>>()?;
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&args, self.state))?;
        Ok(provider_as_source(provider))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DfResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
