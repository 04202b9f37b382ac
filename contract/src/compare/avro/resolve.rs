//! Resolves a writer's schema against a reader's, by the rules of the Avro specification and two of ours: part of the rows is
//! not enough, and one logical type is not another.
//!
//! Records may contain themselves. A pair of records that is being resolved counts as readable; whenever one turns out not to be,
//! everything is resolved again with that known, until nothing new turns up.
//!
//! Start reading at [`faults`].

use std::collections::{HashMap, HashSet};

use apache_avro::Schema;
use apache_avro::schema::{Aliases, EnumSchema, InnerDecimalSchema, Name, RecordField, RecordSchema, UuidSchema};

use super::Fault;

const MAX_STEPS: usize = 1_000_000;
/// The deepest nesting that is followed, named types written out; such a table could not be read as columns either.
const MAX_DEPTH: usize = 200;

/// Every reason why a row of `writer` cannot be read by `reader`.
pub(super) fn faults(writer: &Schema, reader: &Schema) -> Vec<Fault> {
    let mut resolver = Resolver {
        written: definitions(writer),
        read: definitions(reader),
        failed: HashSet::new(),
        visited: HashSet::new(),
        steps: 0,
        depth: 0,
    };
    loop {
        let known = resolver.failed.len();
        resolver.visited.clear();
        let mut faults = Vec::new();
        resolver.resolve(writer, reader, "", &mut faults);
        if resolver.steps > MAX_STEPS {
            let why =
                format!("the schemas are too large: more than {MAX_STEPS} steps, or deeper than {MAX_DEPTH} levels");
            return vec![Fault { path: String::new(), why }];
        }
        if resolver.failed.len() == known {
            return faults;
        }
    }
}

/// The named types of a schema, by full name.
type Definitions<'s> = HashMap<String, &'s Schema>;

fn definitions(root: &Schema) -> Definitions<'_> {
    let mut found = HashMap::new();
    let mut open = vec![root];
    while let Some(schema) = open.pop() {
        if let Some(name) = schema.name()
            && !matches!(schema, Schema::Ref { .. })
        {
            found.insert(name.fullname(None), schema);
        }
        match schema {
            Schema::Record(record) => open.extend(record.fields.iter().map(|f| &f.schema)),
            Schema::Array(array) => open.push(&array.items),
            Schema::Map(map) => open.push(&map.types),
            Schema::Union(union) => open.extend(union.variants()),
            _ => {}
        }
    }
    found
}

struct Resolver<'s> {
    written: Definitions<'s>,
    read: Definitions<'s>,
    /// Pairs of records that cannot be read, whatever else holds; by the addresses of their definitions.
    failed: HashSet<(usize, usize)>,
    /// Pairs of records that this round has met.
    visited: HashSet<(usize, usize)>,
    steps: usize,
    depth: usize,
}

fn fault(faults: &mut Vec<Fault>, path: &str, why: impl Into<String>) {
    faults.push(Fault { path: path.to_owned(), why: why.into() });
}

impl<'s> Resolver<'s> {
    fn resolve(&mut self, writer: &'s Schema, reader: &'s Schema, path: &str, faults: &mut Vec<Fault>) {
        if self.depth >= MAX_DEPTH {
            self.steps = MAX_STEPS;
        }
        self.steps = self.steps.saturating_add(1);
        if self.steps > MAX_STEPS {
            return;
        }
        self.depth += 1;
        self.resolve_types(writer, reader, path, faults);
        self.depth -= 1;
    }

    fn resolve_types(&mut self, writer: &'s Schema, reader: &'s Schema, path: &str, faults: &mut Vec<Fault>) {
        let (writer, reader) = (defined(writer, &self.written), defined(reader, &self.read));
        match (writer, reader) {
            (Schema::Union(union), _) => {
                for variant in union.variants() {
                    self.resolve(variant, reader, path, faults);
                }
            }
            (_, Schema::Union(union)) => {
                if !union.variants().iter().any(|variant| self.fits(writer, variant, path)) {
                    fault(faults, path, format!("no member of the reader's union reads {}", named(writer)));
                }
            }
            (Schema::Record(w), Schema::Record(r)) => self.records((writer, w), (reader, r), path, faults),
            (Schema::Array(w), Schema::Array(r)) => self.resolve(&w.items, &r.items, &format!("{path}[]"), faults),
            (Schema::Map(w), Schema::Map(r)) => self.resolve(&w.types, &r.types, &format!("{path}{{}}"), faults),
            (Schema::Enum(w), Schema::Enum(r)) => enums(w, r, path, faults),
            _ => values(writer, reader, path, faults),
        }
    }

