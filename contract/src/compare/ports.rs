//! Ways in and ways out of a product.
//!
//! Start reading at [`output_ports`].

use super::note::{At, Ruling, Sides};
use super::pairs::{Pairs, pairs};
use super::{checks, custom, levels, tables};
use crate::intake::WRITERS;
use crate::model::{Custom, InputPort, OutputPort, Product, SchemaSource};

/// Who relies on the tables: everybody reads them; a product that has a way in, before and after, takes rows into them too.
pub(super) fn sides(old: &Product, new: &Product) -> Sides {
    Sides { reads: true, writes: !old.input_ports.is_empty() && !new.input_ports.is_empty() }
}

/// Compares the ways out. A port is known by its name; the first one, which SQL reads, also when it is called another way.
pub(super) fn output_ports(at: &mut At<'_>, old: &[OutputPort], new: &[OutputPort], sides: Sides) {
    let (before, after) = (names(old), names(new));
    let mut pairs = pairs(&before, &after);
    if pairs.became.first() == Some(&None) && pairs.added.first() == Some(&0) {
        pairs.join(0, 0);
    }
    for (port, became) in old.iter().zip(&pairs.became) {
        match became {
            Some(i) => output_port(&mut at.under(&port.name), port, &new[*i], sides),
            None => at.add(&port.name, Some(told(port)), None, Ruling::major("it can be read this way no more")),
        }
    }
    for port in pairs.added.iter().map(|i| &new[*i]) {
        at.add(&port.name, None, Some(told(port)), Ruling::minor("a further way to read it"));
    }
    order(at, &before, &after, &pairs);
}

fn names(ports: &[OutputPort]) -> Vec<&str> {
    ports.iter().map(|p| p.name.as_str()).collect()
}

fn order(at: &mut At<'_>, before: &[&str], after: &[&str], pairs: &Pairs) {
    let first = |names: &[&str]| names.first().map(|name| (*name).to_owned());
    if !before.is_empty() && !after.is_empty() && pairs.became.first() != Some(&Some(0)) {
        let ruling = Ruling::major("SQL reads the first port, which is another one now");
        at.add("first", first(before), first(after), ruling);
    } else if !pairs.in_order() {
        let ruling = Ruling::patch("ports are found by name");
        at.add("order", Some(before.join(", ")), Some(after.join(", ")), ruling);
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
    let before: Vec<&str> = old.iter().map(|p| p.name.as_str()).collect();
    let after: Vec<&str> = new.iter().map(|p| p.name.as_str()).collect();
    let pairs = pairs(&before, &after);
    for (port, became) in old.iter().zip(&pairs.became) {
        let InputPort { name, kind, custom } = port;
        let Some(after) = became.map(|i| &new[i]) else {
            let ruling = Ruling::major("rows can enter this way no more");
            at.add(name, Some(kind.clone().unwrap_or_else(|| name.clone())), None, ruling);
            continue;
        };
        let mut at = at.under(name);
        at.value("name", name, &after.name, || Ruling::major("who writes finds it under its old name no more"));
        at.said("kind", kind.as_ref(), after.kind.as_ref(), "how rows enter");
        writers(&mut at, port, after);
        input_custom(&mut at.under("custom"), custom, &after.custom);
    }
    for port in pairs.added.iter().map(|i| &new[*i]) {
        let told = port.kind.clone().unwrap_or_else(|| port.name.clone());
        at.add(&port.name, None, Some(told), Ruling::minor("a further way for rows to enter"));
    }
}

/// Which teams may send rows.
fn writers(at: &mut At<'_>, old: &InputPort, new: &InputPort) {
    let names = |port: &InputPort| -> Vec<String> { port.writers().into_iter().map(str::to_owned).collect() };
    at.list(
        WRITERS,
        &names(old),
        &names(new),
        |team| Ruling::major(format!("the team {team} may send rows no more")),
        |team| Ruling::minor(format!("the team {team} may send rows, too")),
    );
}

/// What an input port says beyond its kind: where and in which shape rows are taken. A writer must follow every change of it.
fn input_custom(at: &mut At<'_>, old: &Custom, new: &Custom) {
    const ADDRESS: [&str; 5] = ["format", "topic", "location", "version", "schedule"];
    for key in ADDRESS {
        let (from, to) = (old.get(key).map(custom::told), new.get(key).map(custom::told));
        at.said(key, from.as_ref(), to.as_ref(), "what a writer must know");
    }
    tables::written_schema(at, old.get("schema"), new.get("schema"));
    let rest = |custom: &Custom| -> Custom {
        let known = |key: &str| ADDRESS.contains(&key) || key == "schema" || key == WRITERS;
        custom.iter().filter(|(key, _)| !known(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    custom::custom(at, &rest(old), &rest(new), custom::Place::Words);
}
