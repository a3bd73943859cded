//! QR codes out: on a terminal, as SVG, as PNG. Always at level M with the quiet zone of four modules that scanners need.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use qrcode::{Color, EcLevel, QrCode, types::QrError};
use std::fmt::Write;
use thiserror::Error;

/// Light modules on each side.
pub const QUIET_MODULES: usize = 4;
/// Least pixels a module in a PNG: decoders need 2.5, print needs 4.
pub const MIN_MODULE_PIXELS: u32 = 4;
/// Most pixels a module in a PNG.
pub const MAX_MODULE_PIXELS: u32 = 64;

/// Why a text can't become a code.
#[derive(Debug, Error)]
pub enum CodeError {
    /// Longer than a QR code can be.
    #[error("the text has {0} bytes, which is more than a QR code holds at level M; shorten it (about 2,300 bytes fit)")]
    TooLong(usize),
    /// Cannot be encoded.
    #[error("no QR code can be made of this text: {0}")]
    Other(String),
}

/// How a code is drawn on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Sets black and white itself: right on every terminal with colours.
    Colours,
    /// Without colours, on a terminal with light text on dark: blocks are light.
    DarkBackground,
    /// Without colours, on dark text on light, or in a text file that is printed: blocks are dark.
    LightBackground,
}

/// A QR code.
#[derive(Clone, Debug)]
pub struct Code {
    dark: Vec<bool>,
    width: usize,
}

