//! Orders: place, replace, cancel, read (MARKET 4).

mod answer;
mod batch;
mod book;
mod explain;
mod place;
mod query;
mod request;

pub use answer::{OrderAnswer, OrderStatus, fills, find_order, placed};
pub use batch::{__path_place_batch, place_batch};
pub use book::{__path_book, book};
pub use explain::{__path_explain_order, ExplainAnswer, explain_order};
pub use place::{__path_cancel_order, __path_place_order, __path_replace_order, cancel_order, place_order, place_terms, replace_order};
pub use query::{__path_get_order, __path_list_orders, book_start, get_order, leaf_cursor, list_orders};
pub use request::{ConstraintsRequest, WindowRequest, job_hash};
