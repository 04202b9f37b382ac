//! What a form's reader has found so far, and the product that it adds up to.
//!
//! Start reading at [`Parts`].

use super::node::Place;
use super::report::Report;
use crate::model::{
    Access, Body, Check, Custom, InputPort, Lifecycle, OutputPort, Owner, Partitioning, Product, Quota, SampleQuery,
    SchemaSource, ServiceLevels, Span, Status, Table, Upstream,
};
use crate::name::{ProductId, TableName};
use crate::problem::code;
use crate::standard::own::Own;

/// Everything that the blocks of a document said.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) head: Head,
    pub(crate) port_name: Option<String>,
    pub(crate) tables: Vec<FoundTable>,
    pub(crate) schema_source: Option<SchemaSource>,
    pub(crate) quality: Vec<Check>,
    pub(crate) service_levels: ServiceLevels,
    pub(crate) protocols: Vec<String>,
    pub(crate) port_custom: Custom,
    pub(crate) input_ports: Vec<InputPort>,
    pub(crate) upstream: Vec<Upstream>,
    pub(crate) access: Access,
    pub(crate) retention: Option<Span>,
    pub(crate) encryption: Option<String>,
    pub(crate) quota: Option<Quota>,
    pub(crate) body: Option<Body>,
    pub(crate) mentions: Vec<Mention>,
    /// Tables that rules name themselves, with their places; looked up with the columns.
    pub(crate) named_tables: Vec<(String, Place)>,
    pub(crate) freshness: Vec<(Span, Place)>,
    /// Custom properties that set fields of the product, its port and its service levels.
    pub(crate) own: Vec<Own>,
    /// Those of rules, by the rule's position.
    pub(crate) check_own: Vec<(usize, Vec<Own>)>,
    /// Those of tables and columns, in the order of the product's tables.
    pub(crate) table_own: Vec<TableOwn>,
    /// Whether the document says in words of its own who may read.
    pub(crate) access_in_words: bool,
    /// What a form does to a product before fields are set by custom properties.
    pub(crate) finish: Option<fn(&mut Product)>,
}

/// Custom properties that set fields of a table and of its columns, the latter by position.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableOwn {
    pub(crate) table: Vec<Own>,
    pub(crate) columns: Vec<(usize, Vec<Own>)>,
}

/// What `metadata` says of a product.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) id: Option<ProductId>,
    pub(crate) status: Status,
    pub(crate) description: Option<String>,
    pub(crate) owner: Owner,
    pub(crate) tags: Vec<String>,
    pub(crate) glossary: Vec<String>,
    pub(crate) sample_queries: Vec<SampleQuery>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) custom: Custom,
}

/// A table as it was found: the main one may not have said its name.
#[derive(Debug, Clone)]
pub(crate) struct FoundTable {
    /// As written; none for the table that the document is about.
    pub(crate) name: Option<String>,
    pub(crate) place: Place,
    pub(crate) table: Table,
    /// Partitions that were found before the storage was.
    pub(crate) partitioning: Vec<Partitioning>,
    pub(crate) own: TableOwn,
}

/// A column that some part of the document names; looked up when all tables are known.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    /// The table as written; none: the main one.
    pub(crate) table: Option<String>,
    pub(crate) column: String,
    pub(crate) place: Place,
}

impl FoundTable {
    /// A table without columns.
    pub(crate) fn empty(name: Option<String>, place: Place) -> Option<Self> {
        // The name is set when the product's is known; until then any name will do.
        let stand_in = TableName::new("main").ok()?;
        let table = Table {
            name: stand_in,
            description: None,
            columns: Vec::new(),
            storage: None,
            relationships: Vec::new(),
            custom: Custom::new(),
        };
        Some(Self { name, place, table, partitioning: Vec::new(), own: TableOwn::default() })
    }
}

impl Parts {
    /// The product, when nothing is wrong with it.
    pub(crate) fn product(mut self, report: &mut Report) -> Option<Product> {
        self.settle_freshness(report);
        let tables = super::tables::settle(&mut self, report);
        let own = super::own::AllOwn::of(&mut self);
        let finish = std::mem::take(&mut self.finish);
        let port = OutputPort {
            name: self.port_name.take().unwrap_or_else(|| "main".to_owned()),
            tables,
            schema_source: self.schema_source.take(),
            quality: std::mem::take(&mut self.quality),
            service_levels: std::mem::take(&mut self.service_levels),
            protocols: std::mem::take(&mut self.protocols),
            custom: std::mem::take(&mut self.port_custom),
        };
        let mut product = self.with_ports(vec![port])?;
        finish.iter().for_each(|finish| finish(&mut product));
        own.set(&mut product, report);
        Some(product)
    }

    /// The product as its head says it, with these output ports; none without a name and a version.
    pub(crate) fn with_ports(self, output_ports: Vec<OutputPort>) -> Option<Product> {
        let head = self.head;
        Some(Product {
            id: head.id?,
            status: head.status,
            description: head.description,
            owner: head.owner,
            tags: head.tags,
            glossary: head.glossary,
            sample_queries: head.sample_queries,
            lifecycle: head.lifecycle,
            input_ports: self.input_ports,
            output_ports,
            upstream: self.upstream,
            access: self.access,
            retention: self.retention,
            encryption: self.encryption,
            quota: self.quota,
            body: self.body.unwrap_or(Body::Stored),
            custom: head.custom,
        })
    }

    /// Freshness may stand in two places; then both must say the same.
    fn settle_freshness(&mut self, report: &mut Report) {
        let Some((first, _)) = self.freshness.first() else { return };
        for (span, place) in &self.freshness[1..] {
            if span != first {
                let message = format!("freshness is {span} here and {first} elsewhere");
                report.error(*place, code::CONFLICT, message, "Say it once, or say the same twice.");
            }
        }
        self.service_levels.freshness = Some(first.clone());
    }
}
