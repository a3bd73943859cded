//! One host: registry, services, runtime and gate of one data folder, without any HTTP.

use crate::config::HostConfig;
use crate::open::ProgramCard;
use crate::problem::Problem;
use crate::screen::Screen;
use std::sync::Arc;
use youji_api::{Gate, ProgramId, SessionId};
use youji_runtime::{Receipt, Runtime};
use youji_services::Services;

/// Everything behind a kiosk. No global state: a process can hold several.
pub struct Host {
    config: HostConfig,
}

/// Why a host did not start: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Another process has the data folder.
    #[error(
        "the data folder {path} is in use by another youji (process {process}). Stop that one, or choose another folder with --data DIR"
    )]
    InUse {
        /// Which.
        path: String,
        /// Its process id as it wrote it down; "unknown" if it did not.
        process: String,
    },
    /// The folder or a file in it.
    #[error("{path}: {reason}. {remedy}")]
    Folder {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The port.
    #[error("can't listen on {address}: {reason}. {remedy}")]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// Services, registry or runtime refuse.
    #[error("{part} did not start: {reason}")]
    Part {
        /// Which.
        part: &'static str,
        /// What it says.
        reason: String,
    },
}

impl Host {
    /// Opens or makes the data folder and composes what is in it. Needs a multi-threaded Tokio runtime.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn new(_config: HostConfig) -> Result<Arc<Host>, HostError> {
        todo!()
    }

    /// What it was made with.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// People, money, messages.
    pub fn services(&self) -> &Arc<Services> {
        todo!()
    }

    /// Programs and sessions.
    pub fn runtime(&self) -> &Arc<Runtime> {
        todo!()
    }

    /// What every host call goes through.
    pub fn gate(&self) -> &Gate {
        todo!()
    }

    /// The newest version of each program, as lists show them.
    pub fn programs(&self) -> Vec<ProgramCard> {
        todo!()
    }

    /// Text of the scan code that opens a page with a scene of at most 12 bytes, such as "T7". `page` empty: home.
    ///
    /// # Errors
    /// No such program or page, a page that is no entry, a scene that is too long.
    pub fn code_for(&self, _program: &ProgramId, _page: &str, _scene: &str) -> Result<String, Problem> {
        todo!()
    }

    /// What the screen of a live session should show: sheets, scanner, inbox.
    pub fn screen(&self, _session: SessionId) -> Option<Arc<Screen>> {
        todo!()
    }

    /// Where the kiosk is reached, without a slash at the end: what codes begin with.
    pub fn public_url(&self) -> String {
        todo!()
    }

    /// Unloads every session, writes a checkpoint. Call it last.
    pub async fn shutdown(&self) -> Vec<Receipt> {
        todo!()
    }
}
