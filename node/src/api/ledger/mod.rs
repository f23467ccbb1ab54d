//! The ledger itself: members, accounts, blocks, signed transactions.

mod accounts;
mod action;
mod batch;
mod blocks;
mod event;
mod follow;
mod members;
mod transactions;

pub use accounts::{__path_get_account, __path_list_accounts, get_account, list_accounts};
pub use action::{product_fields, time_in_force_name};
pub use batch::{__path_submit_batch, BatchAnswer, BatchedAnswer, MAX_BATCH, submit_batch};
pub use blocks::{__path_get_block, __path_list_blocks, __path_raw_block, clock_text, get_block, list_blocks, raw_block};
pub use follow::{__path_follow_blocks, FinalBlock, follow_blocks};
pub use members::{__path_list_members, list_members};
pub use transactions::{__path_get_transaction, __path_submit_transaction, get_transaction, submit_transaction};
