//! Heat credits: lots, transfer, retirement, certificates (MARKET 8). Orders for heat go through the marketplace.

mod certificates;
mod lots;
mod moves;

pub use certificates::{__path_list_certificates, list_certificates};
pub use lots::{__path_list_lots, list_lots};
pub use moves::{__path_retire_heat, __path_transfer_heat, PartAnswer, retire_heat, transfer_heat};
