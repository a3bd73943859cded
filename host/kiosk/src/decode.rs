//! QR codes in pictures: uploads and the command line are decoded here, camera frames in the page.

use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, ImageReader, Limits, imageops};
use rxing::common::cpp_essentials::ConcentricPattern;
use rxing::common::{BitMatrix, DetectorRXingResult, GlobalHistogramBinarizer, HybridBinarizer};
use rxing::qrcode::cpp_port::decoder::Decode;
use rxing::qrcode::cpp_port::detector::{FindFinderPatterns, GenerateFinderPatternSets, SampleQR};
use rxing::{Binarizer, BinaryBitmap, Luma8Source};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

/// Largest picture that is opened, in pixels; known from its header before anything is decompressed.
pub const MAX_PIXELS: u64 = 40_000_000;
/// Largest picture that is searched as it is, in pixels; one that is larger is made smaller first.
pub const MAX_SEARCHED_PIXELS: u64 = 12_000_000;
/// Most bytes that one picture may take when it is decompressed.
const MAX_BYTES: u64 = 4 * MAX_PIXELS;
/// Most codes that are reported; a picture with more is not something that a person holds up.
const MAX_CODES: usize = 16;
/// Up to this many pixels a picture is also searched enlarged: decoders need at least 2.5 pixels a module.
const ENLARGED_BELOW_PIXELS: usize = 1_500_000;
/// Above this length of its longer side a picture is also searched smaller, which takes out noise.
const REDUCED_ABOVE: u32 = 500;
/// Most finder patterns of one reading that are combined. Combining all of a picture made for it would take minutes; the largest are
/// kept, which are the least likely to be noise.
const MAX_PATTERNS: usize = 300;
/// Most combinations of three finder patterns that are sampled, in all readings of a picture together.
const MAX_COMBINATIONS: u32 = 3_000;

/// Why no text came out of a picture.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Neither PNG nor JPEG, or a damaged one.
    #[error("this is not a picture that can be read ({0}); take a PNG or JPEG file")]
    NotAPicture(String),
    /// Over [`MAX_PIXELS`].
    #[error("the picture has {width} × {height} pixels, at most {} million can be read; take a smaller one", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A picture without a QR code that can be read.
    #[error(
        "no QR code was found in the picture; hold the camera closer, keep the whole code with its white border in view, and avoid glare"
    )]
    NoCode,
}

impl DecodeError {
    /// Stable, for programs: "not-a-picture", "picture-too-large", "no-code".
    pub fn code(&self) -> &'static str {
        match self {
            DecodeError::NotAPicture(_) => "not-a-picture",
            DecodeError::TooLarge { .. } => "picture-too-large",
            DecodeError::NoCode => "no-code",
        }
    }
}

/// The texts of all QR codes in a PNG or JPEG, each once, from top to bottom. Takes up to a second of CPU time and, for the largest
/// pictures, about 250 MB for a moment: call it off the async threads, and not for many at once.
///
/// # Errors
/// Not a picture, one that is too large, or none with a code.
pub fn decode(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    let (picture, transparent) = open(bytes)?;
    let found = search(&flatten(&picture, 255));
    // A light code drawn on nothing is invisible on white.
    let found = if found.is_empty() && transparent {
        search(&flatten(&picture, 0))
    } else {
        found
    };
    if found.is_empty() { Err(DecodeError::NoCode) } else { Ok(found) }
}

/// The same for grey pixels, row by row, 0 is black.
///
/// # Errors
/// [`DecodeError::NotAPicture`] when `luma` is not `width` × `height` long, [`DecodeError::TooLarge`], [`DecodeError::NoCode`].
pub fn decode_luma(luma: &[u8], width: u32, height: u32) -> Result<Vec<String>, DecodeError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    let Some(grey) =
        GrayImage::from_raw(width, height, luma.to_vec()).filter(|_| luma.len() as u64 == u64::from(width) * u64::from(height))
    else {
        return Err(DecodeError::NotAPicture(format!(
            "{} bytes for {width} × {height} pixels",
            luma.len()
        )));
    };
    let found = search(&bounded(DynamicImage::ImageLuma8(grey)).into_luma8());
    if found.is_empty() { Err(DecodeError::NoCode) } else { Ok(found) }
}

