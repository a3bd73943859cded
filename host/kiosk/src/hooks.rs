//! Notifications to merchants' servers: taken from the durable schedule, signed, sent, and written down.
//!
//! The address is the merchant's choice, so the host does not go where it would be led: no redirects, no
//! addresses inside of its own network unless the operator allows them, little time, and of the answer only the status is looked at.

use crate::host::Host;
use crate::outgoing::{Client, is_public};
use axum::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use youji_services::trade::{Attempt, DueNotification};

/// Notifications under way at once.
const AT_ONCE: usize = 16;
/// How long one may take, from the name to the status.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the schedule is looked at.
const ROUND: Duration = Duration::from_millis(250);

/// Sends what is due until the host is gone.
pub(crate) async fn run(host: Weak<Host>) {
    let client = Client::default();
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
        futures_util::future::join_all(due.iter().map(|due| send(&host, due, &client))).await;
        drop(host);
        if !busy {
            tokio::time::sleep(ROUND).await;
        }
    }
}

async fn send(host: &Arc<Host>, due: &DueNotification, client: &Client) {
    let begun = Instant::now();
    let sent = tokio::time::timeout(PATIENCE, post(host, due, client)).await;
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
async fn post(host: &Arc<Host>, due: &DueNotification, client: &Client) -> Result<u16, &'static str> {
    let uri: Uri = due.url.parse().map_err(|_| "address")?;
    let seconds = host.config.clock.now_ms() / 1_000;
    let request = Request::builder()
        .method("POST")
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &due.id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", host.services.sign_notification(&due.id, seconds, &due.body));
    let reaches = |ip| host.config.notify_private || is_public(ip);
    // Nothing but the status is read of the answer.
    let answer = client.send(&uri, reaches, request, Bytes::from(due.body.clone()), 0).await?;
    Ok(answer.status)
}
