//! Support, team and roles of the standards: who answers for a product, and who may read it.
//!
//! Start reading at [`owner`] and [`readers`].

use super::super::fields::Fields;
use super::super::node::Kind;
use super::super::report::Report;
use super::super::value::Value;
use crate::model::Owner;

/// Words of a role that let its holders read.
const READ: [&str; 6] = ["read", "readonly", "read-only", "read_only", "select", "query"];

/// Reads `support` and `team`, whose shapes were checked.
pub(crate) fn owner(top: &Fields<'_>, report: &mut Report) -> Owner {
    let mut owner = Owner::default();
    for channel in top.look("support").iter().flat_map(Value::one_or_many) {
        let text = |key: &str| channel.node.get(key).and_then(|n| n.scalar());
        owner.support.extend(text("url").or_else(|| text("channel")).map(str::to_owned));
    }
    if let Some(value) = top.look("team") {
        team(&value, &mut owner, report);
    }
    owner
}

/// A block with a name and members (3.1), or a list of members (3.0).
fn team(value: &Value<'_>, owner: &mut Owner, report: &mut Report) {
    let members = match &value.node.kind {
        Kind::List(_) => value.one_or_many(),
        Kind::Scalar { .. } | Kind::Map(_) => {
            let Some(mut fields) = value.fields(report) else { return };
            owner.team = fields.text("name", report);
            fields.look("members").iter().flat_map(Value::one_or_many).collect()
        }
    };
    let mut contact: Option<(bool, String)> = None;
    for member in members {
        let text = |key: &str| member.node.get(key).and_then(|n| n.scalar());
        let owns = text("role").is_some_and(|role| role.to_lowercase().contains("owner"));
        // The first address of an owner, else the first address of anybody who is still there.
        if let Some(address) = text("username").filter(|u| u.contains('@') && text("dateOut").is_none())
            && contact.as_ref().is_none_or(|(already_owner, _)| owns && !already_owner)
        {
            contact = Some((owns, address.to_owned()));
        }
    }
    owner.contact = contact.map(|(_, address)| address);
}

/// The roles with read access.
pub(super) fn readers(top: &Fields<'_>) -> Vec<String> {
    let roles = top.look("roles");
    let mut readers = Vec::new();
    for role in roles.iter().flat_map(Value::one_or_many) {
        let text = |key: &str| role.node.get(key).and_then(|n| n.scalar());
        let access = text("access").unwrap_or_default().to_lowercase();
        readers.extend(text("role").filter(|_| READ.contains(&access.as_str())).map(str::to_owned));
    }
    readers
}
