//! The development network: a whole network on one machine that replays a real Swiss week.
//!
//! ```text
//! data ──> community ──┐
//!          jobs ───────┼─> plan ───┐                archive ──HTTP──┐
//!          pricing ────┘   meter ──┼─> replay ──HTTP──> nodes (processes)
//!                  oracles, heat ──┘     ▲                │ blocks
//!                                        └──── audit <────┘
//!                                                └──> counts, report, verify, screen
//! ```
//!
//! [`data`], [`community`], [`jobs`], [`pricing`], [`plan`], [`meter`], [`oracles`] and [`heat`] are pure. [`replay`] drives any
//! [`crate::client::LedgerApi`], so that tests run it against a ledger in their own process; [`archive`] needs nodes, since contents go from one to the
//! other. [`audit`] executes each block on a state machine of its own and believes no node.

pub mod archive;
pub mod audit;
pub mod clock;
pub mod community;
pub mod counts;
pub mod data;
pub mod heat;
pub mod jobs;
pub mod market_report;
pub mod meter;
pub mod oracles;
pub mod plan;
pub mod pricing;
pub mod processes;
pub mod replay;
pub mod report;
pub mod run;
pub mod screen;
pub mod setup;
pub mod tracker;
pub mod verify;
pub mod wallet;
