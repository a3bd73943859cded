//! Hashes of ids: keyed for what lives in memory, fixed for what is written down.

use std::hash::{BuildHasher, RandomState};

/// Keyed at random in each process, so that nobody can choose ids that collide. Nothing depends on the order that follows from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher([u64; 2]);

impl Default for Hasher {
    fn default() -> Self {
        let random = RandomState::new();
        Self([random.hash_one(1), random.hash_one(2) | 1])
    }
}

fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

impl Hasher {
    pub(crate) fn hash(&self, id: u128) -> u64 {
        folded(id as u64 ^ self.0[0], (id >> 64) as u64 ^ self.0[1])
    }
}

/// Two hashes of an id for filters that are written down: the same for ever.
pub(crate) fn fixed(id: u128) -> (u64, u64) {
    let a = folded(id as u64 ^ 0x9E37_79B9_7F4A_7C15, (id >> 64) as u64 ^ 0xD1B5_4A32_D192_ED03);
    let b = folded(a ^ 0xA076_1D64_78BD_642F, id as u64 ^ 0xE703_7ED1_A0B4_28DB);
    (a, b | 1)
}
