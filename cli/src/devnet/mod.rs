//! The development network: a whole network on one machine that replays a real Swiss week.
//!
//! ```text
//! data ──> community ──┐
//!          jobs ───────┼─> plan ──> replay ──HTTP──> nodes (processes)
//!          pricing ────┘     meter ──┘   ▲                │ blocks
//!                                        └──── audit <────┘
//!                                                └──> report, verify, screen
//! ```
//!
//! [`data`], [`community`], [`jobs`], [`pricing`], [`plan`] and [`meter`] are pure. [`replay`] drives any [`crate::client::LedgerApi`], so that tests
//! run it against a ledger in their own process. [`audit`] executes each block on a state machine of its own and believes no node.

pub mod audit;
pub mod clock;
pub mod community;
pub mod data;
pub mod jobs;
pub mod meter;
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
