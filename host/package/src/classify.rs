//! What a foreign code is, so that the person can be told.

use crate::address::{self, Address};
use crate::emv;
use crate::scancode;
use std::fmt;

/// What the text of a code seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// A mini-program code; its host as `HTTPS://HOST[:PORT]`.
    Youji {
        /// Where it belongs.
        origin: String,
    },
    /// A W3C MiniApp address.
    MiniApp,
    /// A web address; its host.
    Web {
        /// As in the address.
        host: String,
    },
    /// WeChat: a payment or a mini-program code.
    WeChat,
    /// Alipay.
    Alipay,
    /// A merchant code as EMVCo defines it (UnionPay, PromptPay, Pix and others).
    EmvMerchant,
    /// Wi-Fi credentials.
    WiFi,
    /// A business card (vCard, MeCard).
    Contact,
    /// Nothing at all.
    Empty,
    /// Some other text.
    Text,
}

impl CodeKind {
    /// Stable, for programs: "youji", "miniapp", "web", "wechat", "alipay", "emv", "wifi", "contact", "empty", "text".
    pub fn code(&self) -> &'static str {
        match self {
            CodeKind::Youji { .. } => "youji",
            CodeKind::MiniApp => "miniapp",
            CodeKind::Web { .. } => "web",
            CodeKind::WeChat => "wechat",
            CodeKind::Alipay => "alipay",
            CodeKind::EmvMerchant => "emv",
            CodeKind::WiFi => "wifi",
            CodeKind::Contact => "contact",
            CodeKind::Empty => "empty",
            CodeKind::Text => "text",
        }
    }
}

impl fmt::Display for CodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodeKind::Youji { origin } => write!(f, "a mini-program code of {origin}"),
            CodeKind::MiniApp => f.write_str("a MiniApp address"),
            CodeKind::Web { host } => write!(f, "a web address at {host}"),
            CodeKind::WeChat => f.write_str("a WeChat code"),
            CodeKind::Alipay => f.write_str("an Alipay code"),
            CodeKind::EmvMerchant => f.write_str("a bank's or wallet's merchant payment code"),
            CodeKind::WiFi => f.write_str("a Wi-Fi code"),
            CodeKind::Contact => f.write_str("a business card"),
            CodeKind::Empty => f.write_str("an empty code"),
            CodeKind::Text => f.write_str("plain text"),
        }
    }
}

/// What the text of a code seems to be. Never trust it for more than telling the person.
pub fn classify(text: &str) -> CodeKind {
    let text = text.trim();
    let lower: String = text.chars().take(HEAD).collect::<String>().to_ascii_lowercase();
    if text.is_empty() {
        return CodeKind::Empty;
    }
    if let Some((origin, _)) = scancode::split(text) {
        return CodeKind::Youji {
            origin: origin.to_string(),
        };
    }
    if text.len() <= address::MAX_BYTES && text.parse::<Address>().is_ok() {
        return CodeKind::MiniApp;
    }
    if let Some(kind) = by_scheme(&lower) {
        return kind;
    }
    if let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let name = host.split(':').next().unwrap_or_default();
        let of = |domain: &str| name == domain || name.strip_suffix(domain).is_some_and(|before| before.ends_with('.'));
        return match name {
            "" => CodeKind::Text,
            _ if WECHAT.into_iter().any(of) => CodeKind::WeChat,
            _ if ALIPAY.into_iter().any(of) => CodeKind::Alipay,
            _ => CodeKind::Web {
                host: host.chars().take(80).collect(),
            },
        };
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match (digits, text.len(), text.get(..2)) {
        // What wallets show to be scanned by a cashier: WeChat 18 digits from 10 to 15, Alipay 16 to 24 digits from 25 to 30.
        (true, 18, Some("10" | "11" | "12" | "13" | "14" | "15")) => CodeKind::WeChat,
        (true, 16..=24, Some("25" | "26" | "27" | "28" | "29" | "30")) => CodeKind::Alipay,
        _ if emv::is_whole(text) => CodeKind::EmvMerchant,
        _ => CodeKind::Text,
    }
}

/// How much of the start is looked at, in characters.
const HEAD: usize = 512;
const WECHAT: [&str; 5] = [
    "weixin.qq.com",
    "wechat.com",
    "mp.weixin.qq.com",
    "wx.tenpay.com",
    "payapp.weixin.qq.com",
];
const ALIPAY: [&str; 3] = ["alipay.com", "alipayobjects.com", "alipayplus.com"];

fn by_scheme(lower: &str) -> Option<CodeKind> {
    let schemes: [(&[&str], CodeKind); 4] = [
        (&["wxp://", "weixin://", "wechat://"], CodeKind::WeChat),
        (&["alipays://", "alipay://", "alipayqr://"], CodeKind::Alipay),
        (&["wifi:"], CodeKind::WiFi),
        (&["begin:vcard", "mecard:", "bizcard:"], CodeKind::Contact),
    ];
    schemes
        .into_iter()
        .find(|(prefixes, _)| prefixes.iter().any(|prefix| lower.starts_with(prefix)))
        .map(|(_, kind)| kind)
}