impl Code {
    /// The smallest code at level M. Upper-case letters, digits and `$%*+-./:` and space need the least room.
    ///
    /// # Errors
    /// The text is too long.
    pub fn new(text: &str) -> Result<Code, CodeError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| match error {
            QrError::DataTooLong => CodeError::TooLong(text.len()),
            other => CodeError::Other(other.to_string()),
        })?;
        Ok(Code {
            width: code.width(),
            dark: code.into_colors().into_iter().map(|color| color == Color::Dark).collect(),
        })
    }

    /// Modules on a side, without the quiet zone.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The version, 1 to 40.
    pub fn version(&self) -> usize {
        self.width.saturating_sub(17) / 4
    }

    /// Modules on a side, with the quiet zone.
    pub fn full_width(&self) -> usize {
        self.width + 2 * QUIET_MODULES
    }

    /// Whether a module is dark; counted with the quiet zone, and light everywhere outside.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        match (x.checked_sub(QUIET_MODULES), y.checked_sub(QUIET_MODULES)) {
            (Some(x), Some(y)) if x < self.width && y < self.width => self.dark[y * self.width + x],
            _ => false,
        }
    }

    /// Lines of half blocks: one character is two modules high.
    pub fn terminal(&self, terminal: Terminal) -> String {
        let inked = |x, y| self.is_dark(x, y) == (terminal != Terminal::DarkBackground);
        let mut text = String::new();
        for y in (0..self.full_width()).step_by(2) {
            if terminal == Terminal::Colours {
                text.push_str("\x1b[38;5;16m\x1b[48;5;231m");
            }
            for x in 0..self.full_width() {
                // An odd last row has nothing below it: without colours that half stays the terminal's own.
                let below = y + 1 < self.full_width() && inked(x, y + 1);
                text.push(match (inked(x, y), below) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str(if terminal == Terminal::Colours { "\x1b[0m\n" } else { "\n" });
        }
        text
    }

    /// A picture without a fixed size: one unit is one module. Dark modules are one path, so that no seams show in print.
    pub fn svg(&self) -> String {
        let side = self.full_width();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"QR code\">\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\""
        );
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let run = (x..side).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    // Writing to a string can't fail.
                    let _ = write!(svg, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        svg.push_str("\"/></svg>\n");
        svg
    }

    /// Grey pixels, row by row, and their number on a side.
    pub fn pixels(&self, module_pixels: u32) -> (Vec<u8>, u32) {
        let module = module_pixels.clamp(MIN_MODULE_PIXELS, MAX_MODULE_PIXELS) as usize;
        let side = self.full_width() * module;
        let pixels = (0..side * side).map(|index| {
            if self.is_dark(index % side / module, index / side / module) {
                0
            } else {
                255
            }
        });
        (pixels.collect(), side as u32)
    }

    /// A PNG with that many pixels a module, at least [`MIN_MODULE_PIXELS`] and at most [`MAX_MODULE_PIXELS`].
    ///
    /// # Errors
    /// The encoder refused, which it has no reason to.
    pub fn png(&self, module_pixels: u32) -> Result<Vec<u8>, CodeError> {
        let (pixels, side) = self.pixels(module_pixels);
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&pixels, side, side, ExtendedColorType::L8)
            .map_err(|error| CodeError::Other(error.to_string()))?;
        Ok(png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{decode, decode_luma};

    const CODE: &str = "HTTPS://KIOSK.EXAMPLE:8443/M/AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAI";

    /// Whatever is drawn is read again by a decoder that knows nothing of how it was drawn.
    fn check(text: &str) {
        let code = Code::new(text).expect("encodes");
        assert_eq!(decode(&code.png(4).expect("png")).expect("decodes"), [text]);
        for terminal in [Terminal::Colours, Terminal::DarkBackground, Terminal::LightBackground] {
            let (pixels, width, height) = photograph(&code.terminal(terminal), terminal);
            assert_eq!(decode_luma(&pixels, width, height).expect("decodes"), [text], "{terminal:?}");
        }
        let (pixels, width) = rasterise(&code.svg());
        assert_eq!(decode_luma(&pixels, width, width).expect("decodes"), [text]);
    }

    /// As a terminal shows it: 4 × 8 pixels a character, in a window that is one character larger on each side.
    fn photograph(text: &str, terminal: Terminal) -> (Vec<u8>, u32, u32) {
        let (ink, paper) = if terminal == Terminal::DarkBackground { (255, 0) } else { (0, 255) };
        let window = if terminal == Terminal::LightBackground { 255 } else { 0 };
        let plain = text.replace("\x1b[38;5;16m\x1b[48;5;231m", "").replace("\x1b[0m", "");
        let lines: Vec<Vec<char>> = plain.lines().map(|line| line.chars().collect()).collect();
        let (columns, rows) = (lines[0].len() + 2, lines.len() + 2);
        let mut pixels = vec![window; columns * 4 * rows * 8];
        for (y, row) in pixels.chunks_mut(columns * 4).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let (Some(column), Some(line)) = ((x / 4).checked_sub(1), (y / 8).checked_sub(1)) else {
                    continue;
                };
                let Some(character) = lines.get(line).and_then(|line| line.get(column)) else {
                    continue;
                };
                let inked = matches!((character, y % 8 < 4), ('█', _) | ('▀', true) | ('▄', false));
                *pixel = if inked { ink } else { paper };
            }
        }
        (pixels, columns as u32 * 4, rows as u32 * 8)
    }

    /// Draws the subset of SVG that `svg` writes.
    fn rasterise(svg: &str) -> (Vec<u8>, u32) {
        let between = |text: &str, from: &str, to: &str| text.split(from).nth(1).and_then(|rest| rest.split(to).next()).map(str::to_owned);
        let side: usize = between(svg, "viewBox=\"0 0 ", " ").expect("a view box").parse().expect("a number");
        let mut modules = vec![255; side * side];
        for run in between(svg, " d=\"", "\"").expect("a path").split_terminator('z') {
            let run = run.strip_prefix('M').expect("moves first");
            let (place, rest) = run.split_once('h').expect("then draws");
            let (x, y) = place.split_once(' ').expect("two numbers");
            let (x, y): (usize, usize) = (x.parse().expect("x"), y.parse().expect("y"));
            let length: usize = rest.split('v').next().expect("a length").parse().expect("a number");
            modules[y * side + x..y * side + x + length].fill(0);
        }
        let pixels = (0..side * 4 * side * 4).map(|index| modules[index / (side * 4) / 4 * side + index % (side * 4) / 4]);
        (pixels.collect(), side as u32 * 4)
    }

    #[test]
    fn what_is_drawn_can_be_read() {
        check(CODE);
        check("hello");
        check("桌 7");
        // Every version up to 10, odd and even numbers of rows among them.
        for length in (1..=200).step_by(23) {
            check(&"A7".repeat(length)[..length]);
        }
    }

    #[test]
    fn scan_codes_are_of_version_four() {
        let longest = format!("HTTPS://{}", "A".repeat(82));
        assert_eq!(longest.len(), 90);
        assert_eq!(Code::new(&longest).expect("encodes").version(), 4);
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        let error = Code::new(&"x".repeat(5_000)).expect_err("too long");
        assert!(error.to_string().contains("5000 bytes"), "{error}");
    }
}
