//! The development network.

pub mod audit;
pub mod community;
pub mod data;
pub mod jobs;
pub mod meter;
pub mod plan;
pub mod pricing;
