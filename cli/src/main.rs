//! leg
fn main(){}
