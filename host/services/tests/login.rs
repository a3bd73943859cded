//! Login codes and tokens, as a publisher's own server uses them: with a JWT library that is not ours.

mod common;

use common::Host;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Fields, ProgramId, PublisherId, Reply};
use youji_package::PublisherKey;
use youji_services::{Directory, Exchanged};

const ISSUER: &str = "http://localhost:8080";

/// What the registry would say.
struct Known(Vec<PublisherKey>);

impl Directory for Known {
    fn program_name(&self, _: &ProgramId, _: &str) -> Option<String> {
        None
    }
    fn publisher_name(&self, _: &PublisherId) -> Option<String> {
        None
    }
    fn publisher_key(&self, publisher: &PublisherId) -> Option<[u8; 32]> {
        let key = self.0.iter().find(|key| key.id() == *publisher)?;
        Some(key.public().to_bytes())
    }
}

/// An Ed25519 seed as PKCS #8 (RFC 8410), which is how JWT libraries take it.
fn pkcs8(seed: &[u8; 32]) -> EncodingKey {
    let mut der = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").unwrap();
    der.extend_from_slice(seed);
    EncodingKey::from_ed_der(&der)
}

struct Server {
    seed: [u8; 32],
    claims: Value,
}

impl Server {
    /// Whose key is made from that seed, speaking for that program.
    fn new(host: &Host, seed: u8, program: &str) -> Server {
        let seed = [seed; 32];
        let claims = json!({
            "iss": PublisherKey::from_seed(&seed).id(),
            "sub": program,
            "aud": ISSUER,
            "exp": now(host) + 60,
        });
        Server { seed, claims }
    }

    fn with(mut self, claim: &str, value: Value) -> Server {
        self.claims[claim] = value;
        self
    }

    fn assertion(&self, code: &str) -> String {
        let mut claims = self.claims.clone();
        if claims.get("jti").is_none() {
            claims["jti"] = code.into();
        }
        encode(&Header::new(Algorithm::EdDSA), &claims, &pkcs8(&self.seed)).unwrap()
    }

    async fn exchange(&self, host: &Host, code: &str) -> Result<Exchanged, String> {
        let exchanged = host.services.exchange_login_code(code, &self.assertion(code), ISSUER).await;
        exchanged.map_err(|failure| failure.code)
    }
}

fn now(host: &Host) -> u64 {
    use youji_services::Clock;
    host.clock.now_ms() / 1_000
}

async fn code(host: &Host, caller: &Caller) -> String {
    code_with(host, caller, Fields::new()).await
}

async fn code_with(host: &Host, caller: &Caller, options: Fields) -> String {
    match host.call(caller, Call::IdentityLoginCode { options }).await {
        Ok(Reply::Text(code)) => code,
        other => panic!("{other:?}"),
    }
}

/// Claims of a token, verified with the published key that its header names.
fn verified(host: &Host, keys: &JwkSet, token: &str, program: &str) -> Result<Value, String> {
    let kid = decode_header(token).map_err(|error| error.to_string())?.kid.ok_or("no key id")?;
    let key = keys.find(&kid).ok_or("the key is not published")?;
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_audience(&[program]);
    rules.set_issuer(&[ISSUER]);
    // The library compares with the machine's clock; the host of this test has its own.
    rules.validate_exp = false;
    let claims = decode::<Value>(token, &key, &rules).map_err(|error| error.to_string())?.claims;
    assert!(claims["exp"].as_u64().unwrap() > now(host));
    Ok(claims)
}

fn published(host: &Host) -> JwkSet {
    serde_json::from_value(host.services.token_keys()).expect("a JWK set as the library knows it")
}

