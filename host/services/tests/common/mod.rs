//! A host on a scratch folder, with a clock that stands still until told, and a record of what it delivers.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use youji_api::call::{Order, OrderLine};
use youji_api::caller::{Audience, Caller, CollectionRule, Requested, TemplateKind, TemplateRule};
use youji_api::{
    Answer, Call, Capabilities, Deliver, Event, Failure, Fields, Gate, Moment, OpenTarget, PersonId, ProgramId, PublisherId, Recipient,
    Reply, SessionId, Sheet, SheetId, Ticket,
};
use youji_services::{Clock, Directory, Merchant, Names, Openable, Person, Place, SeededRandom, Services, ServicesConfig};

pub struct Hand(AtomicU64);

impl Clock for Hand {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub struct Heard {
    pub events: Mutex<Vec<(Recipient, Event)>>,
    pub sheets: Mutex<Vec<(SessionId, Sheet)>>,
    pub withdrawn: Mutex<Vec<(SessionId, SheetId)>>,
    pub inbox: Mutex<Vec<(PersonId, u64)>>,
    pub scans: Mutex<Vec<(SessionId, Ticket)>>,
    pub opens: Mutex<Vec<(SessionId, Ticket, OpenTarget)>>,
}

impl Deliver for Heard {
    fn event(&self, to: &Recipient, event: Event) -> bool {
        self.events.lock().unwrap().push((to.clone(), event));
        true
    }
    fn sheet(&self, session: SessionId, sheet: Sheet) {
        self.sheets.lock().unwrap().push((session, sheet));
    }
    fn withdraw(&self, session: SessionId, sheet: SheetId) {
        self.withdrawn.lock().unwrap().push((session, sheet));
    }
    fn inbox(&self, person: &PersonId, sequence: u64) {
        self.inbox.lock().unwrap().push((person.clone(), sequence));
    }
    fn scan(&self, session: SessionId, ticket: Ticket) {
        self.scans.lock().unwrap().push((session, ticket));
    }
    fn open(&self, session: SessionId, ticket: Ticket, target: &OpenTarget) -> bool {
        self.opens.lock().unwrap().push((session, ticket, target.clone()));
        true
    }
}

/// Knows one more program than the session's own: "tea", which opens for everybody, and "closed", which opens for nobody else.
pub struct Programs;

impl Directory for Programs {
    fn program_name(&self, program: &ProgramId, _language: &str) -> Option<String> {
        (program.as_str() == "tea").then(|| "Tea House".to_owned())
    }
    fn publisher_name(&self, _publisher: &PublisherId) -> Option<String> {
        None
    }
    fn openable(&self, _caller: &Caller, program: &ProgramId, page: &str) -> Result<Openable, Failure> {
        match program.as_str() {
            "tea" => Ok(Openable {
                name: "Tea House".to_owned(),
                publisher: "Leaf & Co".to_owned(),
                page: if page.is_empty() { "pages/home" } else { page }.to_owned(),
            }),
            "closed" => Err(Failure::new("forbidden", "it takes no calls")),
            _ => Err(Failure::new("not-found", "no such program")),
        }
    }
}

pub struct Host {
    pub services: Arc<Services>,
    pub gate: Gate,
    pub heard: Arc<Heard>,
    pub clock: Arc<Hand>,
    pub dir: tempfile::TempDir,
    sessions: AtomicU64,
}

pub const START: u64 = 1_760_000_000_000;

impl Host {
    pub async fn new() -> Host {
        Host::on(tempfile::tempdir().unwrap(), START).await
    }

    /// With a config that was changed.
    pub async fn with(change: impl FnOnce(&mut ServicesConfig)) -> Host {
        Host::made(tempfile::tempdir().unwrap(), START, change).await
    }

    pub async fn on(dir: tempfile::TempDir, now: u64) -> Host {
        Host::made(dir, now, |_| {}).await
    }

