//! What is worth knowing before publishing: size, permissions, assets, translations, views, accessibility; a score with reasons.
//!
//! | module | holds |
//! |---|---|
//! | `package` | what the package itself tells: bytes by cause, permissions against imports, assets, translations |
//! | `views` | what the program draws when each of its entries is opened, in both languages of the host |

mod package;
mod views;

use crate::Built;
use serde::Serialize;
use std::path::Path;
use youji_kiosk::Host;
use youji_package::{Package, PackageError, PackageLimits};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Somebody can't use the program, or a host may refuse it.
    Serious,
    /// Somebody is worse off.
    Minor,
    /// Worth a look; costs nothing.
    Hint,
}

impl Weight {
    /// Points that one finding takes from the score.
    pub fn points(self) -> u32 {
        match self {
            Weight::Serious => 10,
            Weight::Minor => 3,
            Weight::Hint => 0,
        }
    }
}

/// Most that all findings of one rule take together: one habit is one reason.
const RULE_POINTS: u32 = 25;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name of the rule, such as "permission-unused".
    pub rule: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// "manifest.json:12", a file, or a page of the program.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// Bytes with a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Such as "code", "data" or a file of the package.
    pub cause: String,
    /// As they are unpacked.
    pub bytes: usize,
}

/// A view that was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drawn {
    /// Path of the page.
    pub page: String,
    /// BCP 47.
    pub language: String,
    /// Nodes; the limit is 1,000.
    pub nodes: usize,
    /// Depth; the limit is 30.
    pub depth: usize,
    /// Bytes of the first frame to a screen.
    pub bytes: usize,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// 0 to 100: what is left after the points of the findings.
    pub score: u32,
    /// Points that each rule took.
    pub reasons: Vec<(&'static str, u32)>,
    /// What was found, what matters most first.
    pub findings: Vec<Finding>,
    /// Bytes of the package.
    pub package_bytes: usize,
    /// Where they come from, largest first.
    pub sizes: Vec<Part>,
    /// What was drawn.
    pub views: Vec<Drawn>,
}

/// Name of the rule for what the component calls and the manifest does not request: no host installs such a program.
pub const PERMISSION_MISSING: &str = "permission-missing";

/// Looks at a package that was built to be published. `host` has it installed, or there is none: then nothing is drawn. `dir` is the
/// project's folder.
///
/// # Errors
/// The package can't be read.
pub async fn check(dir: &Path, built: &Built, host: Option<&std::sync::Arc<Host>>) -> Result<Report, PackageError> {
    let package = Package::open(&built.bytes, &PackageLimits::default())?;
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap_or_default();
    let mut findings = Vec::new();
    let sizes = package::sizes(&package, built.bytes.len(), &mut findings);
    package::permissions(&package, &built.imports, &manifest, &mut findings);
    package::assets(&package, &mut findings);
    package::translations(&package, &manifest, &mut findings);
    let views = match host {
        Some(host) => Box::pin(views::views(host, &package, &mut findings)).await,
        None => Vec::new(),
    };
    findings.sort_by_key(|finding| match finding.weight {
        Weight::Serious => 0,
        Weight::Minor => 1,
        Weight::Hint => 2,
    });
    let mut reasons: Vec<(&'static str, u32)> = Vec::new();
    for finding in &findings {
        let points = finding.weight.points();
        match reasons.iter_mut().find(|(rule, _)| *rule == finding.rule) {
            Some((_, sum)) => *sum = (*sum + points).min(RULE_POINTS),
            None => reasons.push((finding.rule, points)),
        }
    }
    reasons.retain(|(_, points)| *points > 0);
    let lost: u32 = reasons.iter().map(|(_, points)| points).sum();
    Ok(Report {
        score: 100_u32.saturating_sub(lost),
        reasons,
        findings,
        package_bytes: built.bytes.len(),
        sizes,
        views,
    })
}
