//! A scratch ledger on a port of its own, and the kit's side of the contract over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, oneshot};
use tokio::task::JoinHandle;
use youji_conformance::Conformance;

pub(crate) struct Server {
    address: SocketAddr,
    app: Arc<Conformance>,
    end: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Server {
        let app = Conformance::open(folder).expect("a scratch folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (end, ended) = oneshot::channel();
        let serving = app.clone();
        let served = tokio::spawn(async move {
            serving.serve(listener, async move { drop(ended.await) }).await.expect("served");
        });
        Server {
            address,
            app,
            end: Some(end),
            served,
        }
    }

    /// Every sum and the whole chain still hold.
    pub(crate) async fn verify(&self) {
        self.app.verify().await.expect("ledger and log hold");
    }

    pub(crate) async fn stop(mut self) {
        drop(self.end.take());
        self.served.await.expect("ended");
    }

    pub(crate) fn client(&self) -> Client {
        Client(self.address)
    }
}

/// What the kit does through HTTP.
#[derive(Clone, Copy)]
pub(crate) struct Client(SocketAddr);

pub(crate) type Leg<'a> = (&'a str, &'a str, i64, &'a str);

impl Client {
    /// Sends one request as it is; status and body.
    pub(crate) async fn raw(&self, request: String) -> (u16, String) {
        let mut socket = TcpStream::connect(self.0).await.expect("connected");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.raw(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
            self.0
        ))
        .await
    }

    async fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, body) = self.send(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
    }

    pub(crate) async fn reset(&self) {
        self.json("POST", "/_lck/reset", "{}").await;
    }

    pub(crate) async fn post_as(&self, key: &str, transaction: &str, allow_overdraft: bool, legs: &[Leg<'_>]) -> Value {
        let leg = |(account, side, amount, currency): &Leg<'_>| json!({"accountId": account, "type": side, "amountSubunits": amount, "currency": currency});
        let legs: Vec<Value> = legs.iter().map(leg).collect();
        let body = json!({"idempotencyKey": key, "transactionId": transaction, "allowOverdraft": allow_overdraft, "legs": legs});
        self.json("POST", "/_lck/post", &body.to_string()).await
    }

    /// The status of a posting. Each try has a transaction id of its own, as the kit's has.
    pub(crate) async fn post(&self, key: &str, allow_overdraft: bool, legs: &[Leg<'_>]) -> String {
        static TRIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let transaction = format!("t{}", TRIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let answer = self.post_as(key, &transaction, allow_overdraft, legs).await;
        answer["status"].as_str().expect("a status").to_owned()
    }

    pub(crate) async fn transfer(&self, from: &str, to: &str, amount: i64, key: &str, allow_overdraft: bool) -> String {
        let legs = [(from, "DEBIT", amount, "USD"), (to, "CREDIT", amount, "USD")];
        self.post(key, allow_overdraft, &legs).await
    }

    /// Money from outside.
    pub(crate) async fn seed(&self, account: &str, amount: i64) {
        let said = self
            .transfer("external:funding", account, amount, &format!("seed:{account}"), true)
            .await;
        assert_eq!(said, "APPLIED");
    }

    pub(crate) async fn balance(&self, account: &str) -> i64 {
        let path = format!("/_lck/balance?account={}&currency=USD", account.replace(':', "%3A"));
        self.json("GET", &path, "").await["subunits"].as_i64().expect("subunits")
    }

    pub(crate) async fn journal(&self) -> Vec<Row> {
        let rows = self.json("GET", "/_lck/journal", "").await;
        rows.as_array().expect("a list").iter().map(Row::read).collect()
    }

    /// An account's balance by the journal alone.
    pub(crate) async fn replayed(&self, account: &str) -> i64 {
        let journal = self.journal().await;
        let own = journal.iter().filter(|row| row.account == account && row.currency == "USD");
        own.map(Row::signed).sum()
    }

    /// Sends `n` postings at the same moment; what each came to.
    pub(crate) async fn burst<F: Future<Output = String> + Send + 'static>(
        &self,
        n: usize,
        task: impl Fn(Client, usize) -> F,
    ) -> BTreeMap<String, usize> {
        let barrier = Arc::new(Barrier::new(n));
        let tasks: Vec<JoinHandle<String>> = (0..n)
            .map(|place| {
                let (barrier, work) = (barrier.clone(), task(*self, place));
                tokio::spawn(async move {
                    barrier.wait().await;
                    work.await
                })
            })
            .collect();
        let mut said = BTreeMap::new();
        for task in tasks {
            *said.entry(task.await.expect("no panic")).or_default() += 1;
        }
        said
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) entry: String,
    pub(crate) transaction: String,
    pub(crate) account: String,
    pub(crate) side: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) sequence: i64,
    pub(crate) account_sequence: i64,
    pub(crate) previous: String,
    pub(crate) hash: String,
}

impl Row {
    fn read(row: &Value) -> Row {
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("no {name} in {row}")).to_owned();
        let number = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("no {name} in {row}"));
        Row {
            entry: text("entryId"),
            transaction: text("transactionId"),
            account: text("accountId"),
            side: text("type"),
            amount: number("amountSubunits"),
            currency: text("currency"),
            sequence: number("sequence"),
            account_sequence: number("accountSequence"),
            previous: text("prevHash"),
            hash: text("entryHash"),
        }
    }

    pub(crate) fn signed(&self) -> i64 {
        if self.side == "CREDIT" { self.amount } else { -self.amount }
    }
}

/// `found` begins with all of `wanted`, just as they are.
#[track_caller]
pub(crate) fn begins(found: &[Row], wanted: &[Row]) {
    assert!(found.len() >= wanted.len(), "{} rows of {} are left", found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found, wanted);
    }
}