    async fn made(dir: tempfile::TempDir, now: u64, change: impl FnOnce(&mut ServicesConfig)) -> Host {
        let clock = Arc::new(Hand(AtomicU64::new(now)));
        let mut config = ServicesConfig::new(dir.path().join("data"));
        config.clock = clock.clone();
        config.random = Arc::new(SeededRandom::new(now));
        config.place = Some(Place {
            latitude: 31.2,
            longitude: 121.5,
            accuracy_m: 10.0,
            name: "Hall 3".to_owned(),
        });
        // Most tests send more than people would want.
        config.limits.messages = usize::MAX;
        change(&mut config);
        let services = tokio::task::spawn_blocking({
            let handle = tokio::runtime::Handle::current();
            move || {
                let _inside = handle.enter();
                Services::open(config).unwrap()
            }
        })
        .await
        .unwrap();
        let heard = Arc::new(Heard::default());
        services.set_deliver(heard.clone());
        services.set_directory(Arc::new(Programs));
        let publisher = Merchant {
            publisher: "pub".into(),
            id: String::new(),
            name: Names::new("好味面馆", "Good Noodles"),
        };
        services.enrol_merchant(publisher).await.unwrap();
        Host {
            gate: Gate::new(services.clone(), services.clone()),
            services,
            heard,
            clock,
            dir,
            sessions: AtomicU64::new(now),
        }
    }

    pub fn clock_now(&self) -> u64 {
        self.clock.now_ms()
    }

    pub fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// What would be on the disk if the process were killed now, opened by another process.
    pub async fn killed(&self) -> Host {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(&self.dir.path().join("data"), &copy.path().join("data"));
        Host::on(copy, self.clock.now_ms() + 1).await
    }

    pub async fn visitor(&self) -> Person {
        self.services.create_visitor("zh-CN").await.unwrap()
    }

    /// A session of a person in the program "noodles".
    pub async fn session(&self, person: &Person) -> Caller {
        self.session_as(person, "noodles", &[]).await
    }

    /// The same, not started yet.
    pub fn caller(&self, person: &Person) -> Caller {
        self.caller_as(person, "noodles", &[])
    }

    pub async fn session_as(&self, person: &Person, program: &str, roles: &[&str]) -> Caller {
        let caller = self.caller_as(person, program, roles);
        self.services.started(&caller).await;
        caller
    }

    fn caller_as(&self, person: &Person, program: &str, roles: &[&str]) -> Caller {
        Caller {
            session: SessionId(self.sessions.fetch_add(1, Ordering::Relaxed)),
            person: person.id.clone(),
            program: program.into(),
            publisher: "pub".into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            requested: Arc::new(requested()),
            language: "zh-CN".into(),
        }
    }

    pub async fn call(&self, caller: &Caller, call: Call) -> Result<Reply, Failure> {
        self.gate.call(caller, Moment::Tap, call).await
    }

    pub async fn code(&self, caller: &Caller, call: Call) -> String {
        match self.call(caller, call).await {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.code,
        }
    }

    pub fn last_sheet(&self, caller: &Caller) -> Sheet {
        let sheets = self.heard.sheets.lock().unwrap();
        let own = sheets.iter().rev().find(|(session, _)| *session == caller.session);
        own.expect("a sheet was shown").1.clone()
    }

    pub async fn answer(&self, caller: &Caller, sheet: &Sheet, answer: Answer) -> Result<(), Failure> {
        self.services.answer(caller.session, sheet.id, answer).await
    }

    /// Events of a session with that code.
    pub fn events(&self, caller: &Caller, code: &str) -> Vec<Event> {
        let events = self.heard.events.lock().unwrap();
        let own = events
            .iter()
            .filter(|(to, event)| *to == Recipient::Session(caller.session) && event.code == code);
        own.map(|(_, event)| event.clone()).collect()
    }

    pub fn outcome(&self, caller: &Caller, ticket: Ticket) -> Option<Event> {
        self.events(caller, "completed").into_iter().rfind(|event| event.ticket == ticket.0)
    }

    pub fn balance(&self, person: &Person) -> u64 {
        self.services.person(&person.id).expect("not forgotten").balance
    }

