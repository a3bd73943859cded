//! Other hosts as registries: asked for what is not here, and sent what a publisher publishes.

use crate::folder::Folder;
use crate::host::{Host, HostError};
use crate::outgoing::{Answer, Client, authority};
use crate::problem::Problem;
use async_trait::async_trait;
use axum::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use hyper::{Request, Uri, http::request};
use serde_json::{Value, json};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use youji_api::ProgramId;
use youji_package::{Digest, PackageLimits, PublisherKey, PublisherRequest, SignedStatement, Statement};
use youji_registry::{RegistryError, Source, Tagged, source};

/// Where the index of a host stands.
pub(crate) const INDEX: &str = "/registry/index";
/// Before the digest of a package.
pub(crate) const PACKAGES: &str = "/registry/packages/";
/// Where publishers send what they publish.
pub(crate) const PUBLISH: &str = "/registry/publish";
/// What they send: a statement on the first line, then the package, if there is one.
pub(crate) const PUBLISH_TYPE: &str = "application/vnd.youji.publish";
/// Registries that a host asks.
const REGISTRIES: usize = 8;
const FILE: &str = "registries.json";
/// How long publishing may take, with the package on its way.
const PUBLISHING: Duration = Duration::from_secs(60);
/// After a start, before the first look for news: what people do comes first.
const SETTLE: Duration = Duration::from_secs(5);

/// An address of another host, such as "https://registry.example".
///
/// # Errors
/// What was expected, and what came.
pub fn registry_url(text: &str) -> Result<String, String> {
    let bare = text.trim().trim_end_matches('/');
    let refused = || {
        let shown: String = text.chars().take(80).collect();
        format!("expected the address of another host, such as https://registry.example or http://192.168.1.5:8080, found \"{shown}\"")
    };
    let uri: Uri = bare.parse().map_err(|_| refused())?;
    let fine = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && !authority(&uri).contains('@')
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && bare.len() <= 200;
    if fine { Ok(bare.to_ascii_lowercase()) } else { Err(refused()) }
}

/// The registries of a data folder: those that are given from now on, else those that were given last.
pub(crate) fn configured(folder: &Folder, given: Option<&[String]>) -> Result<Vec<String>, HostError> {
    let wrong = |reason: String| HostError::Folder {
        path: folder.path().join(FILE).display().to_string(),
        reason,
        remedy: "Name the registries again with --registry URL, or --no-registry for none".to_owned(),
    };
    let urls: Vec<String> = match given {
        Some(given) => given.to_vec(),
        None => match folder.read(FILE)? {
            None => return Ok(Vec::new()),
            Some(text) => serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?,
        },
    };
    if urls.len() > REGISTRIES {
        return Err(wrong(format!("{} registries; at most {REGISTRIES} are asked", urls.len())));
    }
    let urls = urls
        .iter()
        .map(|url| registry_url(url))
        .collect::<Result<Vec<String>, String>>()
        .map_err(wrong)?;
    if given.is_some() {
        folder.write(FILE, &serde_json::to_string_pretty(&urls).unwrap_or_default())?;
    }
    Ok(urls)
}

/// Another host.
pub(crate) struct OtherHost {
    url: String,
    client: Client,
    patience: Duration,
    package_patience: Duration,
    packed_bytes: usize,
}

impl OtherHost {
    pub(crate) fn new(url: String, patience: Duration, package_patience: Duration) -> OtherHost {
        OtherHost {
            url,
            client: Client::default(),
            patience,
            package_patience,
            packed_bytes: PackageLimits::default().packed_bytes,
        }
    }

    /// An answer of the whole, within time and bytes.
    async fn get(&self, path: &str, request: request::Builder, limit: usize, patience: Duration) -> Result<Answer, RegistryError> {
        let uri: Uri = format!("{}{path}", self.url)
            .parse()
            .map_err(|_| RegistryError::unreachable(&self.url, "its address is none"))?;
        // The operator chose the address: it may well be on this network.
        let asked = self.client.send(&uri, |_| true, request.method("GET"), Bytes::new(), limit);
        match tokio::time::timeout(patience, asked).await {
            Err(_) => Err(RegistryError::unreachable(
                &self.url,
                format!("no whole answer within {} s", patience.as_secs_f32()),
            )),
            Ok(Err("too-large")) => Err(RegistryError::source(
                &self.url,
                format!("gave more than the {limit} bytes that are taken"),
            )),
            Ok(Err(word)) => Err(RegistryError::unreachable(&self.url, in_words(word))),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn refused(&self, status: u16) -> RegistryError {
        let what = match status {
            300..=399 => format!("leads elsewhere (status {status}), which is not followed"),
            _ => format!("answers with status {status}"),
        };
        RegistryError::source(&self.url, what)
    }
}

fn in_words(word: &str) -> &'static str {
    match word {
        "name" => "nobody knows its name",
        "refused" => "it takes no connection",
        "tls" => "no safe connection was agreed on",
        "broken" => "the connection broke off",
        _ => "its address can't be used",
    }
}

#[async_trait]
impl Source for OtherHost {
    fn name(&self) -> &str {
        &self.url
    }

