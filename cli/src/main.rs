//! leg
fn main() {}
