//! Connections: how many, how long they may take, how much they may hold.

use crate::config::HostLimits;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

/// How long a request's head may take; also how long an unused connection is kept.
const HEAD: Duration = Duration::from_secs(30);
/// How long an end that does not read may hold up what is written to it.
const WRITE: Duration = Duration::from_secs(30);
/// Bytes that a connection may buffer; also the largest head of a request.
const BUFFER_BYTES: usize = 32 << 10;

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Connections from other machines: some places stay free for this one, and no address takes all the others.
struct Network {
    all: Arc<Semaphore>,
    per_address: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Network {
    fn new(limits: &HostLimits) -> Self {
        Network {
            all: Arc::new(Semaphore::new(limits.connections - limits.connections / 8)),
            per_address: limits.connections_per_address,
            open: Arc::default(),
        }
    }

    /// A place for one more from there, if it has one.
    fn admit(&self, ip: IpAddr) -> Option<Admitted> {
        let place = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut open = self.open.lock();
        let count = open.entry(ip).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Admitted {
            ip,
            open: Arc::clone(&self.open),
            _place: place,
        })
    }
}

struct Admitted {
    ip: IpAddr,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

/// Accepts until told to stop, then waits for open requests for a moment.
pub(crate) async fn accept(listener: TcpListener, router: Router, limits: HostLimits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let network = Network::new(&limits);
    let service = TowerToHyperService::new(router);
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let place = tokio::select! {
            () = stopped(&mut stop) => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let ip = peer.ip().to_canonical();
                let admitted = if ip.is_loopback() { None } else { network.admit(ip) };
                if admitted.is_none() && !ip.is_loopback() {
                    tracing::debug!(%ip, "has as many connections as one address may have");
                    continue;
                }
                let serving = serve(stream, peer, service.clone(), stop.clone());
                open.spawn(async move {
                    serving.await;
                    drop((place, admitted));
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: trying again at once would only burn time.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown / 2, all).await.is_err() {
        tracing::warn!("connections were cut off");
    }
}

/// Resolves when the host goes down, or the server is gone altogether.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, service: TowerToHyperService<Router>, mut stop: watch::Receiver<bool>) {
    // Patches are small and must leave at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection");
                }
                return;
            }
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
