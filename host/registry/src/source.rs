//! Where packages come from that are not here yet.

use crate::error::RegistryError;
use crate::registry::ProgramRef;
use async_trait::async_trait;

/// A place to fetch packages from: another host, a shelf of files. What it gives is verified like anything else.
#[async_trait]
pub trait Source: Send + Sync {
    /// The newest `.ma` of a program, or none if the source does not have it.
    ///
    /// # Errors
    /// The source could not be asked.
    async fn fetch(&self, program: &ProgramRef) -> Result<Option<Vec<u8>>, RegistryError>;
}
