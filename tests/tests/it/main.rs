//! Tests across crates, in one binary so that the engine is linked once.

mod cluster;
mod history;
mod house;
mod model;
mod watch;