fn open(bytes: &[u8]) -> Result<(DynamicImage, bool), DecodeError> {
    let unreadable = |error: ImageError| DecodeError::NotAPicture(error.to_string());
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| DecodeError::NotAPicture(error.to_string()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES + (16 << 20));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES {
        return Err(DecodeError::TooLarge { width, height });
    }
    // Codes are found at any angle; this is only so that several are listed as the person sees them.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = bounded(DynamicImage::from_decoder(decoder).map_err(unreadable)?);
    picture.apply_orientation(orientation);
    let transparent = picture.color().has_alpha();
    Ok((picture, transparent))
}

fn bounded(picture: DynamicImage) -> DynamicImage {
    let pixels = u64::from(picture.width()) * u64::from(picture.height());
    if pixels <= MAX_SEARCHED_PIXELS {
        return picture;
    }
    let scale = (MAX_SEARCHED_PIXELS as f64 / pixels as f64).sqrt();
    let side = |length: u32| ((f64::from(length) * scale) as u32).max(1);
    picture.thumbnail_exact(side(picture.width()), side(picture.height()))
}

fn flatten(picture: &DynamicImage, background: u16) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.to_luma8();
    }
    let with_alpha = picture.to_luma_alpha8();
    let flat = with_alpha.pixels().map(|pixel| {
        let [luma, alpha] = pixel.0.map(u16::from);
        ((luma * alpha + background * (255 - alpha) + 127) / 255) as u8
    });
    let flat = flat.collect();
    GrayImage::from_raw(with_alpha.width(), with_alpha.height(), flat).unwrap_or_default()
}

/// How grey becomes black and white.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Against the surroundings of each pixel.
    Local,
    /// The same, with speckles closed.
    Closed,
    /// Light codes on dark.
    Inverted,
    /// One threshold for the whole picture.
    Global,
}

/// Tries one reading after the other, the cheap ones first. A reading that finds something ends the search: by then every code that
/// it can see is in the list.
fn search(picture: &GrayImage) -> Vec<String> {
    if picture.width() == 0 || picture.height() == 0 {
        return Vec::new();
    }
    let mut search = Search {
        combinations_left: MAX_COMBINATIONS,
    };
    search.readings(picture).or_else(|| search.copies(picture)).unwrap_or_default()
}

struct Search {
    combinations_left: u32,
}

impl Search {
    fn copies(&mut self, picture: &GrayImage) -> Option<Vec<String>> {
        let (width, height) = picture.dimensions();
        let mut reduced = picture.clone();
        while reduced.width().max(reduced.height()) > REDUCED_ABOVE && reduced.width().min(reduced.height()) >= 3 {
            reduced = imageops::thumbnail(&reduced, reduced.width() / 3, reduced.height() / 3);
            if let Some(found) = self.readings(&reduced) {
                return Some(found);
            }
        }
        if width.max(height) > REDUCED_ABOVE
            && width.min(height) >= 2
            && let Some(found) = self.readings(&imageops::thumbnail(picture, width / 2, height / 2))
        {
            return Some(found);
        }
        if picture.len() > ENLARGED_BELOW_PIXELS {
            return None;
        }
        self.readings(&imageops::fast_blur(picture, 1.0))
            .or_else(|| self.readings(&imageops::resize(picture, width * 2, height * 2, imageops::FilterType::Triangle)))
    }

    fn readings(&mut self, picture: &GrayImage) -> Option<Vec<String>> {
        [Reading::Local, Reading::Closed, Reading::Inverted, Reading::Global]
            .into_iter()
            .find_map(|reading| {
                // The decoder meets pictures from strangers: should it panic on one, that reading has found nothing, and the host goes on.
                let found = catch_unwind(AssertUnwindSafe(|| self.read(picture, reading))).unwrap_or_else(|_| {
                    tracing::warn!(
                        width = picture.width(),
                        height = picture.height(),
                        ?reading,
                        "the QR decoder gave up on a picture"
                    );
                    None
                });
                found.filter(|texts| !texts.is_empty())
            })
    }

