//! The state: typed tables declared once, a derived index, an overlay that collects a block's changes.
//!
//! * [`State`] is the committed state after some height. Its entries are what the tree commits to; its [`index`] is derived from them and
//!   can always be rebuilt.
//! * [`Overlay`] reads through to a state and records changes, with checkpoints that can be rolled back.
//! * [`ChangeSet`] is what an overlay turns into: applied to the state, hashed into the tree, written to the store.
//! * [`Undo`] takes a block's changes back, to read the recent past.

mod account;
mod books;
mod dispute;
mod governance;
mod index;
mod index_changes;
mod index_kinds;
mod loading;
mod oracle;
mod order;
mod overlay;
mod overlay_index;
mod records;
mod standing;
mod storage;
mod tables;
mod trade;
mod undo;

pub use account::{Account, Totals};
pub use books::{BookOrders, OwnerOrders};
pub use dispute::{Dispute, Evidence, Ground};
pub use governance::{ChargeRun, Departure, Proposal};
pub use index::{IndexKey, LoadSource, TimerId, forgotten_at, rank, window_slots};
pub use oracle::{OracleInput, OracleKey, OracleReport, OracleReports, PriceParts, ReferenceKey, ReferencePoint};
pub use order::Order;
pub use overlay::Overlay;
pub use records::{
    AuctionRound, CommitteeState, Exchange, ForecastEntry, HeatLot, HeatLotKey, HeatReservationKey, MarketState, ReferenceState, Register,
    RegisterKey, Sale, SlotReading, SlotReadingKey,
};
pub use standing::{Attendance, Pair, Presence, Shares, Standing};
pub use storage::{Challenge, PaidMonth, StorageContract, StorageEnd, StorageStage};
pub use tables::{
    Accounts, ArrearsTable, Attendances, ChangeSet, ChargeRuns, Committees, Departures, Disputes, Exchanges, Forecasts, HeatLots,
    HeatReservations, Keys, Markets, Members, OracleReportTable, Orders, Owed, Parameters, Proposals, ReferenceHistory, References,
    Registers, SlotReadings, SlotSales, Standings, State, StateEntry, StateError, StorageContracts, Table, TotalsTable, Trades, View,
    value_hash,
};
pub use trade::{Fill, Trade, TradeStatus};
pub use undo::Undo;
