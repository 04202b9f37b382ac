//! The benchmark program as it is run, with sizes so small that only its way is tried.

mod flight;
