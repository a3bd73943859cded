//! The ZIP around a package, read strictly.
