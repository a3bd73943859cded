//! Resolve, verify and cache mini-program packages.
