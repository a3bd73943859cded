//! A publisher's own server, over HTTP: without cookie and origin, with a JWT library that is not ours.

mod support;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Answer, Device, Kiosk, PROGRAM, key};
use youji_api::caller::{Caller, Requested};
use youji_api::{Call, Capabilities, Fields, Reply, SessionId};

async fn exchange(server: &mut Device, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    server.send("POST", "/api/token", &headers, body.to_string().as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_its_own_exchanges_a_code_and_verifies_what_it_gets() {
    let kiosk = Kiosk::open(|_| {}).await;
    let services = kiosk.host.services();
    let person = services.create_visitor("en").await.unwrap().id;
    let caller = Caller {
        session: SessionId(1),
        person: person.clone(),
        program: PROGRAM.into(),
        publisher: key().id(),
        roles: Arc::new([]),
        requested: Arc::new(Requested::default()),
        language: "en".into(),
    };
    let Ok(Reply::Text(code)) = services.call(&caller, Call::IdentityLoginCode { options: Fields::new() }).await else {
        panic!("a code expected");
    };
    let issuer = kiosk.host.public_url();
    let mut der = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").unwrap();
    der.extend_from_slice(&[7; 32]);
    let claims = json!({"iss": key().id(), "sub": PROGRAM, "aud": issuer, "exp": jsonwebtoken::get_current_timestamp() + 60, "jti": code});
    let assertion = encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_der(&der)).unwrap();

    let mut server = kiosk.device();
    let answer = exchange(&mut server, &json!({"code": code, "client_assertion": "guess"})).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"));
    let body = json!({"code": code, "client_assertion": assertion});
    // Whose programs do not open exchanges nothing either.
    kiosk.host.registry().disallow(&key().id()).await.unwrap();
    assert_eq!(exchange(&mut server, &body).await.code(), "denied");
    kiosk
        .host
        .registry()
        .allow_publisher("Trial Publisher", &key().public())
        .await
        .unwrap();
    let answer = exchange(&mut server, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["id_token"].as_str().unwrap().to_owned();
    let keys = server.get("/.well-known/jwks.json").await;
    assert!(keys.header("cache-control").contains("max-age"));
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let named = keys
        .find(&decode_header(&token).unwrap().kid.unwrap())
        .expect("the key is published");
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_audience(&[PROGRAM]);
    rules.set_issuer(&[&issuer]);
    rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let verified = decode::<Value>(&token, &DecodingKey::from_jwk(named).unwrap(), &rules).unwrap();
    assert_eq!(verified.claims["sub"], services.open_id(&person, &PROGRAM.into()).as_str());
    let again = exchange(&mut server, &body).await;
    assert_eq!((again.status, again.code().as_str()), (403, "denied"), "once");
    kiosk.server.stop().await;
}
