//! Tests of the trade room: lives of trades, the code of each refused step, energy slots, conservation.

mod codes;
mod conservation;
mod energy;
mod life;
