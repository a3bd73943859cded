//! `youji merchant`: who is paid here, and the keys of their own servers.

use crate::local::DataFolder;
use crate::out;
use anyhow::{Result, anyhow};
use clap::Subcommand;
use serde_json::json;
use std::process::ExitCode;
use youji_services::trade::MerchantId;
use youji_services::{Merchant, Names};

#[derive(clap::Args)]
#[command(after_help = "\
A merchant is enrolled under a publisher. With a key, its own server asks for payments over HTTP: see /v1/openapi.json of the kiosk. A key is shown once, when it is made; the host keeps a hash. The kiosk of that folder must not be open meanwhile: while it is, /api/operator/merchants does the same.

Exit codes: 0 done; 1 refused

Examples:
  youji merchant enrol --publisher ed25519-… --merchant stall --zh 小摊 --en 'Corner Stall'
  youji merchant key create --publisher ed25519-… --merchant stall --name till-1
  youji merchant key list --publisher ed25519-… --merchant stall --json
  youji merchant key revoke --publisher ed25519-… --merchant stall ID")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Enrol a merchant under its stored name, or rename it
    Enrol(Enrol),
    /// Make, list and revoke keys
    #[command(subcommand)]
    Key(Key),
}

#[derive(clap::Args)]
struct Who {
    /// The publisher's id, as `youji publish` prints it
    #[arg(long, value_name = "ID")]
    publisher: String,
    /// The merchant's id under it: a-z, 0-9, "-" and "."; empty: the publisher itself
    #[arg(long, value_name = "ID", default_value = "")]
    merchant: String,
    #[command(flatten)]
    folder: DataFolder,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Enrol {
    #[command(flatten)]
    who: Who,
    /// Chinese name
    #[arg(long, default_value = "")]
    zh: String,
    /// English name
    #[arg(long, default_value = "")]
    en: String,
}

#[derive(Subcommand)]
enum Key {
    /// Make one; it is shown now and never again
    Create {
        #[command(flatten)]
        who: Who,
        /// What you call it, such as the till that has it
        #[arg(long)]
        name: String,
    },
    /// All of a merchant's, without their secrets
    List {
        #[command(flatten)]
        who: Who,
    },
    /// From now on it opens nothing
    Revoke {
        #[command(flatten)]
        who: Who,
        /// As `list` prints it
        #[arg(value_name = "ID")]
        id: String,
    },
}

impl Who {
    fn id(&self) -> MerchantId {
        MerchantId::new(self.publisher.as_str(), self.merchant.as_str())
    }

    fn say(&self, object: &serde_json::Value, text: impl std::fmt::Display) {
        match self.json {
            true => out::line(object.to_string()),
            false => out::line(text.to_string()),
        }
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let refused = |failure: youji_api::Failure| anyhow!("{} ({})", failure.message, failure.code);
    match arguments.what {
        What::Enrol(Enrol { who, zh, en }) => {
            let merchant = Merchant {
                publisher: who.publisher.as_str().into(),
                id: who.merchant.clone(),
                name: Names::new(zh, en),
            };
            who.folder
                .with_host(async |host| host.services().enrol_merchant(merchant).await.map_err(refused))?;
            who.say(&json!({"publisher": who.publisher, "merchant": who.merchant}), "Enrolled.");
        }
        What::Key(Key::Create { who, name }) => {
            let made = who
                .folder
                .with_host(async |host| host.services().make_merchant_key(&who.id(), &name).await.map_err(refused));
            let (key, token) = made?;
            who.say(
                &json!({"key": key, "token": token}),
                format_args!("{token}\nThis is the only time that it is shown. Its id is {}.", key.id),
            );
        }
        What::Key(Key::List { who }) => {
            let keys = who.folder.with_host(async |host| Ok(host.services().merchant_keys(&who.id())))?;
            let line = |key: &youji_services::trade::MerchantKey| {
                let state = if key.revoked_at.is_some() { "revoked" } else { "good" };
                format!("{}  {state}  {}", key.id, key.name)
            };
            let lines: Vec<String> = keys.iter().map(line).collect();
            let text = if lines.is_empty() {
                "No keys.".to_owned()
            } else {
                lines.join("\n")
            };
            who.say(&json!({"keys": keys}), text);
        }
        What::Key(Key::Revoke { who, id }) => {
            who.folder
                .with_host(async |host| host.services().revoke_merchant_key(&who.id(), &id).await.map_err(refused))?;
            who.say(&json!({"revoked": id}), "Revoked.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
