//! The fake host as one session sees it.

use super::world::{FakeHost, Sent, Session, Sheet, Stored, Watch, World, event, refusal};
use crate::bindings::youji::miniapp::payment::Order;
use crate::bindings::youji::miniapp::records::Row;
use crate::bindings::youji::miniapp::types::{Failure, Field};
use crate::fields::{Fields, Scalar};
use crate::host::{Host, Ticket};

pub(super) struct Seat {
    pub(super) host: FakeHost,
    pub(super) session: u64,
}

type Answer<T> = Result<T, Failure>;

impl Seat {
    /// Every call passes here, as it passes the gate of a real host.
    fn call<T>(&self, name: &str, prompts: bool, run: impl FnOnce(&mut World, &mut Session) -> Answer<T>) -> Answer<T> {
        let world = &mut *self.host.0.borrow_mut();
        let mut session = world.sessions.remove(&self.session).expect("the session is alive");
        assert!(!session.in_view, "{name} was called inside view, which is pure");
        let capability = name.split('.').next().unwrap_or(name);
        // A permission for one field, such as "identity.nickname", is one for the interface, as at a real host.
        let names_it = |name: &String| name.split('.').next() == Some(capability);
        let declared = world.permissions.as_ref().is_none_or(|names| names.iter().any(names_it));
        let refused = world.refusals.iter().position(|(call, _)| call == name);
        let result = if let Some(at) = refused {
            Err(refusal(&world.refusals.remove(at).1, "refused by the test"))
        } else if !declared {
            Err(refusal(
                "undeclared",
                &format!("add {capability} to req_permissions in the manifest"),
            ))
        } else if prompts && !session.may_prompt {
            Err(refusal("needs-tap", "only after a tap or a payment"))
        } else {
            run(world, &mut session)
        };
        world.sessions.insert(self.session, session);
        result
    }

    fn sheet(&self, name: &'static str, order_no: &str, names: &[String]) -> Answer<Ticket> {
        self.call(name, true, |world, session| {
            let ticket = world.ticket();
            world.sheets.push(Sheet {
                person: session.person.clone(),
                ticket,
                call: name,
                order_no: order_no.to_owned(),
                names: names.to_vec(),
            });
            Ok(ticket)
        })
    }

    fn navigate(&self, name: &str, run: impl FnOnce(&mut Session) -> Answer<Vec<&'static str>>) -> Answer<()> {
        self.call(name, false, |_, session| {
            let under = session.pages.last().cloned();
            for code in run(session)? {
                let page = if code == "page-shown" || code == "navigated-back" {
                    session.pages.last().cloned()
                } else {
                    under.clone()
                };
                let (path, query) = page.unwrap_or_default();
                session.queue.push_back(event(code, 0, query.text("page", path)));
            }
            Ok(())
        })
    }
}

fn query_of(query: &[Field]) -> Fields {
    let prefixed = query.iter().map(|field| (["query.", &field.name].concat(), field.value.clone()));
    prefixed.fold(Fields::new(), |fields, (name, value)| fields.with(&name, value))
}

fn place(collection: &str, key: &str) -> (String, String) {
    (collection.to_owned(), key.to_owned())
}

fn same(a: &Order, b: &Order) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

