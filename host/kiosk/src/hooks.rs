//! Notifications to merchants' servers: taken from the durable schedule, signed, sent, and written down.
//!
//! The address is the merchant's choice, so the host does not go where it would be led: no redirects, no
//! addresses inside of its own network unless the operator allows them, little time, and of the answer only the status is looked at.

use crate::host::Host;
use axum::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use youji_services::trade::{Attempt, DueNotification};

/// Notifications under way at once.
const AT_ONCE: usize = 16;
/// How long one may take, from the name to the status.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the schedule is looked at.
const ROUND: Duration = Duration::from_millis(250);
/// Bytes of an answer's head.
const HEAD_BYTES: usize = 16 << 10;

/// Sends what is due until the host is gone.
pub(crate) async fn run(host: Weak<Host>) {
    let mut tls = None;
    loop {
        let Some(host) = host.upgrade() else { return };
        if host.is_closing() {
            return;
        }
        let due = match host.services.next_notification() {
            Some(at) if at <= host.config.clock.now_ms() => host.services.due_notifications(AT_ONCE).await,
            _ => Vec::new(),
        };
        let busy = due.len() == AT_ONCE;
        if tls.is_none() && due.iter().any(|due| due.url.starts_with("https:")) {
            tls = tokio::task::spawn_blocking(connector).await.ok().flatten();
        }
        futures_util::future::join_all(due.iter().map(|due| send(&host, due, tls.as_ref()))).await;
        drop(host);
        if !busy {
            tokio::time::sleep(ROUND).await;
        }
    }
}

/// With the certificates that this machine trusts.
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!("this machine trusts no certificates (Debian: ca-certificates): notifications over https wait");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

async fn send(host: &Arc<Host>, due: &DueNotification, tls: Option<&TlsConnector>) {
    let begun = Instant::now();
    let sent = tokio::time::timeout(PATIENCE, post(host, due, tls)).await;
    let (status, error) = match sent {
        Ok(Ok(status)) => (status, ""),
        Ok(Err(error)) => (0, error),
        Err(_) => (0, "timeout"),
    };
    let attempt = Attempt {
        at: host.config.clock.now_ms(),
        status,
        error: error.to_owned(),
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    if let Err(failure) = host.services.notification_sent(due, attempt).await {
        tracing::warn!(%failure, "a notification that was sent will be sent again");
    }
}

/// Answers the status; or one word about why there is none.
async fn post(host: &Arc<Host>, due: &DueNotification, tls: Option<&TlsConnector>) -> Result<u16, &'static str> {
    let uri: Uri = due.url.parse().map_err(|_| "address")?;
    let secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err("scheme"),
    };
    let name = uri.host().ok_or("address")?;
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    // Looked up once: what was looked at is what is connected to.
    let found = tokio::net::lookup_host((name, port)).await.map_err(|_| "name")?;
    let allowed = |address: &SocketAddr| host.config.notify_private || is_public(address.ip());
    let address = found.into_iter().find(allowed).ok_or("private-address")?;
    let stream = TcpStream::connect(address).await.map_err(|_| "refused")?;
    let seconds = host.config.clock.now_ms() / 1_000;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("youji/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &due.id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", host.services.sign_notification(&due.id, seconds, &due.body))
        .body(axum::body::Body::from(Bytes::from(due.body.clone())))
        .map_err(|_| "address")?;
    if !secure {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(name.to_owned()).map_err(|_| "address")?;
    let stream = tls.ok_or("tls")?.connect(name, stream).await.map_err(|_| "tls")?;
    exchange(stream, request).await
}

async fn exchange<S>(stream: S, request: Request<axum::body::Body>) -> Result<u16, &'static str>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connecting = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream));
    let (mut sender, connection) = connecting.await.map_err(|_| "broken")?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    // Nothing but the status is read of the answer.
    connection.abort();
    answer.map(|answer| answer.status().as_u16()).map_err(|_| "broken")
}

/// Whether an address is out in the world: not this machine, not its network, nothing with a meaning of its own.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        // Shared by carriers, protocol assignments, 6to4 relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let second = ip.segments()[1];
    // Only what is given out for use in the world, without what carries or stands for another address.
    let global = (first & 0xe000) == 0x2000;
    let special = (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || first == 0x2002 || first == 0x3fff;
    global && !special
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn addresses_inside_are_known() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "172.32.0.1"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
