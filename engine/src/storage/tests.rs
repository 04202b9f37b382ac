//! What storage promises.
