//! A host on this machine's data folder, for commands that need no kiosk.

use crate::place;
use anyhow::{Context, Result};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use youji_kiosk::{Host, HostConfig};

/// Where a host keeps its data, as options of a command.
#[derive(clap::Args)]
pub(crate) struct DataFolder {
    /// Data folder of the host; where `youji demo` keeps it unless told
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address that codes begin with, such as https://kiosk.example
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

impl DataFolder {
    /// Does something with the host of this folder, and shuts it down whatever came of it.
    ///
    /// # Errors
    /// The folder does not exist or is in use; what `task` says.
    pub(crate) fn with_host<T, F, W>(&self, task: F) -> Result<T>
    where
        F: FnOnce(Arc<Host>) -> W,
        W: Future<Output = Result<T>>,
    {
        let data = match &self.data {
            Some(data) => data.clone(),
            None => place::data_folder()?,
        };
        require(&data)?;
        with_host(
            HostConfig {
                public_url: self.public_url.clone(),
                ..HostConfig::new(&data)
            }
            .as_served_last()?,
            task,
        )
    }
}

fn require(data: &Path) -> Result<()> {
    match data.is_dir() {
        true => Ok(()),
        false => anyhow::bail!(
            "there is no data folder {}; run `youji demo` once, or name another with --data DIR",
            data.display()
        ),
    }
}

/// The same with settings of one's own.
///
/// # Errors
/// As [`DataFolder::with_host`].
pub(crate) fn with_host<T, F, W>(config: HostConfig, task: F) -> Result<T>
where
    F: FnOnce(Arc<Host>) -> W,
    W: Future<Output = Result<T>>,
{
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no async runtime could be started")?;
    tokio.block_on(async {
        let host = Host::new(config).await?;
        let done = Box::pin(task(Arc::clone(&host))).await;
        host.shutdown().await;
        done
    })
}

/// Where the workspace with `miniprograms/` is, as an option of a command.
#[derive(clap::Args)]
pub(crate) struct Workspace {
    /// Folder of the workspace that holds miniprograms/; the one around the current folder unless told
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl Workspace {
    /// The folder.
    ///
    /// # Errors
    /// Not told, and the current folder is in none.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let found = self.root.clone().or_else(place::workspace);
        found.context("this is not a workspace with miniprograms/; go there, or name it with --root DIR")
    }
}
