//! Sheets to print: one code a table, as A6 tent cards or as an A4 list.

use crate::qr::{Code, CodeError};
use std::fmt::Write;

/// What stands on one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poster {
    /// The program's name in Chinese.
    pub name_zh: String,
    /// The program's name in English.
    pub name_en: String,
    /// Where the card stands, such as "T7"; empty for a program as a whole.
    pub place: String,
    /// Text of the code.
    pub code: String,
    /// Where the code leads, for people, such as "http://192.168.1.5:8080".
    pub address: String,
    /// Whether the address only means something on the machine that made it.
    pub this_machine_only: bool,
}

/// How cards stand on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// One card a page of A6, to be folded and put on a table.
    TentA6,
    /// Four cards a page of A4, to be cut.
    SheetA4,
}

/// Where the page's style comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// In the page, for a file that is opened and printed.
    Inline,
    /// From an address: a page that a kiosk serves may not hold its style itself.
    Linked(&'static str),
}

/// The style of [`page`].
pub const CSS: &str = include_str!("posters.css");

const MARK: &str = include_str!("../page/mark.svg");

/// A page that prints as it is, in both languages.
///
/// # Errors
/// A text that does not fit into a code.
pub fn page(posters: &[Poster], paper: Paper, style: Style) -> Result<String, CodeError> {
    let mut html =
        String::from("<!doctype html>\n<html lang=\"zh-CN\">\n<meta charset=\"utf-8\">\n<title>Youji 有机 · 桌码 Table codes</title>\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    match style {
        Style::Inline => html.extend(["<style>\n", CSS, "</style>\n"]),
        Style::Linked(address) => html.extend(["<link rel=\"stylesheet\" href=\"", &escape(address), "\">\n"]),
    }
    html.push_str(match paper {
        Paper::TentA6 => "<body class=\"tent\">\n<main>\n",
        Paper::SheetA4 => "<body class=\"sheet\">\n<main>\n",
    });
    for poster in posters {
        card(&mut html, poster)?;
    }
    if posters.is_empty() {
        html.push_str("<p>还没有可打印的小程序。 No program to print codes for yet.</p>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(html)
}

fn card(html: &mut String, poster: &Poster) -> Result<(), CodeError> {
    let code = Code::new(&poster.code)?.svg();
    // Writing to a string can't fail.
    let _ = write!(
        html,
        "<article class=\"card\">\n<header>{MARK}<span class=\"brand\">有机 <span lang=\"en\">Youji</span></span></header>\n\
         <h1>{zh}<span lang=\"en\">{en}</span></h1>\n",
        zh = escape(&poster.name_zh),
        en = escape(&poster.name_en),
    );
    if !poster.place.is_empty() {
        let _ = writeln!(html, "<p class=\"place\">{}</p>", escape(&poster.place));
    }
    let _ = write!(
        html,
        "<div class=\"code\" role=\"img\" aria-label=\"QR\">{code}</div>\n\
         <p class=\"how\">扫码、使用、离开，不留痕迹<span lang=\"en\">Scan, use, leave. Nothing stays behind.</span></p>\n"
    );
    if poster.this_machine_only {
        html.push_str(
            "<p class=\"only\">这个二维码只在制作它的这台机器上有效；手机请用 --lan 重新制作。\
             <span lang=\"en\">This code only works at the machine that made it. For phones, make it again with --lan.</span></p>\n",
        );
    }
    let _ = writeln!(html, "<p class=\"address\">{}</p>\n</article>", escape(&poster.address));
    Ok(())
}

/// Whether an address such as `http://localhost:8080` only means something on this machine.
pub fn is_this_machine_only(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or("").to_ascii_lowercase();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or("").to_owned(),
        None => host.split(':').next().unwrap_or("").to_owned(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poster(address: &str) -> Poster {
        Poster {
            name_zh: "小馆 <b>".to_owned(),
            name_en: "Bistro & Bar".to_owned(),
            place: "T7".to_owned(),
            code: format!("{}/M/ABCDEFGHIJKLMNOP", address.to_ascii_uppercase()),
            address: address.to_owned(),
            this_machine_only: is_this_machine_only(address),
        }
    }

    #[test]
    fn a_card_has_its_names_its_place_and_its_code() {
        let html = page(&[poster("http://10.0.0.4:8080")], Paper::TentA6, Style::Inline).expect("a page");
        for part in [
            "小馆 &lt;b&gt;",
            "Bistro &amp; Bar",
            ">T7<",
            "http://10.0.0.4:8080",
            "<style>",
            "class=\"tent\"",
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
        assert!(
            html.contains(
                Code::new("HTTP://10.0.0.4:8080/M/ABCDEFGHIJKLMNOP")
                    .expect("a code")
                    .svg()
                    .trim_end()
            )
        );
        assert!(!html.contains("only works at the machine"));
    }

    #[test]
    fn a_code_that_points_at_this_machine_only_says_so() {
        let html = page(
            &[poster("http://localhost:8080")],
            Paper::SheetA4,
            Style::Linked("/assets/posters.css"),
        )
        .expect("a page");
        assert!(html.contains("only works at the machine") && html.contains("只在制作它的这台机器上有效"));
        assert!(!html.contains("<style"), "a served page may not hold its style itself");
    }

    #[test]
    fn addresses_of_this_machine() {
        for (address, only) in [
            ("http://localhost:8080", true),
            ("HTTP://LOCALHOST", true),
            ("http://127.0.0.1:80/x", true),
            ("http://[::1]:8080", true),
            ("http://0.0.0.0:1", true),
            ("http://192.168.1.5:8080", false),
            ("https://localhost.example", false),
            ("https://kiosk.example", false),
        ] {
            assert_eq!(is_this_machine_only(address), only, "{address}");
        }
    }
}
