//! What the log must compute, written a second time from RFC 9162 section 2.1 over a plain list of leaves; shares no code with the log.

/// The root of a list of leaves.
pub(super) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let tree = if leaves.is_empty() { [0; 32] } else { tree_hash(leaves) };
    let size = u64::try_from(leaves.len()).unwrap();
    keyed("leg ledger v1 history root", &[&size.to_le_bytes(), &tree])
}

/// `MTH(D_n)`.
pub(super) fn tree_hash(leaves: &[[u8; 32]]) -> [u8; 32] {
    if let [leaf] = leaves {
        return keyed("leg ledger v1 history leaf", &[leaf]);
    }
    let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
    keyed("leg ledger v1 history node", &[&tree_hash(left), &tree_hash(right)])
}

/// `PATH(m, D_n)`.
pub(super) fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let cut = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(cut);
    let (mut path, sibling) = if index < cut { (path(index, left), right) } else { (path(index - cut, right), left) };
    path.push(tree_hash(sibling));
    path
}

/// `SUBPROOF(m, D_n, false)`: with the shared subtree always spelled out.
pub(super) fn consistency(old: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if old == leaves.len() {
        return vec![tree_hash(leaves)];
    }
    let cut = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(cut);
    let (mut proof, sibling) = if old <= cut { (consistency(old, left), right) } else { (consistency(old - cut, right), left) };
    proof.push(tree_hash(sibling));
    proof
}

fn largest_power_below(n: usize) -> usize {
    let mut power = 1;
    while power * 2 < n {
        power *= 2;
    }
    power
}

fn keyed(namespace: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..namespace.len()].copy_from_slice(namespace.as_bytes());
    let mut hasher = blake3::Hasher::new_keyed(&key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}
