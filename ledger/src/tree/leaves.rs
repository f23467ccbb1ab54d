//! Walking the entries of a subtree in the order of their keys.

use super::node::{Child, Entry, Node};
use super::{Key, Prefix};
use crate::hash::Hash;

/// The entries of a subtree as (key, value hash), keys ascending.
#[derive(Clone, Debug)]
pub struct Leaves<'a> {
    /// Subtrees still to visit, the next one last; at most one a level.
    pending: Vec<&'a Node>,
    bucket: std::slice::Iter<'a, Entry>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(top: Option<&'a Child>, prefix: &Prefix) -> Self {
        let mut leaves = Leaves { pending: Vec::new(), bucket: [].iter() };
        let Some(top) = top else { return leaves };
        let mut node = &top.node;
        while let Node::Inner(inner) = node
            && u16::from(inner.bit) < prefix.bits()
        {
            node = &inner.toward(prefix.first_key()).0.node;
        }
        match node {
            // Its keys differ only behind the prefix: they have it all or none has.
            Node::Inner(inner) => {
                if inner.first_key().is_some_and(|key| prefix.contains(key)) {
                    leaves.pending.push(node);
                }
            }
            Node::Bucket(entries) => {
                let start = entries.partition_point(|entry| entry.key < *prefix.first_key());
                let (_, rest) = entries.split_at(start);
                let end = rest.partition_point(|entry| prefix.contains(&entry.key));
                leaves.bucket = rest.split_at(end).0.iter();
            }
        }
        leaves
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = (&'a Key, &'a Hash);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.bucket.next() {
                return Some((&entry.key, &entry.value));
            }
            match self.pending.pop()? {
                Node::Bucket(entries) => self.bucket = entries.iter(),
                Node::Inner(inner) => {
                    self.pending.push(&inner.right.node);
                    self.pending.push(&inner.left.node);
                }
            }
        }
    }
}
