//! Which pictures a package may hold: SVG without anything active, PNG, JPEG, WebP.

/// A picture's format.
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

    /// By the extension of a name, in lower case.
    pub fn from_name(name: &str) -> Option<ImageKind> {
        match extension(name) {
            "svg" => Some(ImageKind::Svg),
            "png" => Some(ImageKind::Png),
            "jpg" | "jpeg" => Some(ImageKind::Jpeg),
            "webp" => Some(ImageKind::WebP),
            _ => None,
        }
    }

    /// Whether the bytes are such a picture. SVG is read to the end, of the others the first bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(self, bytes: &[u8]) -> Result<(), String> {
        let magic = match self {
            ImageKind::Svg => return crate::svg::check(bytes),
            ImageKind::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            ImageKind::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
            ImageKind::WebP => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
        };
        if magic {
            Ok(())
        } else {
            Err(format!("expected {}, found bytes that do not start as one", self.content_type()))
        }
    }
}

pub(crate) fn extension(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

pub(crate) fn is_image_name(name: &str) -> bool {
    ImageKind::from_name(name).is_some()
}

/// For `Content-Type`, from the name of an entry that was checked when its package was opened.
pub fn content_type(name: &str) -> &'static str {
    match ImageKind::from_name(name) {
        Some(kind) => kind.content_type(),
        None => match extension(name) {
            "txt" => "text/plain; charset=utf-8",
            "json" => "application/json",
            "wasm" => "application/wasm",
            _ => "application/octet-stream",
        },
    }
}
