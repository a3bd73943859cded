//! JSON that remembers where each value stood.
