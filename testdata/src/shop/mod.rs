//! The hand-made mesh: a shop whose orders, customers and parcels belong to different domains.
//!
//! In: a number of orders and of files. Out: Parquet and Delta files, and contracts in every form that users have.
//! Holds always:
//! - keys match across domains: every order has its customer, every parcel its order;
//! - there are nulls, NaN, text of several scripts, decimals, instants, and nested columns.
//!
//! | product | form | storage | access |
//! |---|---|---|---|
//! | `commerce.orders` 1 | A, columns from Avro | Parquet in folders of days | owner's team |
//! | `commerce.orders` 2, and its table `items` | ODCS 3.1 | Parquet | readers |
//! | `commerce.order_events` | C | Parquet, newer files have a column more and a wider one | public |
//! | `identity.customers` | ODCS 3.1 | Parquet | readers |
//! | `identity.login_events` | A | Parquet | private |
//! | `logistics.shipments` | ODCS 3.1 | Delta, three versions, partitioned | readers |
//! | `logistics.inventory` | A | Parquet in Hive partitions | public |
//! | `logistics.carriers` | A without a schema | Parquet | public |
//! | `logistics.returns` | ODCS 3.1 | an empty folder | readers |
//! | `customer.customer-lifetime-value` | B, placed by its domain's template | Parquet | readers |
//! | `analytics.order_facts`, `analytics.revenue_by_country` | View | none | public |
//!
//! Start reading at [`write_domain`].

use crate::error::Result;
use crate::file::Files;

pub mod contract;
mod logistics;
mod orders;
mod people;
mod row;

pub use logistics::SHIPMENT_VERSIONS;

/// The domains of the shop that hold data.
pub const DOMAINS: [&str; 4] = ["commerce", "identity", "logistics", "customer"];

/// How much is written, and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Orders; there is a customer for every eight of them.
    pub orders: u64,
    /// Files of each table that orders, customers and parcels are read from.
    pub files_per_table: u16,
}

impl Size {
    /// Customers of so many orders.
    pub fn customers(self) -> u64 {
        (self.orders / 8).max(1)
    }

    /// Cuts `count` rows into as many ranges as there are files; the first ranges get one row more when it does not divide.
    fn cut(self, count: u64) -> Vec<std::ops::Range<u64>> {
        let files = u64::from(self.files_per_table.max(1));
        (0..files).map(|file| count * file / files..count * (file + 1) / files).collect()
    }
}

/// Writes the data of one domain below `files`; of a domain that is not in [`DOMAINS`], nothing.
///
/// # Errors
/// Those of the store.
pub async fn write_domain(files: &Files, domain: &str, size: Size) -> Result<()> {
    match domain {
        "commerce" => orders::write(files, size).await,
        "identity" => people::write_identity(files, size).await,
        "logistics" => logistics::write(files, size).await,
        "customer" => people::write_customer(files, size).await,
        _ => Ok(()),
    }
}