    pub fn balance_of(&self, caller: &Caller) -> u64 {
        self.services.person(&caller.person).expect("not forgotten").balance
    }

    pub fn earned(&self) -> u64 {
        self.services.merchants(&"pub".into())[0].1
    }

    /// At the end of every test: sums are conserved and the chain is whole.
    pub async fn check(&self) {
        self.services.check_ledger().await.unwrap();
        self.services.verify_log().await.unwrap();
    }
}

pub fn ticket(reply: Result<Reply, Failure>) -> Ticket {
    match reply {
        Ok(Reply::Ticket(ticket)) => ticket,
        other => panic!("a ticket expected, {other:?} came"),
    }
}

pub fn yes() -> Answer {
    Answer {
        accepted: true,
        ..Answer::default()
    }
}

pub fn choose(chosen: &[&str]) -> Answer {
    Answer {
        chosen: chosen.iter().map(|name| (*name).to_owned()).collect(),
        ..yes()
    }
}

pub fn no() -> Answer {
    Answer { accepted: false, ..yes() }
}

pub fn order(number: &str, amount: u64) -> Order {
    Order {
        order_no: number.to_owned(),
        merchant: String::new(),
        amount,
        currency: "CNY".to_owned(),
        lines: vec![OrderLine {
            title: "牛肉面".to_owned(),
            quantity: 1,
            amount,
            options: Fields::new(),
        }],
        options: Fields::new().with("purpose", "T7"),
    }
}

pub fn requested() -> Requested {
    let permission = |name: &str| (name.to_owned(), "because".to_owned());
    let all = [
        "identity.nickname",
        "identity.phone",
        "payment",
        "messaging",
        "storage",
        "records",
        "timer",
        "navigation",
        "scanner",
        "location",
        "clock",
        "random",
        "log",
    ];
    let rule = |name: &str, readers: &[Audience], writers: &[Audience]| CollectionRule {
        name: name.to_owned(),
        readers: readers.to_vec(),
        writers: writers.to_vec(),
    };
    use Audience::{Everyone, Owner, Party, Staff};
    use TemplateKind::{LongTerm, OneTime};
    let texts = |zh: &str, en: &str| BTreeMap::from([("zh".to_owned(), zh.to_owned()), ("en".to_owned(), en.to_owned())]);
    Requested {
        permissions: all.into_iter().map(permission).collect(),
        required: Vec::new(),
        collections: vec![
            rule("menu", &[Everyone], &[Staff]),
            rule("orders", &[Owner, Staff], &[Owner, Staff]),
            rule("counters", &[Everyone], &[Everyone]),
            rule("chats", &[Party], &[Party]),
            rule("secrets", &[Owner], &[Owner]),
            rule("drops", &[Owner], &[Everyone]),
        ],
        templates: [("ready", LongTerm), ("late", LongTerm), ("called", OneTime)]
            .into_iter()
            .map(|(name, kind)| TemplateRule {
                kind,
                name: name.to_owned(),
                title: texts("取餐", "Pick up"),
                text: texts("{number} 号好了", "Number {number} is ready"),
                page: "pages/order".to_owned(),
            })
            .collect(),
        pages: vec!["pages/menu".to_owned()],
    }
}

pub fn put(collection: &str, key: &str, expected: u64, value: &[u8]) -> Call {
    Call::RecordsPut {
        collection: collection.to_owned(),
        key: key.to_owned(),
        expected,
        value: value.to_vec(),
        options: Fields::new(),
    }
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_dir(&item.path(), &target);
        } else if let Err(error) = std::fs::copy(item.path(), &target) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}

/// Waits until `what` holds. The bound is there for what never happens: a machine may be slow.
pub async fn until(what: impl Fn() -> bool) {
    until_async(async || what()).await;
}

/// As [`until`], for what has to be asked for.
pub async fn until_async(mut what: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(120);
    while std::time::Instant::now() < end {
        if what().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within two minutes");
}
