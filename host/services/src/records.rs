//! Records: the program's shared collections, compare-and-set, stamped by the host.

use crate::change::Change;
use crate::keys;
use crate::order::row_name;
use crate::rows::rule;
use crate::services::{Services, check_name, invalid, key_failure, limit, not_found};
use crate::state::{RowState, State};
use std::collections::BTreeMap;
use std::ops::Bound;
use youji_api::caller::{Audience, Caller, CollectionRule};
use youji_api::{Failure, Fields, PersonId, ProgramId, Reply, Row, codes};

/// Rows that one page of a list has at most, and unless told.
const PAGE_MOST: usize = 100;
const PAGE: usize = 50;

/// What the options of a put say; absent: left as it was.
#[derive(Default)]
struct Wishes {
    parties: Option<Vec<String>>,
    under: Option<(String, String)>,
    expires_at: Option<u64>,
    owner: Option<String>,
}

/// A page of a list: after which key, how many, which ones.
struct Page {
    after: Option<String>,
    limit: usize,
    prefix: String,
    owner: Option<String>,
    descending: bool,
}

fn conflict() -> Failure {
    Failure::new(codes::CONFLICT, "the row has another version, or is not there; read it again")
}

fn forbidden() -> Failure {
    Failure::new(codes::FORBIDDEN, "the manifest does not let this person write this row")
}

fn whole(name: &str, options: &Fields) -> Result<Option<u64>, Failure> {
    let Some(value) = options.get(name) else { return Ok(None) };
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number
        .map(Some)
        .ok_or_else(|| invalid(format!("option \"{name}\": a whole number expected")))
}

