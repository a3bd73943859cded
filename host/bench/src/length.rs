//! How long a bench runs.

/// Whether figures are wanted, or only that the bench works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// What the figures in BENCHMARKS.md are taken with.
    Full,
    /// A second or a few hundred rounds: every key is there, and no figure means anything.
    Short,
}

impl Length {
    /// The one value or the other.
    pub(crate) fn of<T>(self, full: T, short: T) -> T {
        match self {
            Length::Full => full,
            Length::Short => short,
        }
    }
}
