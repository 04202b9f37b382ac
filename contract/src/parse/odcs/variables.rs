//! Variables of the standards (3.2): `${NAME}` and `${NAME:-default}` inside texts.
//!
//! Holds always: nothing is read from the environment. A contract may come from anybody, and must not carry the server's settings
//! into its own words; so a variable is its default, and one without a default stays unknown. Documents keep theirs as written.
//!
//! Source: Bitol RFC 0050.
//!
//! Start reading at [`resolved`].

/// The text with every variable replaced by its default; the name of the first that has none otherwise.
pub(super) fn resolved(text: &str) -> Result<String, &str> {
    let (mut all, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, after)) = after.split_once('}') else { break };
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        all.push_str(before);
        all.push_str(default.ok_or(name)?);
        rest = after;
    }
    all.push_str(rest);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn defaults_are_taken_and_nothing_else() {
        let cases = [
            ("s3://data/orders/", Ok("s3://data/orders/")),
            ("s3://${BUCKET:-data}/orders/${STAGE:-prod}/", Ok("s3://data/orders/prod/")),
            ("s3://${BUCKET}/orders/", Err("BUCKET")),
            ("${A:-x}${PATH}", Err("PATH")),
            ("${A:-}", Ok("")),
            ("${open", Ok("${open")),
            ("$A {b}", Ok("$A {b}")),
        ];
        for (text, expected) in cases {
            assert_eq!(resolved(text), expected.map(str::to_owned), "{text}");
        }
    }
}
