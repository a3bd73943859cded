//! Tools for authors: from source to a signed package.