    async fn index(&self, tag: &str) -> Result<Option<Tagged>, RegistryError> {
        let mut request = Request::builder();
        if !tag.is_empty() {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let answer = self.get(INDEX, request, source::INDEX_BYTES, self.patience).await?;
        let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        match answer.status {
            200 => Ok(Some(Tagged {
                tag: tag.to_owned(),
                bytes: answer.body.into(),
            })),
            304 => Ok(None),
            status => Err(self.refused(status)),
        }
    }

    async fn package(&self, digest: &Digest) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = format!("{PACKAGES}{digest}");
        let answer = self
            .get(&path, Request::builder(), self.packed_bytes, self.package_patience)
            .await?;
        match answer.status {
            200 => Ok(Some(answer.body.into())),
            404 => Ok(None),
            status => Err(self.refused(status)),
        }
    }
}

/// What a host says of a program that a publisher wants to publish there: the newest statement, if it has one.
///
/// # Errors
/// The host can't be reached, or is none.
pub async fn stated_at(url: &str, program: &ProgramId) -> Result<Option<Statement>, RegistryError> {
    let host = OtherHost::new(url.to_owned(), PUBLISHING, PUBLISHING);
    let Some(Tagged { bytes, .. }) = host.index("").await? else {
        return Ok(None);
    };
    let (statements, _) = source::parse_index(&bytes).map_err(|what| RegistryError::source(url, what))?;
    let mut found = statements.into_iter().map(|signed| signed.statement);
    Ok(found.find(|statement| statement.program == *program))
}

/// Publishes at another host: the publisher's statement, and the package unless it is there. Its answer as it stands in `PROTOCOL.md`.
///
/// # Errors
/// The host can't be reached, or refuses, in its own words.
pub async fn publish_at(url: &str, key: &PublisherKey, statement: &SignedStatement, package: Option<&[u8]>) -> Result<Value, Problem> {
    let uri: Uri = format!("{url}{PUBLISH}")
        .parse()
        .map_err(|_| Problem::from(RegistryError::unreachable(url, "its address is none")))?;
    let mut body = statement.text().as_bytes().to_vec();
    if let Some(package) = package {
        body.push(b'\n');
        body.extend_from_slice(package);
    }
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let signed = PublisherRequest::sign(key, "POST", authority(&uri), PUBLISH, &body, now);
    let request = Request::builder()
        .method("POST")
        .header(CONTENT_TYPE, PUBLISH_TYPE)
        .header(AUTHORIZATION, signed);
    let client = Client::default();
    let sent = client.send(&uri, |_| true, request, Bytes::from(body), 64 << 10);
    let answer = match tokio::time::timeout(PUBLISHING, sent).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(word)) => return Err(RegistryError::unreachable(url, in_words(word)).into()),
        Err(_) => return Err(RegistryError::unreachable(url, "no answer in time").into()),
    };
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |name: &str| said[name].as_str().unwrap_or_default().chars().take(500).collect::<String>();
    match answer.status {
        200 => Ok(said),
        status if said["code"].is_string() => Err(Problem::new(status, text("code"), text("title"), text("detail"), text("remedy"))),
        status => Err(RegistryError::source(url, format!("answers with status {status}")).into()),
    }
}

/// Looks for news at the registries until the host is gone.
pub(crate) async fn keep_fresh(host: Weak<Host>) {
    let mut wait = SETTLE;
    loop {
        tokio::time::sleep(wait).await;
        let Some(host) = host.upgrade() else { return };
        if host.is_closing() || host.registry.remotes().is_empty() {
            return;
        }
        wait = host.config.limits.registry_every;
        host.refresh_programs().await;
    }
}

impl Host {
    /// Asks the registries for news of the programs that came from there: newer versions, and what was withdrawn. What came is compiled, so
    /// that whoever scans it first does not wait. Answers what did not work, in words.
    pub async fn refresh_programs(&self) -> Vec<RegistryError> {
        let refreshed = self.registry.refresh().await;
        for published in &refreshed.changed {
            self.programs_changed();
            self.record(
                "program",
                json!({"program": published.program, "digest": published.digest.to_string(), "version": published.version, "channel": published.channel, "from": "registry"}),
            );
            if let Err(problem) = self.make_ready(&published.program).await {
                tracing::info!(program = %published.program, %problem, "what came from a registry does not open");
            }
        }
        for error in &refreshed.failed {
            tracing::warn!(%error, "a registry");
        }
        refreshed.failed
    }

    /// Lets a publisher publish here under that name, and be paid under it.
    ///
    /// # Errors
    /// What the registry or the services refuse.
    pub async fn allow_publisher(&self, name: &str, key: &youji_package::PublicKey) -> Result<youji_api::PublisherId, Problem> {
        let publisher = self.registry.allow_publisher(name, key).await?;
        if self.services.merchants(&publisher).is_empty() {
            let merchant = youji_services::Merchant {
                publisher: publisher.clone(),
                id: String::new(),
                name: youji_services::Names::new(name, name),
            };
            self.services.enrol_merchant(merchant).await?;
        }
        self.programs_changed();
        Ok(publisher)
    }
}

/// Sources of a registry, for those addresses.
pub(crate) fn sources(urls: Vec<String>, patience: Duration, package_patience: Duration) -> Vec<Arc<dyn Source>> {
    let source = |url| Arc::new(OtherHost::new(url, patience, package_patience)) as Arc<dyn Source>;
    urls.into_iter().map(source).collect()
}
