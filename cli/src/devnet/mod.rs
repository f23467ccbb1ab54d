//! The development network.

pub mod audit;
pub mod clock;
pub mod community;
pub mod data;
pub mod jobs;
pub mod meter;
pub mod plan;
pub mod pricing;
pub mod replay;
pub mod tracker;
pub mod wallet;
