//! Metadata, statements and prepared statements, through all of Flight SQL: only plans and rows are made up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use meshweave_contract::model::Product;
use meshweave_engine::catalog::CatalogSnapshot;
use meshweave_engine::engine::ParameterInfo;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Answer, Error, QueryContext, Result, Statement, StatementInfo};

use super::{Nothing, open, passes};
use crate::backend::{Backend, Plan, SystemTable};
use crate::protocol::Protocol;
use crate::server::FlightServer;
use crate::wire::{Profile, WireSchema};

/// The column of both queries, with the labels that the client wants back.
fn queried() -> Schema {
    let labels = [
        ("TABLE_NAME", "test"),
        ("IS_AUTO_INCREMENT", "1"),
        ("IS_CASE_SENSITIVE", "0"),
        ("TYPE_NAME", "type_test"),
        ("SCHEMA_NAME", "schema_test"),
        ("IS_SEARCHABLE", "1"),
        ("CATALOG_NAME", "catalog_test"),
        ("PRECISION", "100"),
        ("REMARKS", "test column"),
    ];
    let metadata = labels.map(|(label, value)| (format!("ARROW:FLIGHT:SQL:{label}"), value.to_owned()));
    Schema::new(vec![Field::new("id", DataType::Int64, true).with_metadata(HashMap::from(metadata))])
}

/// What a statement of the scenario is: its columns, the types of its parameters, and the rows it changes.
struct Known {
    columns: SchemaRef,
    parameters: Vec<DataType>,
    changed: Option<i64>,
}

/// Knows the statements of the scenario by heart.
fn known(sql: &str) -> Result<Known> {
    let query = |parameters| Known { columns: Arc::new(queried()), parameters, changed: None };
    let update = |count| Known {
        columns: Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, false)])),
        parameters: vec![],
        changed: Some(count),
    };
    Ok(match sql {
        "SELECT STATEMENT" => query(vec![]),
        "SELECT PREPARED STATEMENT" => query(vec![DataType::Int64]),
        "UPDATE STATEMENT" => update(10_000),
        "UPDATE PREPARED STATEMENT" => update(20_000),
        other => return Err(Error::invalid_query(format!("\"{other}\" is no statement of the scenario"))),
    })
}

#[derive(Debug)]
struct ByHeart;

#[async_trait]
impl Backend for ByHeart {
    fn statement_timeout(&self) -> Duration {
        Nothing.statement_timeout()
    }

    fn catalog(&self) -> Arc<CatalogSnapshot> {
        Nothing.catalog()
    }

    fn discovers(&self, ctx: &QueryContext, product: &Product) -> bool {
        Nothing.discovers(ctx, product)
    }

    fn system_tables(&self) -> Vec<SystemTable> {
        Nothing.system_tables()
    }

    async fn describe(&self, _ctx: &QueryContext, sql: &str) -> Result<StatementInfo> {
        let known = known(sql)?;
        let parameter = |(data_type, at)| ParameterInfo { name: format!("${at}"), data_type: Some(data_type) };
        let parameters = known.parameters.into_iter().zip(1..).map(parameter).collect();
        Ok(StatementInfo { schema: known.columns, parameters, writes: known.changed.is_some() })
    }

    async fn plan(&self, ctx: &QueryContext, of: &Statement, _: Option<&VersionVector>) -> Result<Box<dyn Plan>> {
        Ok(Box::new(Planned { known: known(&of.sql)?, ctx: ctx.clone() }))
    }
}

struct Planned {
    known: Known,
    ctx: QueryContext,
}

#[async_trait]
impl Plan for Planned {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.known.columns)
    }

    fn versions(&self) -> VersionVector {
        VersionVector::default()
    }

    fn writes(&self) -> bool {
        self.known.changed.is_some()
    }

    async fn run(self: Box<Self>) -> Result<Answer> {
        let schema = self.schema();
        let column = Arc::new(Int64Array::from_iter_values(self.known.changed));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&schema), futures::stream::iter([Ok(batch)]));
        let (usage, versions) = (Arc::clone(&self.ctx.usage), self.versions());
        Ok(Answer { schema, stream: Box::pin(stream), versions, usage, context: self.ctx })
    }
}

/// Labels columns as the backend has them, where ours says what the wire carries.
#[derive(Debug)]
struct AsTheyAre;

impl Protocol for AsTheyAre {
    fn columns(&self, columns: &Schema, _profile: Profile) -> WireSchema {
        WireSchema::as_it_is(columns)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flight_sql() {
    let server = FlightServer::new(Arc::new(ByHeart), open()).unwrap().with_protocol(Arc::new(AsTheyAre));
    passes("flight_sql", server).await;
}