/// Two publishers, and a person in a program of the first.
async fn prepared() -> (Host, Caller) {
    let host = Host::new().await;
    let publishers = [1, 2].map(|seed| PublisherKey::from_seed(&[seed; 32]));
    let publisher = publishers[0].id();
    host.services.set_directory(Arc::new(Known(publishers.into())));
    let mut caller = host.session(&host.visitor().await).await;
    caller.publisher = publisher;
    (host, caller)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publishers_server_learns_who_it_is_and_any_library_verifies_it() {
    let (host, caller) = prepared().await;
    let code_ = code(&host, &caller).await;
    let exchanged = Server::new(&host, 1, "noodles").exchange(&host, &code_).await.unwrap();
    let open_id = host.services.open_id(&caller.person, &caller.program).to_string();
    let union_id = host
        .services
        .union_id(&caller.person, &caller.publisher, &caller.program)
        .to_string();
    assert_eq!((&exchanged.open_id, &exchanged.union_id), (&open_id, &union_id));
    let keys = published(&host);
    let claims = verified(&host, &keys, &exchanged.id_token, "noodles").unwrap();
    assert_eq!(
        (claims["sub"].as_str(), claims["union_id"].as_str()),
        (Some(open_id.as_str()), Some(union_id.as_str()))
    );
    assert_eq!(claims["exp"].as_u64().unwrap(), now(&host) + exchanged.expires_in);
    // The random id by which the host knows the person is in none of it.
    assert!(!claims.to_string().contains(caller.person.as_str()));
    assert!(exchanged.expires_in <= 5 * 60 && claims.get("nonce").is_none());
    // The server's own nonce comes back, so that it knows for which of its own requests the token is.
    let asked = code_with(&host, &caller, Fields::new().with("nonce", "n-0S6_WzA2Mj")).await;
    let answered = Server::new(&host, 1, "noodles").exchange(&host, &asked).await.unwrap();
    assert_eq!(
        verified(&host, &keys, &answered.id_token, "noodles").unwrap()["nonce"],
        "n-0S6_WzA2Mj"
    );
    for nonce in ["two words".to_owned(), "\n".to_owned(), "x".repeat(129)] {
        let options = Fields::new().with("nonce", nonce);
        assert_eq!(host.code(&caller, Call::IdentityLoginCode { options }).await, "invalid");
    }
    // Another program does not take it, and neither does anybody once it was altered.
    assert!(verified(&host, &keys, &exchanged.id_token, "tea").unwrap_err().contains("Audience"));
    let (head, signature) = exchanged.id_token.rsplit_once('.').unwrap();
    let other = Server::new(&host, 1, "noodles").assertion("x");
    let (other, _) = other.rsplit_once('.').unwrap();
    assert!(
        verified(
            &host,
            &keys,
            &format!("{head}.{}", signature.chars().rev().collect::<String>()),
            "noodles"
        )
        .is_err()
    );
    let forged = format!(
        "{}.{}.{signature}",
        head.split_once('.').unwrap().0,
        other.split_once('.').unwrap().1
    );
    assert_eq!(verified(&host, &keys, &forged, "noodles").unwrap_err(), "InvalidSignature");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_exchanged_once_by_its_publisher_for_its_program_in_time() {
    let (host, caller) = prepared().await;
    let right = || Server::new(&host, 1, "noodles");
    let mine = code(&host, &caller).await;
    let denied = Err("denied".to_owned());
    // Redeemed by another, for another, by nobody known, elsewhere, out of time, with what was overheard: none of it uses the code up.
    for (what, server) in [
        ("another publisher", Server::new(&host, 2, "noodles")),
        (
            "another publisher under the first one's name",
            Server::new(&host, 2, "noodles").with("iss", right().claims["iss"].clone()),
        ),
        ("a publisher whom nobody allowed", Server::new(&host, 3, "noodles")),
        ("another program", right().with("sub", json!("tea"))),
        ("another host", right().with("aud", json!("http://elsewhere:8080"))),
        ("an old assertion", right().with("exp", json!(now(&host)))),
        ("one without end", right().with("exp", json!(now(&host) + 601))),
        ("one for another code", right().with("jti", json!("another"))),
    ] {
        assert_eq!(server.exchange(&host, &mine).await, denied, "{what}");
    }
    for assertion in [
        "",
        "a.b",
        "a.b.c",
        &"x".repeat(5_000),
        &right().assertion(&mine).replace("eyJ", "eyK"),
    ] {
        let refused = host.services.exchange_login_code(&mine, assertion, ISSUER).await.unwrap_err();
        assert_eq!(refused.code, "invalid", "{assertion}");
    }
    let unsigned = encode(&Header::new(Algorithm::HS256), &right().claims, &EncodingKey::from_secret(b"guess")).unwrap();
    assert_eq!(
        host.services.exchange_login_code(&mine, &unsigned, ISSUER).await.unwrap_err().code,
        "invalid"
    );
    assert_eq!(right().exchange(&host, "aaaaaaaa").await, denied);

    // Eight at once: one gets it. And never again, not even after the host was killed.
    let server = right();
    let tries = futures_util::future::join_all((0..8).map(|_| server.exchange(&host, &mine))).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1);
    let waiting = code(&host, &caller).await;
    let after = host.killed().await;
    after
        .services
        .set_directory(Arc::new(Known([1, 2].map(|seed| PublisherKey::from_seed(&[seed; 32])).into())));
    assert_eq!(server.exchange(&after, &mine).await, denied);
    assert!(
        server.exchange(&after, &waiting).await.is_ok(),
        "one that was not exchanged survives"
    );

    // Five minutes.
    let late = code(&host, &caller).await;
    host.pass(Duration::from_secs(299));
    let last = code(&host, &caller).await;
    host.pass(Duration::from_secs(1));
    assert_eq!(right().exchange(&host, &late).await, denied);
    assert!(right().exchange(&host, &last).await.is_ok());

    // Bounded: the oldest of one person in one program go. And gone means gone.
    let mut all = Vec::new();
    for _ in 0..9 {
        all.push(code(&host, &caller).await);
        host.pass(Duration::from_millis(1));
    }
    assert_eq!(right().exchange(&host, &all[0]).await, denied);
    assert!(right().exchange(&host, &all[1]).await.is_ok());
    host.services.forget(&caller.person).await.unwrap();
    assert_eq!(right().exchange(&host, &all[2]).await, denied);
    assert_eq!(
        host.code(&caller, Call::IdentityLoginCode { options: Fields::new() }).await,
        "not-found"
    );
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_and_what_was_given_out_stays_good() {
    let (host, caller) = prepared().await;
    let server = Server::new(&host, 1, "noodles");
    let first = server.exchange(&host, &code(&host, &caller).await).await.unwrap().id_token;
    // A verifier that fetched the set before the rotation knows the new key already.
    let cached = published(&host);
    host.services.rotate_token_keys().await.unwrap();
    let second = server.exchange(&host, &code(&host, &caller).await).await.unwrap().id_token;
    let kid = |token: &str| decode_header(token).unwrap().kid;
    assert_ne!(kid(&first), kid(&second));
    for keys in [&cached, &published(&host)] {
        verified(&host, keys, &first, "noodles").unwrap();
        verified(&host, keys, &second, "noodles").unwrap();
    }
    // Once the last token of the first key has expired, the key goes.
    host.pass(Duration::from_secs(2 * 60 * 60));
    host.services.rotate_token_keys().await.unwrap();
    assert!(published(&host).find(&kid(&first).unwrap()).is_none());
    // A restart goes on with the same keys; the secret halves are not in the set.
    let after = host.killed().await;
    assert_eq!(after.services.token_keys(), host.services.token_keys());
    for key in host.services.token_keys()["keys"].as_array().unwrap() {
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(members, ["kty", "crv", "alg", "use", "kid", "x"]);
    }
    host.check().await;
}
