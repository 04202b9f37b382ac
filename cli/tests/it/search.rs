//! `search`: products by words.

use crate::mesh::on_shared;

fn names(args: &[&str]) -> Vec<String> {
    let mut all = vec!["search", "-o", "json"];
    all.extend(args);
    let found = on_shared(&all).json();
    found.as_array().unwrap().iter().map(|hit| hit["product"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn names_come_before_columns_and_every_word_counts() {
    assert_eq!(names(&["lifetime", "value"]), ["customer.customer-lifetime-value"]);
    let shipments = names(&["shipments"]);
    assert_eq!(shipments[0], "logistics.shipments", "{shipments:?}");
    assert!(names(&["weight_kg"]).contains(&"logistics.shipments".to_owned()), "by a column");
    assert_eq!(names(&["shipments", "nowhere"]), Vec::<String>::new());
    assert_eq!(names(&["shipmnets"])[0], "logistics.shipments", "one typing mistake");
}

#[test]
fn what_may_not_be_found_is_not_found() {
    let hidden = on_shared(&["search", "-o", "json", "orders", "--as", "stranger"]).json();
    let shown = on_shared(&["search", "-o", "json", "orders"]).json();
    assert!(hidden.as_array().unwrap().len() <= shown.as_array().unwrap().len());
    for hit in hidden.as_array().unwrap() {
        let product = hit["product"].as_str().unwrap();
        on_shared(&["describe", product, "--as", "stranger"]).ok();
    }
}

#[test]
fn a_text_for_people_names_the_owner_and_where_it_was_found() {
    let text = on_shared(&["search", "weight_kg"]).ok();
    assert!(text.contains("logistics.shipments") && text.contains("column weight_kg"), "{text}");
    let limited = on_shared(&["search", "orders", "--limit", "1"]);
    assert!(limited.stderr.contains("more product"), "{limited:?}");
    assert!(on_shared(&["search", "xyzzy"]).stderr.contains("no product has"));
}
