//! A room: rows of a shared collection whose keys begin with the room's name.

use crate::Msg;
use std::collections::BTreeMap;
use youji_sdk::text::number;
use youji_sdk::{Change, Ctx, Json, ListOptions, PutOptions};

pub(crate) const MESSAGES: &str = "messages";
/// Lines that are shown.
const SHOWN: usize = 50;
/// How long the host keeps a line.
const KEPT_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// What somebody said.
pub(crate) struct Line {
    pub(crate) version: u64,
    /// Open id of who said it: stamped by the host, so nobody speaks for another.
    pub(crate) owner: String,
    /// As they called themselves; empty: a guest. Anybody may choose any name.
    pub(crate) name: String,
    pub(crate) text: String,
}

pub(crate) struct Room {
    pub(crate) name: String,
    /// By key: the time at which they were said comes first in it.
    pub(crate) lines: BTreeMap<String, Line>,
}

impl Room {
    /// What the printed code says is the room's name; without one it is the lobby.
    pub(crate) fn of_scene(scene: &str) -> Room {
        let kept = scene.chars().filter(char::is_ascii_alphanumeric);
        Room {
            name: kept.map(|letter| letter.to_ascii_lowercase()).collect(),
            lines: BTreeMap::new(),
        }
    }

    pub(crate) fn prefix(&self) -> String {
        [self.name.as_str(), "-"].concat()
    }

    pub(crate) fn load(&mut self, ctx: &mut Ctx<Msg>) {
        let options = ListOptions::new().prefix(&self.prefix()).descending().limit(SHOWN as u32);
        match ctx.records().list(MESSAGES, options) {
            Ok(rows) => {
                self.lines.clear();
                for row in rows {
                    let owner = row.owner().to_owned();
                    self.put(row.key, row.version, owner, &row.value);
                }
            }
            Err(failure) => ctx.log_failure("reading the room", &failure),
        }
    }

    pub(crate) fn changed(&mut self, change: &Change) {
        if change.removed {
            self.lines.remove(&change.key);
        } else {
            let owner = change.fields.get_text("owner").to_owned();
            self.put(change.key.clone(), change.version, owner, &change.value);
        }
    }

    fn put(&mut self, key: String, version: u64, owner: String, value: &[u8]) {
        // Others may run another version of this program: what can't be read is left out.
        let Some(json) = Json::read(value) else { return };
        if self.lines.get(&key).is_some_and(|line| line.version > version) {
            return;
        }
        let line = Line {
            version,
            owner,
            name: json.get("name").as_text().to_owned(),
            text: json.get("text").as_text().to_owned(),
        };
        self.lines.insert(key, line);
        while self.lines.len() > SHOWN {
            self.lines.pop_first();
        }
    }

    /// Whether it was written. It is shown when the host says that it changed, like everybody else's.
    pub(crate) fn say(&mut self, name: &str, text: &str, ctx: &mut Ctx<Msg>) -> bool {
        let now = ctx.now();
        // Thirteen digits until the year 2286, so keys sort by time.
        let key = [&self.prefix(), number(now).as_str(), "-", &ctx.random_id()[..12]].concat();
        let value = Json::object().with("name", name).with("text", text).write();
        let options = PutOptions::new().expires_at(now + KEPT_MS);
        match ctx.records().put(MESSAGES, &key, 0, &value, options) {
            Ok(_) => true,
            Err(failure) => {
                ctx.log_failure("saying something", &failure);
                false
            }
        }
    }

    /// Whether it is gone; only who said it and staff may.
    pub(crate) fn remove(&mut self, key: &str, ctx: &mut Ctx<Msg>) -> bool {
        let Some(version) = self.lines.get(key).map(|line| line.version) else {
            return true;
        };
        match ctx.records().remove(MESSAGES, key, version) {
            Ok(()) => {
                self.lines.remove(key);
                true
            }
            Err(failure) => {
                ctx.log_failure("taking something back", &failure);
                false
            }
        }
    }
}
