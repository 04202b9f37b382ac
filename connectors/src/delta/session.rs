//! The session that deltalake plans a scan with: the query's own, except for its runtime.
//!
//! In: the query's session. Out: the same with a store registry that knows one table's folder, and with that table's footers.
//! Holds always:
//! - deltalake takes its footer cache and its store from here, at planning time; the query's own caches are neither read nor written;
//! - a log entry that names an absolute URL (`file:///…`, another bucket) finds no store.
//!
//! Start reading at [`TableSession::new`].

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, Session};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::config::TableOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::cache::cache_manager::{CacheManagerConfig, FileMetadataCache};
use datafusion::execution::context::SessionConfig;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::registry::ExtensionTypeRegistryRef;
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectStore;
use url::Url;

/// See the file's head.
pub(super) struct TableSession<'a> {
    query: &'a dyn Session,
    runtime: Arc<RuntimeEnv>,
    table_options: TableOptions,
}

impl<'a> TableSession<'a> {
    /// Wraps the query's session.
    ///
    /// - `url`, `store`: the table's folder.
    /// - `footers`: of this version of this table only.
    pub(super) fn new(
        query: &'a dyn Session,
        url: ObjectStoreUrl,
        store: Arc<dyn ObjectStore>,
        footers: Arc<FileMetadataCache>,
    ) -> Result<Self> {
        let limit = footers.cache_limit();
        let caches = CacheManagerConfig::default()
            .with_file_statistics_cache_limit(0)
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(limit)
            .with_file_metadata_cache(Some(footers));
        let runtime = RuntimeEnvBuilder::from_runtime_env(query.runtime_env())
            .with_cache_manager(caches)
            .with_object_store_registry(Arc::new(OneStore { url, store }))
            .build_arc()?;
        Ok(Self { query, runtime, table_options: query.table_options().clone() })
    }
}

/// A registry that knows one store and takes no other.
#[derive(Debug)]
struct OneStore {
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
}

impl OneStore {
    fn is(&self, url: &Url) -> bool {
        let own: &Url = self.url.as_ref();
        own[..url::Position::AfterPort] == url[..url::Position::AfterPort]
    }
}

#[deny(clippy::missing_trait_methods)]
impl ObjectStoreRegistry for OneStore {
    /// Keeps the one it has.
    fn register_store(&self, url: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.is(url).then(|| Arc::clone(&self.store))
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.get_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if self.is(url) {
            return Ok(Arc::clone(&self.store));
        }
        Err(DataFusionError::Plan(format!("the delta log names a file outside of its table's folder: {url}")))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Session for TableSession<'_> {
    fn session_id(&self) -> &str {
        self.query.session_id()
    }

    fn config(&self) -> &SessionConfig {
        self.query.config()
    }

    fn catalog_list(&self) -> Arc<dyn CatalogProviderList> {
        self.query.catalog_list()
    }

    fn config_options(&self) -> &datafusion::config::ConfigOptions {
        self.query.config_options()
    }

    fn query_planner(&self) -> Arc<dyn datafusion::execution::context::QueryPlanner + Send + Sync> {
        self.query.query_planner()
    }

    fn optimize(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        self.query.optimize(plan)
    }

    fn physical_optimizers(&self) -> &[Arc<dyn datafusion::physical_optimizer::PhysicalOptimizerRule + Send + Sync>] {
        self.query.physical_optimizers()
    }

    fn statistics_registry(&self) -> Option<&datafusion::physical_plan::operator_statistics::StatisticsRegistry> {
        self.query.statistics_registry()
    }

    async fn create_physical_plan(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.query.create_physical_plan(plan).await
    }

    fn create_physical_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        self.query.create_physical_expr(expr, schema)
    }

    fn scalar_functions(&self) -> &HashMap<String, Arc<ScalarUDF>> {
        self.query.scalar_functions()
    }

    fn higher_order_functions(&self) -> &HashMap<String, Arc<HigherOrderUDF>> {
        self.query.higher_order_functions()
    }

    fn aggregate_functions(&self) -> &HashMap<String, Arc<AggregateUDF>> {
        self.query.aggregate_functions()
    }

    fn window_functions(&self) -> &HashMap<String, Arc<WindowUDF>> {
        self.query.window_functions()
    }

    fn extension_type_registry(&self) -> &ExtensionTypeRegistryRef {
        self.query.extension_type_registry()
    }

    fn runtime_env(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    fn execution_props(&self) -> &ExecutionProps {
        self.query.execution_props()
    }

    /// Not the query's session: nobody may reach its runtime by a downcast.
    fn as_any(&self) -> &dyn Any {
        &self.runtime
    }

    fn table_options(&self) -> &TableOptions {
        &self.table_options
    }

    fn default_table_options(&self) -> TableOptions {
        self.table_options.combine_with_session_config(self.config_options())
    }

    fn table_options_mut(&mut self) -> &mut TableOptions {
        &mut self.table_options
    }

    fn task_ctx(&self) -> Arc<TaskContext> {
        Arc::new(TaskContext::from(self as &dyn Session))
    }
}
