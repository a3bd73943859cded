//! Requests to other machines, within bounds: one connection for one request, no redirects, and of the answer no more than was asked for.

use axum::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{HeaderMap, Request, Uri, http::request};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Bytes of an answer's head.
const HEAD_BYTES: usize = 16 << 10;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Empty where none was asked for.
    pub(crate) body: Bytes,
}

/// Makes requests. What it needs for https is made at the first one of them.
#[derive(Default)]
pub(crate) struct Client {
    tls: OnceCell<Option<TlsConnector>>,
}

impl Client {
    /// Sends a request to an address and reads at most so many bytes of the answer's body, of which none are read where that is 0. How long
    /// it may take is the caller's to say.
    ///
    /// # Errors
    /// One word: "address", "scheme", "name", "private-address", "refused", "tls", "broken", "too-large".
    pub(crate) async fn send(
        &self,
        uri: &Uri,
        reaches: impl Fn(IpAddr) -> bool,
        request: request::Builder,
        body: Bytes,
        limit: usize,
    ) -> Result<Answer, &'static str> {
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("scheme"),
        };
        let name = uri.host().ok_or("address")?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = request
            .uri(path)
            .header(HOST, authority(uri))
            .header(USER_AGENT, concat!("youji/", env!("CARGO_PKG_VERSION")))
            .body(Body::from(body))
            .map_err(|_| "address")?;
        // Looked up once: what was looked at is what is connected to.
        let found = tokio::net::lookup_host((name, port)).await.map_err(|_| "name")?;
        let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| reaches(address.ip())).collect();
        if allowed.is_empty() {
            return Err("private-address");
        }
        let stream = TcpStream::connect(allowed.as_slice()).await.map_err(|_| "refused")?;
        if !secure {
            return exchange(stream, request, limit).await;
        }
        let tls = self
            .tls
            .get_or_init(|| async { tokio::task::spawn_blocking(connector).await.ok().flatten() });
        let name = ServerName::try_from(name.to_owned()).map_err(|_| "address")?;
        let stream = tls.await.as_ref().ok_or("tls")?.connect(name, stream).await.map_err(|_| "tls")?;
        exchange(stream, request, limit).await
    }
}

/// What the header `Host` says.
pub(crate) fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// With the certificates that this machine trusts.
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!("this machine trusts no certificates (Debian: ca-certificates): nothing is sent over https");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

async fn exchange<S>(stream: S, request: Request<Body>, limit: usize) -> Result<Answer, &'static str>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connecting = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream));
    let (mut sender, connection) = connecting.await.map_err(|_| "broken")?;
    let connection = Ends(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(|_| "broken")?;
    let (head, body) = answer.into_parts();
    let body = match limit {
        0 => Bytes::new(),
        limit => axum::body::to_bytes(Body::new(body), limit).await.map_err(|error| {
            let over = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit exceeded"));
            if over { "too-large" } else { "broken" }
        })?,
    };
    drop(connection);
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    })
}

/// A connection ends with whoever asked, also when they ran out of patience.
struct Ends<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
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
