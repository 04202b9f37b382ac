//! The canonical model: one product version, whatever form its contract was written in.
//!
//! Shape: a product (Bitol ODPS) whose output ports each hold what a contract (ODCS) promises.
//! Holds always:
//! - nothing of a document is dropped: what has no field here stands in a `custom` map, and the text itself is kept;
//! - spans of time are calendar spans ([`jiff::Span`]), never seconds; availability is parts per million.
//!
//! Start reading at [`Product`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{DomainName, ProductId, ProductName, TableName};
use crate::types::LogicalType;

/// Anything a document said that the model has no field for; JSON values, keys sorted.
pub type Custom = BTreeMap<String, serde_json::Value>;

/// A calendar span that compares and hashes by its ISO 8601 text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Span(pub jiff::Span);

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One version of one data product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Name and version.
    pub id: ProductId,
    /// Where it stands in its life.
    pub status: Status,
    /// What it is about, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Owner,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Terms of the business glossary it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub glossary: Vec<String>,
    /// Queries that show how to use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample_queries: Vec<SampleQuery>,
    /// Deprecation, sunset, successor.
    #[serde(default, skip_serializing_if = "Lifecycle::is_empty")]
    pub lifecycle: Lifecycle,
    /// Ways in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_ports: Vec<InputPort>,
    /// Ways out; the first is the one that SQL reads.
    pub output_ports: Vec<OutputPort>,
    /// What it is made from, as declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<Upstream>,
    /// Who may find and read it.
    pub access: Access,
    /// How long its rows are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// How it is encrypted at rest, as declared (`aes-256`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// What a consumer may use at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Stored data, or a definition over other products.
    pub body: Body,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

impl Product {
    /// `domain.product`.
    pub fn name(&self) -> &ProductName {
        &self.id.name
    }

    /// The port whose first table is the product's main table; none for a product without output ports.
    pub fn main_port(&self) -> Option<&OutputPort> {
        self.output_ports.first()
    }

    /// Every table of the main port; the first is the product's main table. See [`Self::sql_tables`] for those of all ports.
    pub fn tables(&self) -> &[Table] {
        self.main_port().map_or(&[], |port| port.tables.as_slice())
    }
}

/// Where a product's rows come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Body {
    /// Files or tables in the domain's storage.
    Stored,
    /// A query over other products, run for each caller.
    View {
        /// One `SELECT` over product names.
        sql: String,
    },
    /// A query whose answer is kept.
    Materialization {
        /// One `SELECT` over product names.
        sql: String,
        /// When and how it is brought up to date, as declared.
        refresh: serde_json::Value,
    },
}

/// Where a product stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Proposed or in development; listed to its owner.
    Draft,
    /// In use.
    #[default]
    Active,
    /// In use, with an end in sight.
    Deprecated,
    /// Gone.
    Retired,
}

/// Who answers for a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Owner {
    /// The owning team; members of it may always read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// An address that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Where to ask for help.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub support: Vec<String>,
}

/// A query that shows how to use a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleQuery {
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The statement.
    pub sql: String,
}

/// The end of a product version, as announced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lifecycle {
    /// RFC 3339 date or timestamp of the announcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<String>,
    /// RFC 3339 date or timestamp after which it answers no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_at: Option<String>,
    /// `domain.product` or `domain.product@major` to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

impl Lifecycle {
    /// Whether nothing was announced.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One way into a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputPort {
    /// Its name, unique in the product.
    pub name: String,
    /// `ingest` for rows that clients of the mesh send (see [`crate::intake`]); `stream`, `cdc`, `api`, `batch`, …, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

/// One way to read a product: what is there, and what is promised of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputPort {
    /// Its name, unique in the product.
    pub name: String,
    /// Tables in order; the first is the main one.
    pub tables: Vec<Table>,
    /// Where the schema is written, when not in the document itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_source: Option<SchemaSource>,
    /// Rules the data keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<Check>,
    /// Promises about time.
    #[serde(default, skip_serializing_if = "ServiceLevels::is_empty")]
    pub service_levels: ServiceLevels,
    /// Protocols it is offered through, as written (`graphql`, `rest`, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

/// A schema kept beside the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaSource {
    /// `avro`, `json`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the text lies.
    pub location: String,
}

/// One table of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name; the main table bears the product's.
    pub name: TableName,
    /// What it holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Columns in order; empty when the contract names none (the observed ones are recorded at registration).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Where its rows lie; none until the domain's template fills it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageSpec>,
    /// References to other products' keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relationships: Vec<Relationship>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