    fn read(&mut self, picture: &GrayImage, reading: Reading) -> Option<Vec<String>> {
        let source = Luma8Source::new_with_slice(picture.as_raw(), picture.width(), picture.height()).ok()?;
        match reading {
            Reading::Global => self.codes(GlobalHistogramBinarizer::new(source).get_black_matrix().ok()?),
            Reading::Local => self.codes(HybridBinarizer::new(source).get_black_matrix().ok()?),
            Reading::Inverted => {
                let mut matrix = HybridBinarizer::new(source).get_black_matrix().ok()?.clone();
                matrix.flip_self();
                self.codes(&matrix)
            }
            Reading::Closed => {
                let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(source));
                bitmap.get_binarizer().get_black_matrix().ok()?;
                bitmap.close().ok()?;
                self.codes(bitmap.get_black_matrix())
            }
        }
    }

    fn codes(&mut self, matrix: &BitMatrix) -> Option<Vec<String>> {
        let mut patterns = FindFinderPatterns(matrix, true, 0);
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.size));
        patterns.truncate(MAX_PATTERNS);
        let mut used: Vec<ConcentricPattern> = Vec::new();
        let mut found: Vec<((f32, f32), String)> = Vec::new();
        for set in GenerateFinderPatternSets(&mut patterns) {
            let corners = [set.tl, set.tr, set.bl];
            if corners.iter().any(|corner| used.contains(corner)) {
                continue;
            }
            if self.combinations_left == 0 || found.len() == MAX_CODES {
                break;
            }
            self.combinations_left -= 1;
            let Some(code) = SampleQR(matrix, &set)
                .ok()
                .and_then(|sampled| Decode(sampled.getBits()).ok())
                .filter(|code| code.isValid())
            else {
                continue;
            };
            used.extend(corners);
            let text = code.text();
            if !found.iter().any(|(_, other)| *other == text) {
                let least = |side: fn(&ConcentricPattern) -> f32| corners.iter().map(side).fold(f32::INFINITY, f32::min);
                found.push(((least(|corner| corner.p.y), least(|corner| corner.p.x)), text));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        Some(found.into_iter().map(|(_, text)| text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::Code;
    use image::{ExtendedColorType, ImageEncoder, Luma, LumaA};

    /// Codes next to each other, in that order, on a wide white sheet.
    fn sheet(texts: &[&str]) -> GrayImage {
        let codes: Vec<(Vec<u8>, u32)> = texts.iter().map(|text| Code::new(text).expect("a code").pixels(5)).collect();
        let side = codes.iter().map(|(_, side)| *side).max().unwrap_or(100) + 40;
        let mut sheet = GrayImage::from_pixel(side * codes.len().max(1) as u32, side, Luma([255]));
        for (index, (pixels, code_side)) in codes.into_iter().enumerate() {
            let code = GrayImage::from_raw(code_side, code_side, pixels).expect("square");
            imageops::overlay(&mut sheet, &code, i64::from(side) * index as i64 + 20, 20);
        }
        sheet
    }

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture
            .write_with_encoder(image::codecs::png::PngEncoder::new(&mut bytes))
            .expect("encodes");
        bytes
    }

    fn check(picture: DynamicImage, expected: &[&str]) {
        match decode(&png(&picture)) {
            Ok(mut texts) => {
                texts.sort();
                assert_eq!(texts, expected);
            }
            Err(DecodeError::NoCode) => assert!(expected.is_empty(), "found nothing instead of {expected:?}"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn every_code_of_a_picture_is_found_once() {
        check(sheet(&["A"]).into(), &["A"]);
        check(sheet(&["A", "B TWO", "c three"]).into(), &["A", "B TWO", "c three"]);
        check(sheet(&["SAME", "SAME"]).into(), &["SAME"]);
    }

    #[test]
    fn a_code_is_found_turned_mirrored_inverted_and_in_a_corner_of_a_large_picture() {
        let code = sheet(&["HTTPS://A.EXAMPLE/M/ABCDEFGH"]);
        let texts = &["HTTPS://A.EXAMPLE/M/ABCDEFGH"];
        check(imageops::rotate90(&code).into(), texts);
        check(imageops::rotate180(&code).into(), texts);
        check(imageops::flip_horizontal(&code).into(), texts);
        let mut inverted = code.clone();
        imageops::invert(&mut inverted);
        check(inverted.into(), texts);
        let mut large = GrayImage::from_pixel(4_500, 3_000, Luma([200]));
        imageops::overlay(&mut large, &code, 4_000, 2_600);
        check(large.into(), texts);
    }

    #[test]
    fn nothing_behind_a_code_is_white_or_else_black() {
        for ink in [0, 255] {
            let code = sheet(&["ON NOTHING"]);
            let mut glass = image::GrayAlphaImage::new(code.width(), code.height());
            for (x, y, pixel) in code.enumerate_pixels() {
                glass.put_pixel(x, y, if pixel.0[0] == 0 { LumaA([ink, 255]) } else { LumaA([0, 0]) });
            }
            check(glass.into(), &["ON NOTHING"]);
        }
    }

    #[test]
    fn a_picture_without_a_code_says_so() {
        check(GrayImage::from_pixel(300, 200, Luma([255])).into(), &[]);
        check(GrayImage::new(1, 1).into(), &[]);
        assert!(DecodeError::NoCode.to_string().contains("hold the camera closer"));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0garbage", b"GIF89a"] {
            assert!(matches!(decode(bytes), Err(DecodeError::NotAPicture(_))), "{bytes:?}");
        }
        let whole = png(&sheet(&["CUT OFF"]).into());
        assert!(matches!(decode(&whole[..whole.len() / 2]), Err(DecodeError::NotAPicture(_))));
    }

    #[test]
    fn a_small_file_that_unpacks_to_gigabytes_is_refused_by_its_header() {
        let mut bomb = Vec::new();
        image::codecs::png::PngEncoder::new(&mut bomb)
            .write_image(&[0], 1, 1, ExtendedColorType::L8)
            .expect("encodes");
        bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        let checksum = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        let started = cpu();
        assert!(matches!(
            decode(&bomb),
            Err(DecodeError::TooLarge {
                width: 65_535,
                height: 65_535
            })
        ));
        // Whoever only sees its pixels needs many seconds.
        assert!(cpu() - started < 1.0, "{} s", cpu() - started);
        assert!(matches!(decode_luma(&[], 65_535, 65_535), Err(DecodeError::TooLarge { .. })));
    }

    #[test]
    fn pixels_that_are_not_as_many_as_promised_are_refused() {
        assert!(matches!(decode_luma(&[0; 99], 10, 10), Err(DecodeError::NotAPicture(_))));
    }

    #[test]
    fn a_picture_full_of_finder_patterns_takes_bounded_time() {
        let finder = GrayImage::from_fn(36, 36, |x, y| {
            let (x, y) = ((x / 4).wrapping_sub(1), (y / 4).wrapping_sub(1));
            let ring = |low: u32, high: u32| (low..=high).contains(&x) && (low..=high).contains(&y);
            Luma([if ring(2, 4) || (ring(0, 6) && !ring(1, 5)) { 0 } else { 255 }])
        });
        let mut wall = GrayImage::from_pixel(3_600, 3_300, Luma([255]));
        for index in 0..100 * 91 {
            imageops::overlay(&mut wall, &finder, i64::from(index % 100 * 36), i64::from(index / 100 * 36));
        }
        let started = cpu();
        check(wall.into(), &[]);
        assert!(cpu() - started < 60.0, "{} s", cpu() - started);
    }

    /// Seconds that this thread has worked: what others do meanwhile does not count.
    fn cpu() -> f64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(
                crc ^ u32::from(*byte),
                |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
            )
        })
    }
}
