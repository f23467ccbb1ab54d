//! Meters: registers that only grow, what they increased by slot, and what trades claim of it (MARKET 6).
//!
//! * A register's readings are numbered without a gap and never fall. Absent registers stand at (sequence 0, 0 Wh): reading 1 counts from
//!   zero. A meter that already ran before it joined starts with a reading 0, which only tells where its register stands.
//! * The increase between two readings counts for the **slot of the later one**, whatever lies between: who wants slots apart reads at
//!   each slot's end. Compute, compute-hours and heat may be read several times within a slot, also the running one; energy is read once, at the end.
//! * What all trades together claim of a (meter, register, slot) never exceeds its increase.
//! * The grid operator corrects a slot's increase within a period; what that leaves of a claim is [`supported`]. So what was sold of a slot
//!   is kept with it ([`book_sale`]).
//! * Increases leave the state [`crate::limits::SLOT_RETENTION_MS`] after their slot; older slots are not read any more.

mod claim;
mod correct;
mod register;
mod sales;

pub use claim::{claim, expire_forecast, expire_slot_reading, record, supported};
pub use correct::correct;
pub use register::{accept, is_broken};
pub use sales::book_sale;

#[cfg(test)]
mod correct_tests;
#[cfg(test)]
mod tests;
