//! Ways in and ways out of a product.
//!
//! Start reading at [`output_ports`].

use super::note::{At, Ruling, Sides};
use super::{checks, custom, levels, tables};
use crate::model::{InputPort, OutputPort, Product, SchemaSource};

/// Who relies on the tables: everybody reads them; a product that has a way in, before and after, takes rows into them too.
pub(super) fn sides(old: &Product, new: &Product) -> Sides {
    Sides { reads: true, writes: !old.input_ports.is_empty() && !new.input_ports.is_empty() }
}

/// Compares the ways out. A port is known by its name; the first one, which SQL reads, also when it is called another way.
pub(super) fn output_ports(at: &mut At<'_>, old: &[OutputPort], new: &[OutputPort], sides: Sides) {
    let named = |ports: &[OutputPort], name: &str| ports.iter().position(|port| port.name == name);
    let renamed = match (old.first(), new.first()) {
        (Some(a), Some(b)) => a.name != b.name && named(new, &a.name).is_none() && named(old, &b.name).is_none(),
        _ => false,
    };
    for (index, port) in old.iter().enumerate() {
        let found = if renamed && index == 0 { Some(0) } else { named(new, &port.name) };
        match found.and_then(|found| new.get(found)) {
            Some(after) => output_port(&mut at.under(&port.name), port, after, sides),
            None => at.add(&port.name, Some(told(port)), None, Ruling::major("it can be read this way no more")),
        }
    }
    for (index, port) in new.iter().enumerate() {
        if named(old, &port.name).is_none() && !(renamed && index == 0) {
            at.add(&port.name, None, Some(told(port)), Ruling::minor("a further way to read it"));
        }
    }
    order(at, old, new, renamed);
}

fn order(at: &mut At<'_>, old: &[OutputPort], new: &[OutputPort], renamed: bool) {
    let names = |ports: &[OutputPort]| ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    let (before, after) = (names(old), names(new));
    let common = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|n| those.contains(n)).cloned().collect()
    };
    let (a, b) = (common(&before, &after), common(&after, &before));
    let first_moved = !renamed && before.first() != after.first() && !before.is_empty() && !after.is_empty();
    if first_moved {
        let ruling = Ruling::major("SQL reads the first port, which is another one now");
        at.add("first", before.first().cloned(), after.first().cloned(), ruling);
    } else if a != b {
        at.add("order", Some(a.join(", ")), Some(b.join(", ")), Ruling::patch("ports are found by name"));
    }
}

fn told(port: &OutputPort) -> String {
    let tables: Vec<&str> = port.tables.iter().map(|t| t.name.as_str()).collect();
    format!("port {} with {}", port.name, tables.join(", "))
}

fn output_port(at: &mut At<'_>, old: &OutputPort, new: &OutputPort, sides: Sides) {
    let OutputPort { name, tables, schema_source, quality, service_levels, protocols, custom } = old;
    at.value("name", name, &new.name, || Ruling::patch("SQL reads the first port, whatever it is called"));
    tables::tables(&mut at.under("tables"), tables, &new.tables, sides);
    self::schema_source(at, schema_source.as_ref(), new.schema_source.as_ref());
    checks::checks(&mut at.under("quality"), quality, &new.quality, sides);
    levels::levels(&mut at.under("service_levels"), service_levels, &new.service_levels);
    at.list(
        "protocols",
        protocols,
        &new.protocols,
        |protocol| Ruling::major(format!("it is offered through {protocol} no more")),
        |protocol| Ruling::minor(format!("it is offered through {protocol}, too")),
    );
    custom::custom(&mut at.under("custom"), custom, &new.custom, custom::Place::Words);
}

fn schema_source(at: &mut At<'_>, old: Option<&SchemaSource>, new: Option<&SchemaSource>) {
    let told = |source: &SchemaSource| {
        let SchemaSource { kind, location } = source;
        format!("{kind} at {location}")
    };
    let (old, new) = (old.map(told), new.map(told));
    at.option("schema_source", old.as_ref(), new.as_ref(), |_, _| {
        Ruling::heard("the columns are written elsewhere; compare the two schemas themselves")
    });
}

/// Compares the ways in, for those who write through them.
pub(super) fn input_ports(at: &mut At<'_>, old: &[InputPort], new: &[InputPort]) {
    for port in old {
        let InputPort { name, kind, custom } = port;
        let Some(after) = new.iter().find(|p| p.name == *name) else {
            let ruling = Ruling::major("rows can enter this way no more");
            at.add(name, Some(kind.clone().unwrap_or_else(|| name.clone())), None, ruling);
            continue;
        };
        let mut at = at.under(name);
        at.said("kind", kind.as_ref(), after.kind.as_ref(), "how rows enter");
        input_custom(&mut at.under("custom"), custom, &after.custom);
    }
    for port in new.iter().filter(|p| !old.iter().any(|o| o.name == p.name)) {
        let told = port.kind.clone().unwrap_or_else(|| port.name.clone());
        at.add(&port.name, None, Some(told), Ruling::minor("a further way for rows to enter"));
    }
}

/// What an input port says beyond its kind: where and in which shape rows are taken. A writer must follow every change of it.
fn input_custom(at: &mut At<'_>, old: &crate::model::Custom, new: &crate::model::Custom) {
    const ADDRESS: [&str; 5] = ["format", "topic", "location", "version", "schedule"];
    for key in ADDRESS {
        let (from, to) = (old.get(key).map(custom::told), new.get(key).map(custom::told));
        at.said(key, from.as_ref(), to.as_ref(), "what a writer must know");
    }
    tables::written_schema(at, old.get("schema"), new.get("schema"));
    let rest = |custom: &crate::model::Custom| -> crate::model::Custom {
        let known = |key: &str| ADDRESS.contains(&key) || key == "schema";
        custom.iter().filter(|(key, _)| !known(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    custom::custom(at, &rest(old), &rest(new), custom::Place::Words);
}
