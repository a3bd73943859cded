//! What `youji bench` runs.
