//! Which pictures a package may hold.

/// A picture, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the formats are")]
pub enum ImageKind {
    Svg,
    Png,
    Jpeg,
    WebP,
}

impl ImageKind {
    /// For `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            ImageKind::Svg => "image/svg+xml",
            ImageKind::Png => "image/png",
            ImageKind::Jpeg => "image/jpeg",
            ImageKind::WebP => "image/webp",
        }
    }
}

/// For `Content-Type`, from the name of an entry that was checked when its package was opened.
pub fn content_type(name: &str) -> &'static str {
    let _ = name;
    todo!()
}
