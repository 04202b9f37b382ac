//! Sets the fields of a product that its document gives as custom properties (`meshweave.storage`).
//!
//! Holds always: this comes last, when the document's own words are a product already; so a property says what the words do not.
//!
//! Start reading at [`AllOwn::set`].

use super::parts::{Parts, TableOwn};
use super::report::Report;
use crate::model::{Check, OutputPort, Product};
use crate::problem::code;
use crate::standard::own::{self, Own};

/// Every such property of a document.
#[derive(Debug)]
pub(super) struct AllOwn {
    top: Vec<Own>,
    checks: Vec<(usize, Vec<Own>)>,
    tables: Vec<TableOwn>,
    access_in_words: bool,
}

impl AllOwn {
    /// Takes them out of the parts.
    pub(super) fn of(parts: &mut Parts) -> Self {
        Self {
            top: std::mem::take(&mut parts.own),
            checks: std::mem::take(&mut parts.check_own),
            tables: std::mem::take(&mut parts.table_own),
            access_in_words: parts.access_in_words,
        }
    }

    /// Sets the fields of the product, of its port, tables, columns and rules.
    pub(super) fn set(self, product: &mut Product, report: &mut Report) {
        if let Some(port) = product.output_ports.first_mut() {
            for (table, own) in port.tables.iter_mut().zip(&self.tables) {
                own::apply(table, &own.table, "", own::TABLE, report);
                for (at, own) in &own.columns {
                    table.columns.get_mut(*at).into_iter().for_each(|c| own::apply(c, own, "", own::COLUMN, report));
                }
            }
            checks(&mut port.quality, &self.checks, report);
            set_port(port, &self.top, report);
        }
        let access = product.access.clone();
        own::apply(product, &self.top, "", own::PRODUCT, report);
        // A property may say more than roles do; it may not contradict plain words about who reads.
        if self.access_in_words
            && access != product.access
            && let Some(one) = self.top.iter().find(|one| one.field == "access")
        {
            let mend = "Say who may read in one way only.";
            report.error(one.place, code::CONFLICT, "who may read is said twice, differently", mend);
        }
    }
}

/// Sets the fields of a port and of its service levels.
pub(super) fn set_port(port: &mut OutputPort, own: &[Own], report: &mut Report) {
    own::apply(&mut port.service_levels, own, "sla.", own::LEVELS, report);
    own::apply(port, own, "port.", own::PORT, report);
}

fn checks(all: &mut [Check], own: &[(usize, Vec<Own>)], report: &mut Report) {
    let mut places = Vec::new();
    for (at, own) in own {
        let Some(check) = all.get_mut(*at) else { continue };
        for one in own {
            match (one.field.as_str(), one.value.as_u64().and_then(|p| usize::try_from(p).ok())) {
                ("position", Some(place)) => places.push((*at, place)),
                ("position", None) => {
                    let mend = "Write its place among the rules, from 0.";
                    report.error(one.place, code::BAD_PROPERTY, "the position of a rule is no whole number", mend);
                }
                _ => own::apply(check, std::slice::from_ref(one), "", own::CHECK, report),
            }
        }
    }
    if places.len() == all.len() {
        let mut order: Vec<(usize, Check)> = places.into_iter().map(|(at, place)| (place, all[at].clone())).collect();
        order.sort_by_key(|(place, _)| *place);
        order.into_iter().zip(all).for_each(|((_, check), slot)| *slot = check);
    }
}
