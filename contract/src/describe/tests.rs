//! Everything of a model is told, and told once.

use super::{State, describe};
use crate::parse::parse;

#[test]
fn what_is_enforced_and_what_is_declared() {
    let text = br#"{"domain": "commerce", "product": "orders", "version": "1.0.0",
        "schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "maxLength": 9}}},
        "sla": {"availability": 99.95, "latency": "p99.9 < 1s"}, "owner": {"team": "t"}, "access": "restricted"}"#;
    let product = parse(text, "t.json").product.expect("the document is right");
    let lines: Vec<String> = describe(&product)
        .iter()
        .map(|i| {
            let mark = if i.state == State::Enforced { "!" } else { "." };
            format!("{mark} {}: {} = {}", i.group, i.name, i.value)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ! product: name = commerce.orders
    ! product: version = 1.0.0
    . product: status = active
    ! owner: team = t
    ! access: discovery = public
    ! access: read = restricted
    ! table orders: column id = string, not null
    . table orders: column id, declared type = string
    . table orders: column id, longest = 9
    . service levels: availability = 99.95%
    . service levels: latency = p99.9 < PT1S
    ");
}