impl Host for Seat {
    fn identity_open_id(&mut self) -> Answer<String> {
        self.call("identity.open-id", false, |_, session| Ok(session.person.clone()))
    }
    fn identity_union_id(&mut self) -> Answer<String> {
        self.call("identity.union-id", false, |_, session| Ok(["union-", &session.person].concat()))
    }
    fn identity_profile(&mut self, names: &[String], _: &[Field]) -> Answer<Ticket> {
        self.sheet("identity.profile", "", names)
    }
    fn identity_login_code(&mut self, _: &[Field]) -> Answer<String> {
        self.call("identity.login-code", false, |world, _| Ok(format!("code-{}", world.ticket())))
    }
    fn payment_pay(&mut self, order: &Order) -> Answer<Ticket> {
        self.call("payment.pay", true, |world, session| {
            match world.orders.get(&order.order_no) {
                Some((person, known, _)) if *person != session.person || !same(known, order) => {
                    return Err(refusal("taken", "that order number stands for something else"));
                }
                Some((_, _, state)) if state == "succeeded" => return Err(refusal("taken", "already paid")),
                _ => {}
            }
            let known = (session.person.clone(), order.clone(), "pending".to_owned());
            world.orders.insert(order.order_no.clone(), known);
            Ok(())
        })?;
        self.sheet("payment.pay", &order.order_no, &[])
    }
    fn payment_lookup(&mut self, order_no: &str, _: &[Field]) -> Answer<Vec<Field>> {
        self.call("payment.lookup", false, |world, session| {
            let order = world
                .orders
                .get(order_no)
                .filter(|(person, ..)| *person == session.person || !session.roles.is_empty());
            let (_, order, state) = order.ok_or_else(|| refusal("not-found", "no such order"))?;
            let amount = i64::try_from(order.amount).unwrap_or(i64::MAX);
            Ok(Fields::new().text("state", state.as_str()).integer("amount", amount).0)
        })
    }
    fn payment_act(&mut self, order_no: &str, _: &str, _: &[Field]) -> Answer<Ticket> {
        self.sheet("payment.act", order_no, &[])
    }
    fn messaging_subscribe(&mut self, templates: &[String], _: &[Field]) -> Answer<Ticket> {
        self.sheet("messaging.subscribe", "", templates)
    }
    fn messaging_send(&mut self, to: &str, template: &str, fields: &[Field], client_id: &str, _: &[Field]) -> Answer<u64> {
        self.call("messaging.send", false, |world, _| {
            if let Some(at) = world.sent.iter().position(|(id, _)| id == client_id) {
                return Ok(at as u64 + 1);
            }
            if !world.allowed.contains(&(to.to_owned(), template.to_owned())) {
                return Err(refusal("denied", "that person did not allow the template"));
            }
            let sent = Sent {
                to: to.to_owned(),
                template: template.to_owned(),
                fields: Fields(fields.to_vec()),
            };
            world.sent.push((client_id.to_owned(), sent));
            Ok(world.sent.len() as u64)
        })
    }
    fn messaging_share(&mut self, _: &str, _: &str, _: &[Field], _: &[Field]) -> Answer<Ticket> {
        self.sheet("messaging.share", "", &[])
    }
    fn storage_get(&mut self, key: &str) -> Answer<Option<Vec<u8>>> {
        self.call("storage.get", false, |world, session| {
            Ok(world.storage.get(&place(&session.person, key)).cloned())
        })
    }
    fn storage_set(&mut self, key: &str, value: &[u8]) -> Answer<()> {
        self.call("storage.set", false, |world, session| {
            world.storage.insert(place(&session.person, key), value.to_vec());
            Ok(())
        })
    }
    fn storage_remove(&mut self, key: &str) -> Answer<()> {
        self.call("storage.remove", false, |world, session| {
            world.storage.remove(&place(&session.person, key));
            Ok(())
        })
    }
    fn storage_keys(&mut self) -> Answer<Vec<String>> {
        self.call("storage.keys", false, |world, session| {
            let mine = world.storage.keys().filter(|(person, _)| *person == session.person);
            Ok(mine.map(|(_, key)| key.clone()).collect())
        })
    }
    fn records_get(&mut self, collection: &str, key: &str) -> Answer<Option<Row>> {
        self.call("records.get", false, |world, session| {
            let at = place(collection, key);
            Ok(world.row(&at).filter(|_| world.may(&session.person, &session.roles, &at, false)))
        })
    }
    fn records_put(&mut self, collection: &str, key: &str, expected: u64, value: &[u8], options: &[Field]) -> Answer<u64> {
        let result = self.call("records.put", false, |world, session| {
            let at = place(collection, key);
            if !world.may(&session.person, &session.roles, &at, true) {
                return Err(refusal("forbidden", "the collection's writers do not include this person"));
            }
            let now = world.now;
            let parties = Fields(options.to_vec());
            let parties: Vec<String> = parties.get_text("parties").split_whitespace().map(str::to_owned).collect();
            let found = world.rows.get(&at).map_or(0, |row| row.version);
            if found != expected {
                return Err(refusal("conflict", "somebody else was first"));
            }
            let stored = world.rows.entry(at).or_insert_with(|| Stored {
                value: Vec::new(),
                version: 0,
                owner: session.person.clone(),
                writer: String::new(),
                created: now,
                written: now,
                paid: Fields::new(),
                parties: Vec::new(),
            });
            stored.value = value.to_vec();
            stored.version += 1;
            stored.writer = session.person.clone();
            stored.written = now;
            if !parties.is_empty() {
                stored.parties = parties;
            }
            Ok(stored.version)
        });
        if result.is_ok() {
            self.host.0.borrow_mut().notify(&place(collection, key), false);
        }
        result
    }
    fn records_remove(&mut self, collection: &str, key: &str, expected: u64) -> Answer<()> {
        self.call("records.remove", false, |world, session| {
            let at = place(collection, key);
            if !world.may(&session.person, &session.roles, &at, true) {
                return Err(refusal("forbidden", "the collection's writers do not include this person"));
            }
            match world.rows.get(&at) {
                Some(row) if row.version == expected => {
                    world.notify(&at, true);
                    world.rows.remove(&at);
                    Ok(())
                }
                Some(_) => Err(refusal("conflict", "somebody else was first")),
                None => Err(refusal("not-found", "no such row")),
            }
        })
    }
    fn records_list(&mut self, collection: &str, options: &[Field]) -> Answer<Vec<Row>> {
        self.call("records.list", false, |world, session| {
            let options = Fields(options.to_vec());
            let owner = match options.get_text("owner") {
                "me" => session.person.as_str(),
                owner => owner,
            };
            let descending = options.get_flag("descending");
            let limit = options.get_count("limit").unwrap_or(50).min(100) as usize;
            let after = options.get_text("after");
            let mut rows: Vec<Row> = Vec::new();
            for (at, stored) in &world.rows {
                let beyond = after.is_empty() || if descending { at.1.as_str() < after } else { at.1.as_str() > after };
                let wanted = at.0 == collection && at.1.starts_with(options.get_text("prefix")) && beyond;
                if wanted && (owner.is_empty() || stored.owner == owner) && world.may(&session.person, &session.roles, at, false) {
                    rows.extend(world.row(at));
                }
            }
            if descending {
                rows.reverse();
            }
            rows.truncate(limit);
            Ok(rows)
        })
    }
    fn records_watch(&mut self, collection: &str, options: &[Field]) -> Answer<Ticket> {
        self.call("records.watch", false, |world, session| {
            let options = Fields(options.to_vec());
            let ticket = world.ticket();
            session.watches.push(Watch {
                ticket,
                collection: collection.to_owned(),
                key: options.get_text("key").to_owned(),
                prefix: options.get_text("prefix").to_owned(),
            });
            Ok(ticket)
        })
    }
    fn records_unwatch(&mut self, ticket: Ticket) -> Answer<()> {
        self.call("records.unwatch", false, |_, session| {
            session.watches.retain(|watch| watch.ticket != ticket);
            Ok(())
        })
    }
    fn timer_wake_after(&mut self, milliseconds: u64) -> Answer<Ticket> {
        self.call("timer.wake-after", false, |world, session| {
            let ticket = world.ticket();
            session.timers.push((ticket, world.now + milliseconds));
            Ok(ticket)
        })
    }
    fn timer_cancel(&mut self, ticket: Ticket) -> Answer<()> {
        self.call("timer.cancel", false, |_, session| {
            session.timers.retain(|(timer, _)| *timer != ticket);
            Ok(())
        })
    }
    fn navigation_push(&mut self, path: &str, query: &[Field]) -> Answer<()> {
        self.navigate("navigation.push", |session| {
            if session.pages.len() >= 10 {
                return Err(refusal("limit", "the stack holds 10 pages"));
            }
            session.pages.push((path.to_owned(), query_of(query)));
            Ok(vec!["page-hidden", "page-shown"])
        })
    }
    fn navigation_replace(&mut self, path: &str, query: &[Field]) -> Answer<()> {
        self.navigate("navigation.replace", |session| {
            session.pages.pop();
            session.pages.push((path.to_owned(), query_of(query)));
            Ok(vec!["page-unloaded", "page-shown"])
        })
    }
    fn navigation_back(&mut self) -> Answer<()> {
        self.navigate("navigation.back", |session| {
            if session.pages.len() < 2 {
                return Err(refusal("not-found", "this is the first page"));
            }
            session.pages.pop();
            Ok(vec!["page-unloaded", "navigated-back", "page-shown"])
        })
    }
    fn navigation_close(&mut self) -> Answer<()> {
        self.call("navigation.close", false, |_, session| {
            session.closed = true;
            Ok(())
        })
    }
    fn navigation_open(&mut self, _: &str, _: &str, _: &[Field]) -> Answer<Ticket> {
        self.sheet("navigation.open", "", &[])
    }
    fn scanner_scan(&mut self, _: &[Field]) -> Answer<Ticket> {
        self.sheet("scanner.scan", "", &[])
    }
    fn location_locate(&mut self, _: &[Field]) -> Answer<Ticket> {
        self.sheet("location.locate", "", &[])
    }
    fn clock_now(&mut self) -> u64 {
        self.call("clock.now", false, |world, _| Ok(world.now))
            .unwrap_or_else(|failure| panic!("{}", failure.message))
    }
    fn random_bytes(&mut self, length: u32) -> Vec<u8> {
        let bytes = self.call("random.bytes", false, |world, _| {
            let next = |_| {
                world.random ^= world.random << 13;
                world.random ^= world.random >> 7;
                world.random ^= world.random << 17;
                (world.random >> 24) as u8
            };
            Ok((0..length).map(next).collect())
        });
        bytes.unwrap_or_else(|failure| panic!("{}", failure.message))
    }
    fn log_write(&mut self, level: &str, message: &str) {
        let line = [level, " ", message].concat();
        let written = self.call("log.write", false, |_, session| {
            session.log.push(line);
            Ok(())
        });
        written.unwrap_or_else(|failure| panic!("{}", failure.message));
    }
}

/// The text of an attribute.
pub(super) fn attribute<'a>(attributes: &'a [Field], name: &str) -> &'a str {
    attributes
        .iter()
        .find_map(|field| match &field.value {
            Scalar::Text(text) if field.name == name => Some(text.as_str()),
            _ => None,
        })
        .unwrap_or("")
}
