//! What the tables and columns of TPC-H mean, in words; and their keys.
//!
//! Start reading at [`of`].

use super::Table;

/// What is said about one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// What it holds.
    pub description: &'static str,
    /// Its primary key.
    pub key: &'static [&'static str],
    /// Its columns, in order, and what each means.
    pub columns: &'static [(&'static str, &'static str)],
    /// Columns, the table they refer to, and its columns.
    pub references: &'static [Reference],
}

/// Columns that refer to the key of another table.
pub(super) type Reference = (&'static [&'static str], Table, &'static [&'static str]);

/// What is said about `table`.
pub(super) fn of(table: Table) -> Words {
    match table {
        Table::Region => REGION,
        Table::Nation => NATION,
        Table::Part => PART,
        Table::Supplier => SUPPLIER,
        Table::Partsupp => PARTSUPP,
        Table::Customer => CUSTOMER,
        Table::Orders => ORDERS,
        Table::Lineitem => LINEITEM,
    }
}

const REGION: Words = Words {
    description: "The regions of the world that nations belong to.",
    key: &["r_regionkey"],
    columns: &[
        ("r_regionkey", "Number of the region."),
        ("r_name", "Name of the region, in capitals."),
        ("r_comment", "A remark."),
    ],
    references: &[],
};

const NATION: Words = Words {
    description: "The nations that customers and suppliers live in.",
    key: &["n_nationkey"],
    columns: &[
        ("n_nationkey", "Number of the nation."),
        ("n_name", "Name of the nation, in capitals."),
        ("n_regionkey", "The region it belongs to."),
        ("n_comment", "A remark."),
    ],
    references: &[(&["n_regionkey"], Table::Region, &["r_regionkey"])],
};

const PART: Words = Words {
    description: "The parts that can be ordered.",
    key: &["p_partkey"],
    columns: &[
        ("p_partkey", "Number of the part."),
        ("p_name", "Name of the part: five colours."),
        ("p_mfgr", "Who makes it."),
        ("p_brand", "Brand of the maker."),
        ("p_type", "Finish, coating and metal."),
        ("p_size", "Size, from 1 to 50."),
        ("p_container", "How it is packed."),
        ("p_retailprice", "Price without discount."),
        ("p_comment", "A remark."),
    ],
    references: &[],
};

const SUPPLIER: Words = Words {
    description: "The suppliers of parts.",
    key: &["s_suppkey"],
    columns: &[
        ("s_suppkey", "Number of the supplier."),
        ("s_name", "Name of the supplier."),
        ("s_address", "Street address."),
        ("s_nationkey", "The nation it is in."),
        ("s_phone", "Telephone number, with the nation's code."),
        ("s_acctbal", "Balance of its account."),
        ("s_comment", "A remark; some speak of complaints."),
    ],
    references: &[(&["s_nationkey"], Table::Nation, &["n_nationkey"])],
};

const PARTSUPP: Words = Words {
    description: "Which supplier sells which part, for how much.",
    key: &["ps_partkey", "ps_suppkey"],
    columns: &[
        ("ps_partkey", "The part."),
        ("ps_suppkey", "The supplier."),
        ("ps_availqty", "Pieces that the supplier has."),
        ("ps_supplycost", "What the supplier asks for one."),
        ("ps_comment", "A remark."),
    ],
    references: &[(&["ps_partkey"], Table::Part, &["p_partkey"]), (&["ps_suppkey"], Table::Supplier, &["s_suppkey"])],
};

const CUSTOMER: Words = Words {
    description: "The customers who place orders.",
    key: &["c_custkey"],
    columns: &[
        ("c_custkey", "Number of the customer."),
        ("c_name", "Name of the customer."),
        ("c_address", "Street address."),
        ("c_nationkey", "The nation the customer lives in."),
        ("c_phone", "Telephone number, with the nation's code."),
        ("c_acctbal", "Balance of the customer's account."),
        ("c_mktsegment", "Market segment."),
        ("c_comment", "A remark."),
    ],
    references: &[(&["c_nationkey"], Table::Nation, &["n_nationkey"])],
};

const ORDERS: Words = Words {
    description: "Orders of customers, one row each.",
    key: &["o_orderkey"],
    columns: &[
        ("o_orderkey", "Number of the order."),
        ("o_custkey", "The customer who placed it."),
        ("o_orderstatus", "F finished, O open, P in part."),
        ("o_totalprice", "Price of all its lines, with discount and tax."),
        ("o_orderdate", "The day it was placed."),
        ("o_orderpriority", "How urgent it is."),
        ("o_clerk", "The clerk who took it."),
        ("o_shippriority", "Priority in shipping; always 0."),
        ("o_comment", "A remark."),
    ],
    references: &[(&["o_custkey"], Table::Customer, &["c_custkey"])],
};

const LINEITEM: Words = Words {
    description: "The lines of the orders, one to seven each.",
    key: &["l_orderkey", "l_linenumber"],
    columns: &[
        ("l_orderkey", "The order."),
        ("l_partkey", "The part that was ordered."),
        ("l_suppkey", "The supplier who sends it."),
        ("l_linenumber", "Number of the line in its order."),
        ("l_quantity", "Pieces."),
        ("l_extendedprice", "Price of all pieces, without discount and tax."),
        ("l_discount", "Discount, as a fraction."),
        ("l_tax", "Tax, as a fraction."),
        ("l_returnflag", "R returned, A accepted, N neither."),
        ("l_linestatus", "O open, F finished."),
        ("l_shipdate", "The day it was sent."),
        ("l_commitdate", "The day it was promised for."),
        ("l_receiptdate", "The day it arrived."),
        ("l_shipinstruct", "How it is handed over."),
        ("l_shipmode", "How it travels."),
        ("l_comment", "A remark."),
    ],
    references: &[
        (&["l_orderkey"], Table::Orders, &["o_orderkey"]),
        (&["l_partkey", "l_suppkey"], Table::Partsupp, &["ps_partkey", "ps_suppkey"]),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_exactly_the_columns_that_are_written() {
        for table in Table::ALL {
            let words = of(table);
            let named: Vec<&str> = words.columns.iter().map(|(name, _)| *name).collect();
            let schema = table.schema();
            let written: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(named, written, "{}", table.name());
            assert!(words.key.iter().all(|key| named.contains(key)), "{}", table.name());
        }
    }

    #[test]
    fn references_lead_to_keys() {
        for table in Table::ALL {
            for (columns, to, to_columns) in of(table).references {
                assert_eq!(of(*to).key, *to_columns, "{}", table.name());
                assert_eq!(columns.len(), to_columns.len(), "{}", table.name());
            }
        }
    }
}
