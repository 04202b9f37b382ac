//! References by identifier: `schema/orders_tbl/properties/id_col` names a column by the `id`s of its table and of itself.
//!
//! In: the document's `schema`. Out: the names behind identifiers.
//! Holds always: an identifier that stands twice names nothing; a reference into another file, or below a column, is not followed.
//!
//! Start reading at [`Ids::column`].
//!
//! # Source
//! ODCS 3.1 and 3.2, "References": `section/id/properties/id`, maybe behind `file.yaml#`.

use std::collections::HashMap;

use super::super::value::Value;

/// The identifiers of a document's tables and columns.
#[derive(Debug, Default)]
pub(super) struct Ids<'n>(HashMap<&'n str, Option<Table<'n>>>);

#[derive(Debug)]
struct Table<'n> {
    name: &'n str,
    columns: HashMap<&'n str, Option<&'n str>>,
}

impl<'n> Ids<'n> {
    /// Of the objects of `schema`.
    pub(super) fn of(schema: &Value<'n>) -> Self {
        let mut tables = HashMap::new();
        for object in schema.one_or_many() {
            let Some((id, name)) = named(&object) else { continue };
            let mut columns = HashMap::new();
            let properties = object.node.get("properties").map(|node| Value { path: String::new(), node });
            for property in properties.iter().flat_map(Value::one_or_many) {
                let Some((id, name)) = named(&property) else { continue };
                columns.entry(id).and_modify(|twice| *twice = None).or_insert(Some(name));
            }
            let table = Table { name, columns };
            tables.entry(id).and_modify(|twice| *twice = None).or_insert(Some(table));
        }
        Self(tables)
    }

    /// The names of the table and the column that a reference means; none when it means none of this document.
    pub(super) fn column(&self, reference: &str) -> Option<(&'n str, &'n str)> {
        let way: Vec<&str> = reference.strip_prefix('/').unwrap_or(reference).split('/').collect();
        let ["schema", table, "properties", column] = way.as_slice() else { return None };
        let table = self.0.get(table)?.as_ref()?;
        let column = table.columns.get(column).copied()??;
        Some((table.name, column))
    }
}

fn named<'n>(element: &Value<'n>) -> Option<(&'n str, &'n str)> {
    let text = |key: &str| element.node.get(key)?.scalar();
    Some((text("id")?, text("name").filter(|name| !name.is_empty())?))
}