impl Services {
    fn rule_of<'a>(&self, caller: &'a Caller, collection: &str) -> Result<&'a CollectionRule, Failure> {
        rule(caller, collection).ok_or_else(|| not_found(format!("collection \"{collection}\" is not in the manifest")))
    }

    fn row_key(&self, key: &str) -> Result<(), Failure> {
        check_name("record key", key, self.config.limits.key_chars)
    }

    /// Whose key seals a row.
    pub(crate) fn sealer(&self, program: &ProgramId, row: &RowState) -> PersonId {
        match (&row.owner, row.common) {
            (Some(owner), false) => self.own_name(owner, program),
            _ => program_key(program),
        }
    }

    /// Rows of the projection: durable ones, each with the value that belongs to it.
    pub(crate) async fn open_rows(
        &self,
        program: &ProgramId,
        collection: &str,
        names: &[String],
    ) -> Result<Vec<Option<(RowState, Vec<u8>)>>, Failure> {
        let mut rows = Vec::new();
        for name in names {
            rows.push(keys::row(&program.0, collection, name));
            rows.push(keys::row_value(&program.0, collection, name));
        }
        let found = self.fetch(&rows).await?;
        let mut opened = Vec::with_capacity(names.len());
        for (name, pair) in names.iter().zip(found.chunks(2)) {
            let mut one = self.open_row(program, collection, name, pair);
            for _ in 0..3 {
                if !matches!(one, Some(None)) {
                    break;
                }
                // Row and value of different writes: a writer was between the two looks.
                let places = [
                    keys::row(&program.0, collection, name),
                    keys::row_value(&program.0, collection, name),
                ];
                one = self.open_row(program, collection, name, &self.fetch(&places).await?);
            }
            opened.push(one.flatten());
        }
        Ok(opened)
    }

    /// None: no such row. Some(None): row and value do not belong together, or its owner was just forgotten.
    fn open_row(&self, program: &ProgramId, collection: &str, key: &str, pair: &[Option<Vec<u8>>]) -> Option<Option<(RowState, Vec<u8>)>> {
        let [Some(row), Some(value)] = pair else { return None };
        let row: RowState = serde_json::from_slice(row).ok()?;
        let (written, sealed) = value.split_first_chunk::<8>()?;
        if u64::from_be_bytes(*written) != row.written {
            return Some(None);
        }
        let purpose = row_purpose(program, collection, key);
        let opened = self.unseal(&self.sealer(program, &row), &purpose, sealed);
        Some(opened.ok().map(|value| (row, value)))
    }

    pub(crate) async fn records_get(&self, caller: &Caller, collection: &str, key: &str) -> Result<Reply, Failure> {
        let rule = self.rule_of(caller, collection)?;
        self.row_key(key)?;
        let mut found = self.open_rows(&caller.program, collection, &[key.to_owned()]).await?;
        Ok(Reply::Row(
            found
                .pop()
                .flatten()
                .and_then(|(row, value)| self.readable(caller, rule, key, row, value)),
        ))
    }

    /// The row as the caller sees it, if they may.
    pub(crate) fn readable(&self, caller: &Caller, rule: &CollectionRule, key: &str, row: RowState, value: Vec<u8>) -> Option<Row> {
        let open_id = self.open_id(&caller.person, &caller.program);
        let may = row.alive(self.now()) && self.state.read().belongs(caller, open_id.as_str(), &rule.readers, &row);
        may.then(|| Row {
            key: key.to_owned(),
            value,
            version: row.version,
            stamps: row.stamps(),
        })
    }

    pub(crate) async fn records_put(
        &self,
        caller: &Caller,
        collection: &str,
        key: &str,
        expected: u64,
        value: &[u8],
        options: &Fields,
    ) -> Result<Reply, Failure> {
        let rule = self.rule_of(caller, collection)?.clone();
        self.row_key(key)?;
        let limits = &self.config.limits;
        if value.len() > limits.record_value_bytes {
            return Err(limit(format!(
                "a row has at most {} bytes, {} came",
                limits.record_value_bytes,
                value.len()
            )));
        }
        let wishes = self.wishes(caller, options)?;
        let open_id = self.open_id(&caller.person, &caller.program);
        // Sealed before it is decided, so for the owner that it has now; if that changes meanwhile, so does the version.
        let holder = self.holder_for(caller, &rule, key, expected, &wishes).await?;
        let seal_as = match (&holder.owner, holder.common) {
            (Some(owner), false) => self.own_key(owner, &caller.program).await?,
            _ => {
                self.program_key(&caller.program).await?;
                program_key(&caller.program)
            }
        };
        let sealed = self.seal(&seal_as, &row_purpose(&caller.program, collection, key), value)?;
        let (caller, collection, key) = (caller.clone(), collection.to_owned(), key.to_owned());
        let most = limits.rows;
        let version = self
            .commit(move |state, stamp| {
                let now = stamp.millis();
                let old = state.row(&caller.program, &collection, &key);
                let current = old.filter(|row| row.alive(now));
                let version = current.map_or(0, |row| row.version);
                match current {
                    None if !may_create(&caller, &rule) => return Err(forbidden()),
                    Some(row) if expected != 0 && !state.belongs(&caller, open_id.as_str(), &rule.writers, row) => return Err(forbidden()),
                    _ => {}
                }
                let moved = current.is_some_and(|row| wishes.owner.is_none() && row.owner != holder.owner);
                if expected != version || moved {
                    return Err(conflict());
                }
                if current.is_none() && count_rows(state, &caller.program) >= most {
                    return Err(limit(format!("a program has at most {most} rows; remove some")));
                }
                if let Some((collection, key)) = &wishes.under {
                    let above = state.row(&caller.program, collection, key);
                    if !above.is_some_and(|above| state.is_party(&caller.program, above, open_id.as_str(), &caller.roles)) {
                        return Err(Failure::new(codes::FORBIDDEN, "only a party of a row may put another one under it"));
                    }
                }
                let mut row = current.cloned().unwrap_or_else(|| RowState {
                    created_at: now,
                    ..RowState::default()
                });
                // A row that expired goes on counting, so that nobody takes the new one for the old.
                row.version = old.map_or(0, |old| old.version) + 1;
                (row.owner, row.owner_id, row.common) = (holder.owner, holder.owner_id, holder.common);
                row.writer_id = open_id.to_string();
                row.written_at = now;
                row.staff_reads = rule.readers.contains(&Audience::Staff);
                row.parties = wishes.parties.unwrap_or(row.parties);
                row.under = wishes.under.or(row.under);
                row.expires_at = wishes.expires_at.unwrap_or(row.expires_at);
                let version = row.version;
                let change = Change::Row {
                    program: caller.program,
                    collection,
                    key,
                    row,
                    value: Some(sealed),
                };
                Ok((vec![change], version))
            })
            .await?;
        Ok(Reply::Number(version))
    }

    fn wishes(&self, caller: &Caller, options: &Fields) -> Result<Wishes, Failure> {
        let mut wishes = Wishes {
            expires_at: whole("expires-at", options)?,
            ..Wishes::default()
        };
        if options.get("parties").is_some() {
            let parties: Vec<String> = options.text("parties").split_whitespace().map(str::to_owned).collect();
            if parties.len() > self.config.limits.parties || parties.iter().any(|party| party.len() > 64) {
                let most = self.config.limits.parties;
                return Err(limit(format!("a row has at most {most} parties, each of at most 64 bytes")));
            }
            parties.iter().try_for_each(|party| check_name("party", party, 64))?;
            wishes.parties = Some(parties);
        }
        if options.get("under").is_some() {
            wishes.under = Some(row_name(options.text("under"))?);
        }
        if options.get("owner").is_some() {
            if caller.roles.is_empty() {
                return Err(Failure::new(codes::FORBIDDEN, "only staff set another owner"));
            }
            wishes.owner = Some(options.text("owner").to_owned());
        }
        Ok(wishes)
    }

    /// Who will own the row, and whose key seals it.
    async fn holder_for(
        &self,
        caller: &Caller,
        rule: &CollectionRule,
        key: &str,
        expected: u64,
        wishes: &Wishes,
    ) -> Result<RowState, Failure> {
        let everyone = rule.writers.contains(&Audience::Everyone);
        let holder = |owner: Option<PersonId>, owner_id: String, common: bool| RowState {
            owner,
            owner_id,
            common,
            ..RowState::default()
        };
        if let Some(open_id) = &wishes.owner {
            let person = self.who(&caller.program, open_id).await?;
            return Ok(holder(Some(person), open_id.clone(), everyone));
        }
        let state = self.state.read();
        let row = state.row(&caller.program, &rule.name, key).filter(|_| expected != 0);
        Ok(match row {
            Some(row) => holder(row.owner.clone(), row.owner_id.clone(), everyone || row.common),
            None => {
                let open_id = self.open_id(&caller.person, &caller.program);
                holder(Some(caller.person.clone()), open_id.to_string(), everyone)
            }
        })
    }

    /// Makes the key that seals what belongs to nobody in particular.
    pub(crate) async fn program_key(&self, program: &ProgramId) -> Result<(), Failure> {
        let name = program_key(program);
        if self.ring.has(name.as_str()) {
            return Ok(());
        }
        let ring = self.ring.clone();
        let made = tokio::task::spawn_blocking(move || ring.create(name.as_str())).await;
        made.map_err(|error| Failure::new(codes::FAILED, error.to_string()))?
            .map_err(|error| key_failure(&error))
    }

    pub(crate) async fn records_remove(&self, caller: &Caller, collection: &str, key: &str, expected: u64) -> Result<Reply, Failure> {
        let rule = self.rule_of(caller, collection)?.clone();
        self.row_key(key)?;
        let open_id = self.open_id(&caller.person, &caller.program);
        let (caller, collection, key) = (caller.clone(), collection.to_owned(), key.to_owned());
        self.commit(move |state, stamp| {
            let row = state
                .row(&caller.program, &collection, &key)
                .filter(|row| row.alive(stamp.millis()));
            let row = row.ok_or_else(conflict)?;
            if !state.belongs(&caller, open_id.as_str(), &rule.writers, row) {
                return Err(forbidden());
            }
            if row.version != expected {
                return Err(conflict());
            }
            let program = caller.program;
            Ok((vec![Change::RowGone { program, collection, key }], ()))
        })
        .await?;
        Ok(Reply::Done)
    }

    pub(crate) async fn records_list(&self, caller: &Caller, collection: &str, options: &Fields) -> Result<Reply, Failure> {
        let rule = self.rule_of(caller, collection)?;
        let open_id = self.open_id(&caller.person, &caller.program);
        let page = page(options, open_id.as_str())?;
        let names = {
            let state = self.state.read();
            let rows = state.rows.get(&caller.program).and_then(|rows| rows.get(collection));
            rows.map_or_else(Vec::new, |rows| {
                choose(&state, caller, open_id.as_str(), rule, rows, &page, self.now())
            })
        };
        let found = self.open_rows(&caller.program, collection, &names).await?;
        let pairs = names.iter().zip(found);
        let rows = pairs.filter_map(|(name, found)| {
            let (row, value) = found?;
            self.readable(caller, rule, name, row, value)
        });
        Ok(Reply::Rows(rows.collect()))
    }
}

