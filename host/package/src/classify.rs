//! What a foreign code is, so that the person can be told.

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
    let _ = text;
    todo!()
}
