//! What signing and verifying cost one core, ZIP-215 in batches of different sizes.

use super::screen::Progress;
use super::usage::thread_cpu;
use anyhow::{Result, ensure};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::signature::{Batch, PublicKey, SecretKey, Signature, signing_bytes};
use serde::Serialize;
use std::time::Duration;

/// Sizes of the batches.
pub const BATCHES: [usize; 8] = [1, 4, 16, 64, 256, 512, 1_024, 2_048];
/// Keys of a community: a batch is cheaper when its keys repeat.
const COMMUNITY_KEYS: usize = 48;

/// A batch's cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchCost {
    /// Signatures in it.
    pub size: usize,
    /// Microseconds a signature when the keys of a community signed.
    pub community_us: f64,
    /// The same when each signature has a key of its own.
    pub distinct_us: f64,
}

/// All costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureCosts {
    /// One signature, microseconds.
    pub sign_us: f64,
    /// Verifying one alone.
    pub single_us: f64,
    /// Verifying in batches.
    pub batches: Vec<BatchCost>,
}

struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

/// Measures for about `each` of CPU time a figure.
///
/// # Errors
/// A good signature does not verify, or the system does not tell CPU times.
pub fn run(each: Duration) -> Result<SignatureCosts> {
    let progress = Progress::new(2 * BATCHES.len() as u64 + 2, "signatures");
    let most = BATCHES.iter().copied().max().unwrap_or(1);
    let (community, distinct) = (signed(most, COMMUNITY_KEYS), signed(most, most));
    let sign_us = sign_us(each)?;
    progress.step();
    let mut turn = community.iter().cycle();
    let single_us = repeated(each, 1, || match turn.next() {
        Some(one) => Ok(one.key.verify(&one.message, &one.signature)?),
        None => Ok(()),
    })?;
    progress.step();
    let mut batches = Vec::new();
    for size in BATCHES {
        let cost = |all: &[Signed]| {
            let us = repeated(each, size, || verify(&all[..size]));
            progress.step();
            us
        };
        batches.push(BatchCost { size, community_us: cost(&community)?, distinct_us: cost(&distinct)? });
    }
    Ok(SignatureCosts { sign_us, single_us, batches })
}

/// CPU of this thread for one signature, microseconds, measured for about `each`.
///
/// # Errors
/// The system does not tell CPU times.
pub fn sign_us(each: Duration) -> Result<f64> {
    let key = secret(0);
    let message = signing_bytes(Domain::Transaction, Hash::ZERO.as_bytes());
    repeated(each, 1, || {
        std::hint::black_box(key.sign(&message));
        Ok(())
    })
}

fn secret(number: usize) -> SecretKey {
    SecretKey::from_bytes(Hash::of(Domain::Possession, &number.to_le_bytes()).as_bytes())
}

fn signed(count: usize, keys: usize) -> Vec<Signed> {
    let keys: Vec<SecretKey> = (0..keys).map(secret).collect();
    let sign = |(number, key): (usize, &SecretKey)| {
        let message = signing_bytes(Domain::Transaction, Hash::of(Domain::Transaction, &number.to_le_bytes()).as_bytes());
        Signed { key: key.public(), signature: key.sign(&message), message }
    };
    keys.iter().cycle().take(count).enumerate().map(|(number, key)| sign((number, key))).collect()
}

fn verify(signed: &[Signed]) -> Result<()> {
    let mut batch = Batch::new();
    signed.iter().for_each(|one| batch.push(&one.key, &one.message, &one.signature));
    ensure!(batch.verify().is_ok(), "a batch of good signatures does not verify");
    Ok(())
}

/// CPU of this thread for one of the `count` things that `job` does, microseconds; repeated for about `each`, once at least.
pub fn repeated(each: Duration, count: usize, mut job: impl FnMut() -> Result<()>) -> Result<f64> {
    job()?;
    let (begun, mut runs) = (thread_cpu()?, 0_u32);
    loop {
        job()?;
        runs += 1;
        let spent = thread_cpu()? - begun;
        if spent >= each {
            return Ok(spent.as_secs_f64() * 1e6 / f64::from(runs) / count.max(1) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_measured_and_a_bad_signature_would_be_seen() {
        let costs = run(Duration::from_micros(1)).unwrap();
        assert_eq!(costs.batches.iter().map(|batch| batch.size).collect::<Vec<_>>(), BATCHES);
        assert!(costs.sign_us > 0.0 && costs.single_us > 0.0 && costs.batches.iter().all(|b| b.community_us > 0.0 && b.distinct_us > 0.0));
        let mut bad = signed(10, 3);
        assert!(verify(&bad).is_ok());
        bad[7].signature = bad[6].signature;
        assert!(verify(&bad).is_err());
    }
}
