use std::collections::BTreeMap;

use meshweave_contract::model::{Access, Body, InputPort, Lifecycle, Owner, Status};
use meshweave_contract::name::{ProductId, ProductName};

use super::*;

fn product(owner: Option<&str>, access: Access) -> Product {
    Product {
        id: ProductId { name: ProductName::new("crm", "customer").unwrap(), version: semver::Version::new(1, 0, 0) },
        status: Status::Active,
        description: None,
        owner: Owner { team: owner.map(str::to_owned), contact: None, support: vec![] },
        tags: vec![],
        glossary: vec![],
        sample_queries: vec![],
        lifecycle: Lifecycle::default(),
        input_ports: vec![],
        output_ports: vec![],
        upstream: vec![],
        access,
        retention: None,
        encryption: None,
        quota: None,
        body: Body::Stored,
        custom: BTreeMap::new(),
    }
}

#[test]
fn who_may_do_what() {
    use Action::{Discover, Read, Register};
    use Visibility::{Private, Public, Restricted};
    // Discovery, read; who asks; find, read, register.
    let cases = [
        (Public, Public, "guest", [true, true, false]),
        (Public, Restricted, "guest", [true, false, false]),
        (Public, Private, "guest", [true, false, false]),
        (Restricted, Restricted, "guest", [false, false, false]),
        (Restricted, Restricted, "ann@reporting", [true, true, false]),
        (Restricted, Private, "ann@reporting", [true, false, false]),
        (Private, Private, "ann@reporting", [false, false, false]),
        (Private, Private, "eve@crm-team", [true, true, true]),
        (Public, Public, "eve@crm-team", [true, true, true]),
        (Private, Private, "eve@CRM-team", [false, false, false]),
        (Private, Private, "crm-team", [false, false, false]),
    ];
    for (discovery, read, who, expected) in cases {
        let readers = vec!["reporting".to_owned()];
        let product = product(Some("crm-team"), Access { discovery, read, readers, row_policy_required: false });
        let principal = Principal::parse(who).unwrap();
        let may = |action| matches!(AccessBlockPolicy.decide(&principal, None, &product, action), Decision::Granted(_));
        assert_eq!([Discover, Read, Register].map(may), expected, "{discovery:?} {read:?} {who}");
    }
}

#[test]
fn to_write_one_is_an_owner_or_a_writer() {
    let port = |kind: &str, writers: &[&str]| InputPort {
        name: "in".to_owned(),
        kind: Some(kind.to_owned()),
        custom: BTreeMap::from([("writers".to_owned(), serde_json::json!(writers))]),
    };
    let may = |ports: &[InputPort], who: &str| {
        let readers = vec!["reporting".to_owned()];
        let (discovery, read) = (Visibility::Public, Visibility::Public);
        let access = Access { discovery, read, readers, row_policy_required: false };
        let product = Product { input_ports: ports.to_vec(), ..product(Some("crm-team"), access) };
        AccessBlockPolicy.decide(&Principal::parse(who).unwrap(), None, &product, Action::Write)
    };
    let granted = Decision::Granted(Grant::default());
    let refused = |reason: &str| Decision::Refused { reason: reason.to_owned() };
    let cases = [
        (vec![], "eve@crm-team", granted.clone()),
        (vec![], "ann@reporting", refused("it is open to its owner's team crm-team only")),
        (vec![port("ingest", &["till"])], "tim@till", granted.clone()),
        (vec![port("ingest", &["till"])], "eve@crm-team", granted),
        (vec![port("ingest", &["till"])], "ann@reporting", refused("it is open to the teams crm-team, till")),
        (vec![port("batch", &["till"])], "tim@till", refused("it is open to its owner's team crm-team only")),
    ];
    for (ports, who, expected) in cases {
        assert_eq!(may(&ports, who), expected, "{who}");
    }
}

#[test]
fn no_rule_no_access() {
    let product = product(None, Access::default());
    let everyone = Principal { user: "root".to_owned(), teams: vec![String::new(), "admin".to_owned()] };
    for action in [Action::Discover, Action::Read, Action::Write, Action::Register] {
        let decision = AccessBlockPolicy.decide(&everyone, Some("audit"), &product, action);
        assert_eq!(decision, Decision::Refused { reason: "its contract names no owning team".to_owned() });
    }
}

#[test]
fn a_refusal_says_to_whom_it_is_open() {
    let readers = vec!["reporting".to_owned()];
    let access =
        Access { discovery: Visibility::Public, read: Visibility::Restricted, readers, row_policy_required: false };
    let guest = Principal { user: "guest".to_owned(), teams: vec![] };
    let decision = AccessBlockPolicy.decide(&guest, None, &product(Some("crm-team"), access), Action::Read);
    assert_eq!(decision, Decision::Refused { reason: "it is open to the teams crm-team, reporting".to_owned() });
}
