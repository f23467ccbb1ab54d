//! Reputation of members, 0 to 10 000 (MARKET 11).
//!
//! reputation = (30 uptime + 30 completion + 25 on-time settlement + 15 disputes) / 100, each part
//! `10 000 x (good + 8) / (total + 10)` over a weighted pair, divisions down. Without history each part, and the whole, is 8 000.
//!
//! * **Pairs.** Completion, settlement and disputes are weighted by value; `params.reputation.unit` counts as one. Uptime counts attendance
//!   periods. A pair loses 1/64, rounded up, at the start of each UTC day of market time, so it ends at nothing.
//! * **One counterparty.** In a part no owner counts for more than a fifth of (counted total + 10): with one counterparty the part lies
//!   between 6 400 and 8 400, with five or more it can reach every value. What a member did against one partner, or with one
//!   confederate, says little. Each part keeps its [`crate::limits::MAX_COUNTERPARTIES`] heaviest owners apart. The others are pooled:
//!   together they count like one owner for what went well, and in full for what did not, so that failing many small partners
//!   is not hidden among a few large ones.
//! * **Attendance.** A period ends with the first block after `params.reputation.attendance_ms` in which every committee member had two turns to
//!   propose. A hub was there if it signed a parent certificate, proposed a block or sent a heartbeat in it. So a hub that is
//!   slow to vote is not counted out, and hours in which the network stood still count for nobody. Hubs count from
//!   their first committee or heartbeat on; a member that never showed a sign of life keeps 8 000 in this part.
//! * **When.** Rooms [`note`] what happened while a block executes; [`update`] folds the notes in phase 4, in an order of their own, and
//!   writes [`crate::member::Member::reputation`]. So all of block h reads reputation as after h-1, at the cost of a field.
//! * Reputation never removes a member from the committee; only governance does.

mod attendance;
mod formula;
mod note;
mod report;
mod standing;
mod update;

pub use attendance::{heartbeat, last_seen};
pub use formula::WITHOUT_HISTORY;
pub use note::{Note, Part, note};
pub use report::{PartReport, Report, report};
pub use update::{on_day, update};

#[cfg(test)]
mod tests;
