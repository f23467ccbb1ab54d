mod codes;
mod life;
mod proofs;
mod random;
mod scenario;
mod world;