pub(crate) fn program_key(program: &ProgramId) -> PersonId {
    PersonId::from(format!("program-{program}").as_str())
}

pub(crate) fn row_purpose(program: &ProgramId, collection: &str, key: &str) -> String {
    format!("row/{program}/{collection}/{key}")
}

fn may_create(caller: &Caller, rule: &CollectionRule) -> bool {
    let staff_only = rule.writers.iter().all(|audience| *audience == Audience::Staff);
    !staff_only || !caller.roles.is_empty()
}

fn count_rows(state: &State, program: &ProgramId) -> u64 {
    let collections = state.rows.get(program);
    collections.into_iter().flatten().map(|(_, rows)| rows.len() as u64).sum()
}

fn page(options: &Fields, open_id: &str) -> Result<Page, Failure> {
    let limit = whole("limit", options)?.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MOST));
    let text = |name: &str| options.get(name).and_then(|value| value.as_text()).map(str::to_owned);
    let flag = options.get("descending");
    Ok(Page {
        after: text("after").filter(|after| !after.is_empty()),
        limit: limit.clamp(1, PAGE_MOST),
        prefix: text("prefix").unwrap_or_default(),
        owner: text("owner").map(|owner| if owner == "me" { open_id.to_owned() } else { owner }),
        descending: flag.is_some_and(|value| value.as_flag() == Some(true) || value.as_text() == Some("true")),
    })
}

/// The keys of a page, by the state in memory; what is not durable yet drops out when the rows are read.
fn choose(
    state: &State,
    caller: &Caller,
    open_id: &str,
    rule: &CollectionRule,
    rows: &BTreeMap<String, RowState>,
    page: &Page,
    now: u64,
) -> Vec<String> {
    let fits = |(key, row): &(&String, &RowState)| {
        key.starts_with(&page.prefix)
            && row.alive(now)
            && page.owner.as_ref().is_none_or(|owner| *owner == row.owner_id)
            && state.belongs(caller, open_id, &rule.readers, row)
    };
    let prefix = page.prefix.as_str();
    if page.descending {
        let to = page.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let below = rows.range::<str, _>((Bound::Unbounded, to)).rev();
        let begun = below.skip_while(|(key, _)| key.as_str() > prefix && !key.starts_with(prefix));
        let within = begun.take_while(|(key, _)| key.starts_with(prefix));
        return within.filter(fits).take(page.limit).map(|(key, _)| key.clone()).collect();
    }
    let from = match page.after.as_deref() {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let within = rows
        .range::<str, _>((from, Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(prefix));
    within.filter(fits).take(page.limit).map(|(key, _)| key.clone()).collect()
}
