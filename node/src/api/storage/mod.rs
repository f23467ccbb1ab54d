//! Storage contracts: buying, uploading, reading back, ending (MARKET 7).

mod answer;
mod buy;
mod content;
mod query;
mod request;

pub use buy::{__path_buy_storage, buy_storage};
pub use content::{__path_read_content, __path_upload, read_content, upload};
pub use query::{__path_get_storage, __path_list_storage, __path_terminate_storage, get_storage, list_storage, terminate_storage};