impl Table {
    /// Names of the primary key's columns, in key order; empty when none is declared.
    pub fn primary_key(&self) -> Vec<&str> {
        let mut key: Vec<(u32, &str)> =
            self.columns.iter().filter_map(|c| c.key_position.map(|p| (p, c.name.as_str()))).collect();
        key.sort_by_key(|(position, _)| *position);
        key.into_iter().map(|(_, name)| name).collect()
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its spelling, as stored.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub logical_type: LogicalType,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether values are unique.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Its place in the primary key, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_position: Option<u32>,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its confidentiality class, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// Whether it holds personal data; none when nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii: Option<bool>,
    /// Whether it is encrypted; none when nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The values it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_values: Option<Vec<serde_json::Value>>,
    /// A regular expression its text matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Its range.
    #[serde(default, skip_serializing_if = "Range::is_empty")]
    pub range: Range,
    /// The glossary term it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glossary_ref: Option<String>,
    /// The type as the document spelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

impl Column {
    /// A nullable column with nothing said but its name and type.
    pub fn new(name: &str, logical_type: LogicalType) -> Self {
        Self {
            name: name.to_owned(),
            logical_type,
            nullable: true,
            unique: false,
            key_position: None,
            description: None,
            classification: None,
            pii: None,
            encrypted: None,
            allowed_values: None,
            pattern: None,
            range: Range::default(),
            glossary_ref: None,
            declared_type: None,
            tags: Vec::new(),
            custom: Custom::new(),
        }
    }
}

fn is_false(b: &bool) -> bool {
    !*b
}

/// Bounds of a column's values or lengths.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Range {
    /// Smallest value allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    /// Values must be larger than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<serde_json::Value>,
    /// Largest value allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
    /// Values must be smaller than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<serde_json::Value>,
    /// Shortest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// Longest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
}

impl Range {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a table's rows lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSpec {
    /// `parquet`, `delta`, …: the kind of connector that reads it.
    pub format: String,
    /// A URL under one of the domain's prefixes; none until the domain's template fills it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Partitions that the layout of folders hides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitioning: Vec<Partitioning>,
    /// The layout of hidden partitions, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Whether folders may be believed without the files' statistics.
    #[serde(default, skip_serializing_if = "is_false")]
    pub layout_trusted: bool,
    /// How CSV files are written; none for the usual way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvStyle>,
}

impl StorageSpec {
    /// Storage of which only the format is known.
    pub fn new(format: impl Into<String>) -> Self {
        Self {
            format: format.into(),
            location: None,
            partitioning: Vec::new(),
            layout: None,
            layout_trusted: false,
            csv: None,
        }
    }
}

/// How CSV files are written, where it is not as RFC 4180 has it. The text is always UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvStyle {
    /// What stands between two fields.
    pub delimiter: char,
    /// Whether the first row names the columns; without it columns are told by their position.
    pub header: bool,
    /// What stands around a field that holds delimiters, quotes or line ends.
    pub quote: char,
    /// What stands before a quote inside a quoted field; none when the quote is written twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escape: Option<char>,
    /// The unquoted text that stands for null.
    pub null: String,
}

impl Default for CsvStyle {
    fn default() -> Self {
        Self { delimiter: ',', header: true, quote: '"', escape: None, null: String::new() }
    }
}

impl CsvStyle {
    /// What is wrong with it, in words; none when files can be read with it.
    pub fn fault(&self) -> Option<String> {
        let marks = [("delimiter", Some(self.delimiter)), ("quote", Some(self.quote)), ("escape", self.escape)];
        let is_odd = |mark: char| !mark.is_ascii() || matches!(mark, '\r' | '\n' | '\0');
        if let Some((name, _)) = marks.iter().find(|(_, mark)| mark.is_some_and(is_odd)) {
            return Some(format!("has a mark ({name}) that is not one ASCII character"));
        }
        let is_twice = self.delimiter == self.quote || self.escape == Some(self.delimiter);
        is_twice.then(|| "has one character for two things".to_owned())
    }

    /// In words, for people.
    pub fn in_words(&self) -> String {
        let header = if self.header { "a header" } else { "no header" };
        let mut words = format!("{header}, delimiter {:?}, quote {:?}", self.delimiter, self.quote);
        if let Some(escape) = self.escape {
            words.push_str(&format!(", escape {escape:?}"));
        }
        if !self.null.is_empty() {
            words.push_str(&format!(", null {:?}", self.null));
        }
        words
    }
}

/// One hidden partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// The column.
    pub field: String,
    /// `year`, `month`, `day`, `hour`, or none for the value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relationship {
    /// Columns of this table.
    pub columns: Vec<String>,
    /// `domain.product`, `domain.product.table`, or a table of the same product.
    pub to: String,
    /// The columns they refer to, same order.
    pub to_columns: Vec<String>,
}

/// A product this one is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its domain, when the document said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainName>,
    /// Its name as written.
    pub product: String,
}

/// Who may find and who may read a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// Who may find it.
    pub discovery: Visibility,
    /// Who may read it.
    pub read: Visibility,
    /// Teams that may read (and find) it beside the owner's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<String>,
    /// Whether a reader without a row filter is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub row_policy_required: bool,
}

/// How far something is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everyone.
    Public,
    /// The owner's team and the listed readers.
    Restricted,
    /// The owner's team.
    #[default]
    Private,
}

/// Limits of one consumer's use, as declared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// Queries at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_queries: Option<u64>,
    /// Bytes read from storage a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_bytes_per_day: Option<u64>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

/// One rule about the data, as declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `not_null`, `in_list`, `row_count_delta`, `completeness`, `sql`, …: one word per kind of check.
    pub metric: String,
    /// The table it is about; none: the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The column it is about; none: the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The bound, when the rule is a fraction (`20%` is 0.2; completeness 0.95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Further words of the rule by their own names (`values`, `mustBe`, `query`, …).
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub arguments: Custom,
    /// `error`, `warning`, …, as written; none: `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Why it matters, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Promises about time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceLevels {
    /// Age of the newest promised data at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Span>,
    /// The column whose newest value is the data's age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness_column: Option<String>,
    /// Share of successful reads, parts per million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_ppm: Option<u32>,
    /// Bounds on the time of an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<Latency>,
    /// Where to ask for help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// What the document said beyond this model.
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

impl ServiceLevels {
    /// Whether nothing is promised.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `p99 < 1s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Which percentile, in hundredths of a percent (`p99.9` is 9990).
    pub percentile: u32,
    /// The bound.
    pub below: Span,
}
