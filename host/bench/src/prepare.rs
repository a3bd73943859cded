//! What benches run on: the sample programs, built and signed, on fresh hosts.

use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use youji_api::ProgramId;
use youji_dev::{Built, Options, Progress};
use youji_kiosk::{Host, HostConfig};
use youji_package::PublisherKey;
use youji_services::{Merchant, Names};

/// Below the workspace: outside of every data folder, gone with `cargo clean`.
const FOLDER: &str = "target/youji-bench";

/// Signed packages of all sample programs.
pub struct Packages {
    built: Vec<Built>,
    key: PublisherKey,
    /// A folder on the disk that is measured, for data that is thrown away.
    pub folder: PathBuf,
}

/// Builds what changed below `root`/miniprograms; `say` gets a line for each step.
///
/// # Errors
/// `root` is no workspace with sample programs, or they do not build.
pub fn packages(root: &Path, say: &mut dyn FnMut(&str)) -> Result<Packages> {
    let programs = root.join("miniprograms");
    anyhow::ensure!(
        programs.is_dir(),
        "{} does not exist; run this in the workspace's folder, or name it with --root",
        programs.display()
    );
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let key = youji_dev::publisher_key(&folder.join("publisher.key"))?;
    let built = youji_dev::build_all(&Options::new(root, &folder, &key), &mut |progress| match progress {
        Progress::AddingTarget(target) => say(&format!("adding the target {target}")),
        Progress::Compiling(name) => say(&format!("compiling {name}")),
        _ => {}
    })?;
    Ok(Packages { built, key, folder })
}

/// A program that hangs when it is told to; see `tests/hostile`.
pub struct Hostile {
    /// Its component.
    pub component: Vec<u8>,
}

/// Builds it.
///
/// # Errors
/// It does not build.
pub fn hostile(root: &Path) -> Result<Hostile> {
    let target = root.join("target/miniprograms");
    let arguments = [
        "build",
        "--quiet",
        "--profile",
        "miniprogram",
        "--target",
        "wasm32-unknown-unknown",
        "--package",
        "youji-hostile",
    ];
    let status = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .status()
        .context("cargo can't be run")?;
    anyhow::ensure!(status.success(), "tests/hostile did not build");
    let module = target.join("wasm32-unknown-unknown/miniprogram/youji_hostile.wasm");
    let module = std::fs::read(&module).with_context(|| format!("{} can't be read", module.display()))?;
    Ok(Hostile {
        component: youji_dev::component::encode(&module)?,
    })
}

impl Packages {
    /// Installs all of them on a host whose operator allows their publisher.
    ///
    /// # Errors
    /// What the registry or the services refuse.
    pub async fn publish(&self, host: &Arc<Host>) -> Result<()> {
        let publisher = host.registry().allow_publisher("Youji Samples", &self.key.public()).await?;
        let name = Names::new("有机示例", "Youji Samples");
        host.services()
            .enrol_merchant(Merchant {
                publisher,
                id: String::new(),
                name,
            })
            .await?;
        for built in &self.built {
            host.registry().publish(built.bytes.clone()).await?;
        }
        host.programs_changed();
        Ok(())
    }

    /// A fresh host with all of them on a folder that goes with the first value.
    ///
    /// # Errors
    /// The host does not start.
    pub async fn host(&self, settings: impl FnOnce(HostConfig) -> HostConfig) -> Result<(tempfile::TempDir, Arc<Host>)> {
        let data = tempfile::tempdir_in(&self.folder)?;
        let host = Host::new(settings(HostConfig::new(data.path()))).await?;
        self.publish(&host).await?;
        Ok((data, host))
    }

    /// The one program whose folder or id has that name in it.
    ///
    /// # Errors
    /// There is none.
    pub fn id(&self, name: &str) -> Result<ProgramId> {
        Ok(ProgramId::from(self.find(name)?.app_id.as_str()))
    }

    /// The package of a program.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &str) -> Result<&Built> {
        let named = |built: &&Built| built.path.file_stem().is_some_and(|stem| stem == name) || built.app_id.ends_with(name);
        self.built
            .iter()
            .find(named)
            .ok_or_else(|| anyhow!("there is no sample program \"{name}\" below miniprograms/"))
    }

    /// Who signed them.
    pub fn key(&self) -> &PublisherKey {
        &self.key
    }
}
