//! How members behave and what they argue about: reputations with their parts, heartbeats, disputes (MARKET 11).

mod dispute;
mod find;
mod reputation;
mod steps;

pub use dispute::{__path_get_dispute, __path_list_disputes, get_dispute, list_disputes};
pub use reputation::{__path_get_reputation, __path_send_heartbeat, get_reputation, send_heartbeat};
pub use steps::{
    __path_concede_dispute, __path_dispute_trade, __path_submit_evidence, __path_vote_dispute, concede_dispute, dispute_trade,
    submit_evidence, vote_dispute,
};
