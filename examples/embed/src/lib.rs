//! A guest house whose own axum service holds a Youji host: it draws a code for each room, and knows what is open, without a kiosk's
//! HTTP in between. The kiosk answers on a port of its own, in the same process, for whoever scans the codes.

use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use youji_api::ProgramId;
use youji_kiosk::qr::Code;
use youji_kiosk::{Host, HostConfig, OpenRequest, Problem, Server};
use youji_package::PublicKey;
use youji_runtime::EndReason;
use youji_services::{Merchant, Names};

/// What the guest house's handlers see: its own state would stand beside the host.
#[derive(Clone)]
struct House {
    host: Arc<Host>,
    program: ProgramId,
}

/// The service and the kiosk, both answering.
pub struct Service {
    /// Of the guest house's own routes.
    pub address: SocketAddr,
    /// Of the kiosk.
    pub kiosk: SocketAddr,
    server: Server,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Service {
    /// Opens a host on the folder of `config`, installs a package of a publisher whom the house trusts, and answers on both ports.
    ///
    /// # Errors
    /// The folder is in use, a port is taken, or the package is refused: the error says which, and what to do.
    pub async fn start(mut config: HostConfig, own: SocketAddr, package: Vec<u8>, publisher: &PublicKey) -> Result<Service> {
        // The port first: codes hold the kiosk's address.
        let kiosk = Server::bind(&mut config).await?;
        let host = Host::new(config).await?;

        // What an operator does once, here in code: the key is allowed, and its owner can be paid.
        let id = host.registry().allow_publisher("Guest House", publisher).await?;
        let merchant = Merchant {
            publisher: id,
            id: String::new(),
            name: Names::new("客栈", "Guest House"),
        };
        host.services().enrol_merchant(merchant).await?;
        let program = host.registry().publish(package).await?.program;
        host.programs_changed();

        let house = House {
            host: Arc::clone(&host),
            program,
        };
        let router = Router::new()
            .route("/rooms/{room}/code.svg", get(code))
            .route("/rooms/{room}/first-view", get(first_view))
            .route("/health", get(health))
            .with_state(house);
        let listener = TcpListener::bind(own).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let serve = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = serve.await {
                eprintln!("the guest house does not answer any more: {error}");
            }
        });
        Ok(Service {
            address,
            kiosk: kiosk.local_addr()?,
            server: Server::start(host, kiosk),
            serving,
            stop,
        })
    }

    /// Ends every session, writes a checkpoint, closes both ports.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
        self.server.stop().await;
    }
}

/// What a room's printed code carries: at most 12 bytes, and nothing that has to be trusted.
fn scene(room: u16) -> String {
    format!("R{room}")
}

/// The code that hangs in a room, signed by this host.
async fn code(State(house): State<House>, Path(room): Path<u16>) -> Result<Response, Refused> {
    let text = house.host.code_for(&house.program, "", &scene(room))?;
    let drawn = Code::new(&text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], drawn.svg()).into_response())
}

/// What somebody would see who scans it: a session of the house's own, from the scan to the receipt of what was freed.
async fn first_view(State(house): State<House>, Path(room): Path<u16>) -> Result<Json<serde_json::Value>, Refused> {
    let host = &house.host;
    let text = host.code_for(&house.program, "", &scene(room))?;
    let person = host.services().create_visitor("en").await.map_err(Problem::from)?;
    let opened = Box::pin(host.open(&person.id, OpenRequest::scan(text, "en"))).await?;
    let receipt = opened.session.close(EndReason::Closed).await;
    Ok(Json(serde_json::json!({
        "view": opened.first,
        "steps": opened.steps,
        "receipt": receipt,
    })))
}

async fn health(State(house): State<House>) -> Json<serde_json::Value> {
    Json(serde_json::json!({"programs": house.host.programs().len()}))
}

/// The host's problems are problem documents (RFC 9457), status included.
struct Refused(Response);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(problem.into_response())
    }
}

impl From<StatusCode> for Refused {
    fn from(status: StatusCode) -> Refused {
        Refused(status.into_response())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0
    }
}