    fn fits(&mut self, writer: &'s Schema, reader: &'s Schema, path: &str) -> bool {
        let mut faults = Vec::new();
        self.resolve(writer, reader, path, &mut faults);
        faults.is_empty()
    }

    fn records(
        &mut self,
        (writer, w): (&'s Schema, &'s RecordSchema),
        (reader, r): (&'s Schema, &'s RecordSchema),
        path: &str,
        faults: &mut Vec<Fault>,
    ) {
        let pair = (std::ptr::from_ref(writer).addr(), std::ptr::from_ref(reader).addr());
        if !self.visited.insert(pair) {
            if self.failed.contains(&pair) {
                fault(faults, path, format!("the record `{}` cannot be read, as said of it elsewhere", w.name.name()));
            }
            return;
        }
        let before = faults.len();
        if !same_name(&w.name, &r.name, &r.aliases) {
            fault(faults, path, format!("the record `{}` is called `{}` by the reader", w.name.name(), r.name.name()));
        }
        let by_name: HashMap<&str, &'s RecordField> = w.fields.iter().map(|f| (f.name.as_str(), f)).collect();
        for field in &r.fields {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            let names = std::iter::once(&field.name).chain(&field.aliases);
            match names.into_iter().find_map(|name| by_name.get(name.as_str())) {
                Some(written) => self.resolve(&written.schema, &field.schema, &path, faults),
                None if field.default.is_some() => {}
                None => fault(faults, &path, "the writer has no such field, and the reader has no default for it"),
            }
        }
        if faults.len() > before {
            self.failed.insert(pair);
        }
    }
}

/// What a name stands for.
fn defined<'s>(schema: &'s Schema, definitions: &Definitions<'s>) -> &'s Schema {
    match schema {
        Schema::Ref { name } => definitions.get(&name.fullname(None)).copied().unwrap_or(schema),
        other => other,
    }
}

/// Names match without their namespaces; a reader may know a writer's type by an alias.
fn same_name(writer: &Name, reader: &Name, aliases: &Aliases) -> bool {
    writer.name() == reader.name() || aliases.iter().flatten().any(|alias| alias.name() == writer.name())
}

fn enums(writer: &EnumSchema, reader: &EnumSchema, path: &str, faults: &mut Vec<Fault>) {
    if !same_name(&writer.name, &reader.name, &reader.aliases) {
        fault(
            faults,
            path,
            format!("the enum `{}` is called `{}` by the reader", writer.name.name(), reader.name.name()),
        );
    }
    let known: HashSet<&str> = reader.symbols.iter().map(String::as_str).collect();
    let unknown: Vec<&str> = writer.symbols.iter().map(String::as_str).filter(|s| !known.contains(s)).collect();
    if reader.default.is_none() && !unknown.is_empty() {
        fault(faults, path, format!("the reader does not know {}, and has no default", unknown.join(", ")));
    }
}

/// What lies on the wire.
#[derive(PartialEq)]
enum Physical<'s> {
    Word(&'static str),
    Fixed(usize, &'s Name, &'s Aliases),
    /// An enum, a record, an array or a map: compared elsewhere with its like, and like nothing else.
    Other,
}

