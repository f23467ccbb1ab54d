mod codes;
mod life;
mod proofs;
mod scenario;
mod world;
