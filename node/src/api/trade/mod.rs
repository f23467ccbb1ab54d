//! The marketplace's transactions: what the rules call trades (MARKET 6). Reading them, and the steps that a hub's keys sign.

mod answer;
mod find;
mod query;
mod steps;

pub use answer::{DeliveredAnswer, SettlementAnswer, TradeAnswer};
pub use find::{find_trade, trades_of_member};
pub use query::{__path_get_trade, __path_list_trades, get_trade, list_trades};
pub use steps::{
    __path_cancel_trade, __path_complete_trade, __path_confirm_trade, __path_start_trade, DeliveredRequest, ReadingRequest, StepAnswer,
    by_slot, cancel_trade, complete_trade, confirm_trade, start_trade, step,
};