/// What the bytes mean, where the schema says more than their type.
type Logical = Option<(&'static str, usize, usize)>;

fn values(writer: &Schema, reader: &Schema, path: &str, faults: &mut Vec<Fault>) {
    let ((wire, meaning), (wanted, read_as)) = (split(writer), split(reader));
    let exact = match (&wire, &wanted) {
        (Physical::Fixed(w, name, _), Physical::Fixed(r, other, aliases)) => w == r && same_name(name, other, aliases),
        (Physical::Word(w), Physical::Word(r)) => w == r,
        _ => false,
    };
    let promoted = match (&wire, &wanted) {
        (Physical::Word(w), Physical::Word(r)) => promotes(w, r),
        _ => false,
    };
    let readable = match (meaning, read_as) {
        (Some(w), Some(r)) => exact && w == r,
        // Bytes that get a meaning must have been of its type already: an int that becomes a timestamp is another number.
        (None, Some(_)) => exact,
        (_, None) => exact || promoted,
    };
    if !readable {
        fault(faults, path, format!("{} cannot be read as {}", named(writer), named(reader)));
    }
}

fn promotes(writer: &str, reader: &str) -> bool {
    matches!(
        (writer, reader),
        ("int", "long" | "float" | "double")
            | ("long", "float" | "double")
            | ("float", "double")
            | ("string", "bytes")
            | ("bytes", "string")
    )
}

fn split(schema: &Schema) -> (Physical<'_>, Logical) {
    let word = |word, logical: Option<&'static str>| (Physical::Word(word), logical.map(|name| (name, 0, 0)));
    match schema {
        Schema::Null => word("null", None),
        Schema::Boolean => word("boolean", None),
        Schema::Int => word("int", None),
        Schema::Long => word("long", None),
        Schema::Float => word("float", None),
        Schema::Double => word("double", None),
        Schema::Bytes => word("bytes", None),
        Schema::String => word("string", None),
        Schema::Date => word("int", Some("date")),
        Schema::TimeMillis => word("int", Some("time-millis")),
        Schema::TimeMicros => word("long", Some("time-micros")),
        Schema::TimestampMillis => word("long", Some("timestamp-millis")),
        Schema::TimestampMicros => word("long", Some("timestamp-micros")),
        Schema::TimestampNanos => word("long", Some("timestamp-nanos")),
        Schema::LocalTimestampMillis => word("long", Some("local-timestamp-millis")),
        Schema::LocalTimestampMicros => word("long", Some("local-timestamp-micros")),
        Schema::LocalTimestampNanos => word("long", Some("local-timestamp-nanos")),
        Schema::BigDecimal => word("bytes", Some("big-decimal")),
        Schema::Uuid(UuidSchema::String) => word("string", Some("uuid")),
        Schema::Uuid(UuidSchema::Bytes) => word("bytes", Some("uuid")),
        Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            (Physical::Fixed(fixed.size, &fixed.name, &fixed.aliases), Some(("uuid", 0, 0)))
        }
        Schema::Duration(fixed) => (Physical::Fixed(fixed.size, &fixed.name, &fixed.aliases), Some(("duration", 0, 0))),
        Schema::Fixed(fixed) => (Physical::Fixed(fixed.size, &fixed.name, &fixed.aliases), None),
        Schema::Decimal(decimal) => {
            let physical = match &decimal.inner {
                InnerDecimalSchema::Bytes => Physical::Word("bytes"),
                InnerDecimalSchema::Fixed(fixed) => Physical::Fixed(fixed.size, &fixed.name, &fixed.aliases),
            };
            (physical, Some(("decimal", decimal.precision, decimal.scale)))
        }
        Schema::Array(_)
        | Schema::Map(_)
        | Schema::Union(_)
        | Schema::Record(_)
        | Schema::Enum(_)
        | Schema::Ref { .. } => (Physical::Other, None),
    }
}

/// A type in words.
fn named(schema: &Schema) -> String {
    match schema {
        Schema::Record(record) => format!("the record `{}`", record.name.name()),
        Schema::Enum(symbols) => format!("the enum `{}`", symbols.name.name()),
        Schema::Array(_) => "an array".to_owned(),
        Schema::Map(_) => "a map".to_owned(),
        Schema::Union(_) => "a union".to_owned(),
        Schema::Ref { name } => format!("`{}`", name.name()),
        other => match split(other) {
            (Physical::Fixed(size, name, _), None) => format!("`{}` of {size} bytes", name.name()),
            (_, Some(("decimal", precision, scale))) => format!("`decimal({precision},{scale})`"),
            (_, Some((logical, _, _))) => format!("`{logical}`"),
            (Physical::Word(word), None) => format!("`{word}`"),
            (Physical::Other, None) => "something else".to_owned(),
        },
    }
}
