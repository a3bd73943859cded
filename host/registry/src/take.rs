//! How packages and statements get in: everything is verified and decided before anything is written, and it is written at once or not at
//! all.

use crate::error::RegistryError;
use crate::index::{ProgramRow, VersionRow};
use crate::installed::Installed;
use crate::listed::{ProgramRef, Published};
use crate::state::{Inner, State};
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Channel, PLATFORM_CODE, Package, ShortId, SignedStatement, StatedVersion};

/// Where something comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Whoever owns the data folder.
    Here,
    /// Its publisher, over the network.
    Publisher,
    /// The registry of that name.
    Registry(String),
}

/// What is offered.
pub(crate) struct Offer {
    /// A `.ma`.
    pub(crate) package: Option<Vec<u8>>,
    /// What its publisher says of it and of the other versions.
    pub(crate) statement: Option<SignedStatement>,
    /// What was asked for, where somebody asked.
    pub(crate) wanted: Option<ProgramRef>,
    pub(crate) from: From,
    /// The operator asked for this very version, for that channel: it may be older than what is here.
    pub(crate) chosen: Option<Channel>,
}

/// How a package that is offered stands to what is here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admitted {
    /// A new program or version.
    New,
    /// Installed already.
    Intact,
    /// Installed already, but altered on disk: it is written again.
    Damaged,
}

/// What an offer is about.
struct About {
    program: ProgramId,
    publisher: PublisherId,
    channel: Channel,
}

impl Inner {
    pub(crate) fn take(&self, offer: Offer) -> Result<Published, RegistryError> {
        let opened = offer
            .package
            .as_deref()
            .map(|bytes| Package::open(bytes, &self.options.limits))
            .transpose()?;
        let _writing = self.writing.blocking_lock();
        let about = self.admit_offer(&offer, opened.as_ref())?;
        let mut index = self.state.read().index.clone();
        let mut row = index.programs.remove(&about.program).unwrap_or_else(|| {
            let origin = match &offer.from {
                From::Registry(name) => Some(name.clone()),
                From::Here | From::Publisher => None,
            };
            ProgramRow::new(about.publisher.clone(), origin)
        });
        let before = row.clone();
        if let Some(signed) = &offer.statement {
            row.statement = Some(signed.text().to_owned());
        }
        let mut new = None;
        let mut version = before.in_channel(about.channel).cloned();
        if let (Some(package), Some(bytes)) = (&opened, &offer.package) {
            let offered = VersionRow {
                code: package.manifest.version.code,
                digest: package.digest,
            };
            let admitted = self.admit(package, &about, &offer)?;
            if admitted != Admitted::Intact {
                new = Some(self.write(package, bytes, &about)?);
            }
            place(&mut row, &offered, admitted, about.channel, &offer);
            version = Some(offered);
        }
        if let Some(signed) = &offer.statement {
            self.promote(&mut row, signed, &offer.from);
        }
        if offer.from == From::Here && row != before {
            row.origin = None;
        }
        let version = version.or_else(|| row.versions().next().cloned());
        let changed = row != before;
        index.programs.insert(about.program.clone(), row);
        // What nobody can open is no program: its publisher took back the only version before anybody had it.
        let Some(version) = version else {
            return Err(RegistryError::NotFound(about.program.to_string()));
        };
        let published = Published {
            program: about.program,
            version: version.code,
            digest: version.digest,
            publisher: about.publisher,
            channel: about.channel,
            changed,
        };
        if let Some((digest, installed)) = new {
            self.state.write().versions.insert(digest, Ok(Arc::new(installed)));
        }
        if changed {
            self.commit(index)?;
        }
        Ok(published)
    }

    /// Who and what it is about, and whether they may.
    fn admit_offer(&self, offer: &Offer, package: Option<&Package>) -> Result<About, RegistryError> {
        let state = self.state.read();
        let (program, publisher) = match (&offer.statement, package) {
            (Some(signed), _) => (&signed.statement.program, signed.publisher.id()),
            (None, Some(package)) => (&package.manifest.app_id, package.publisher.id()),
            (None, None) => {
                return Err(RegistryError::Invalid(
                    "neither a package nor a statement; send one of them".to_owned(),
                ));
            }
        };
        let named = ShortId::of(program);
        let asked = |wanted: &ProgramRef| *wanted == ProgramRef::Id(program.clone()) || *wanted == ProgramRef::Short(named);
        if let Some(wanted) = offer.wanted.as_ref().filter(|wanted| !asked(wanted)) {
            return Err(RegistryError::source(
                &offer.from.to_string(),
                format!("was asked for {wanted} and gave {program}"),
            ));
        }
        state.allowed(&publisher)?;
        match state.index.programs.get(program) {
            Some(row) if row.publisher != publisher => {
                return Err(RegistryError::ChangedKey {
                    program: program.to_string(),
                    expected: row.publisher.to_string(),
                    found: publisher.to_string(),
                });
            }
            Some(_) => {}
            None => {
                if let Some(other) = state.derived.shorts.get(&named) {
                    return Err(RegistryError::ShortIdTaken {
                        program: program.to_string(),
                        other: other.to_string(),
                    });
                }
                let limit = self.options.programs;
                if state.index.programs.len() >= limit {
                    return Err(RegistryError::Full { what: "programs", limit });
                }
            }
        }
        if let Some(signed) = &offer.statement {
            newer(&state, signed, &offer.from)?;
        }
        let mut channel = offer.chosen.unwrap_or_default();
        if let (Some(signed), Some(package)) = (&offer.statement, package) {
            let stated = stated(signed, package)?;
            channel = offer.chosen.unwrap_or(stated.channel);
        }
        Ok(About {
            program: program.clone(),
            publisher,
            channel,
        })
    }

    /// Whether the package may be installed.
    fn admit(&self, package: &Package, about: &About, offer: &Offer) -> Result<Admitted, RegistryError> {
        let state = self.state.read();
        let offered = package.manifest.version.code;
        let none = ProgramRow::new(about.publisher.clone(), None);
        let row = state.index.programs.get(&about.program).unwrap_or(&none);
        if row.versions().any(|version| version.digest == package.digest) {
            let intact = matches!(state.versions.get(&package.digest), Some(Ok(installed)) if installed.is_intact());
            return Ok(if intact { Admitted::Intact } else { Admitted::Damaged });
        }
        state.not_yanked(&about.program, &package.digest)?;
        // A number that was tried out with other content would be two versions.
        let tried = row.trial.as_ref().is_some_and(|trial| trial.code == offered);
        let known = match about.channel {
            Channel::Release if !tried => row.highest,
            Channel::Release | Channel::Trial => row.highest.max(row.highest_trial),
        };
        if offer.chosen.is_none() && offered <= known {
            return Err(RegistryError::Downgrade {
                program: about.program.to_string(),
                installed: known,
                offered,
            });
        }
        let needs = package.manifest.platform_min_code;
        if needs > PLATFORM_CODE {
            return Err(RegistryError::NewerPlatform {
                program: about.program.to_string(),
                needs,
                have: PLATFORM_CODE,
            });
        }
        Ok(Admitted::New)
    }

    /// Onto the disk, where nothing refers to it yet, and back: what is served from now on is what lies there, not what was in memory.
    fn write(&self, package: &Package, bytes: &[u8], about: &About) -> Result<(youji_package::Digest, Installed), RegistryError> {
        if let Some(check) = &self.options.check {
            // The texts of reasons are of no matter here, so no language is.
            let requested = package.manifest.requested(&package.i18n, "");
            check(package.wasm(), &requested).map_err(|reason| RegistryError::Component {
                program: about.program.to_string(),
                reason,
            })?;
        }
        self.folder.write_package(package, bytes)?;
        let place = self.folder.package(&package.digest);
        let installed = Installed::load(place, package.digest, &about.publisher, Arc::clone(&self.cache))?;
        Ok((package.digest, installed))
    }

    /// A trial that its publisher released since is what everybody gets.
    fn promote(&self, row: &mut ProgramRow, signed: &SignedStatement, from: &From) {
        let Some(trial) = row.trial.clone() else { return };
        let stated = signed.statement.of(&trial.digest);
        let released = stated.is_some_and(|stated| stated.channel == Channel::Release && stated.yanked.is_none());
        if released && trial.code > row.highest && (!row.held || *from == From::Here) {
            row.held = false;
            row.release(trial);
        }
    }
}

/// Puts a version in its place.
fn place(row: &mut ProgramRow, offered: &VersionRow, admitted: Admitted, channel: Channel, offer: &Offer) {
    if let Some(channel) = offer.chosen {
        match channel {
            Channel::Release => {
                row.previous = row.current.replace(offered.clone());
                row.held = offered.code < row.highest;
            }
            Channel::Trial => row.trial = Some(offered.clone()),
        }
        return;
    }
    let is_trial = row.trial.as_ref() == Some(offered);
    match channel {
        // Which of its versions opens is not changed by offering one again; but a trial that is offered to everybody is released.
        Channel::Release if admitted != Admitted::New && !is_trial => {}
        // What the operator chose stays; the new one is kept beside it, so that one step leads there.
        Channel::Release if row.held && offer.from != From::Here => {
            row.highest = row.highest.max(offered.code);
            row.previous = Some(offered.clone());
            row.trial = row.trial.take().filter(|trial| trial.code > offered.code);
        }
        Channel::Release => {
            row.held = false;
            row.release(offered.clone());
        }
        Channel::Trial if admitted != Admitted::New => {}
        Channel::Trial => row.try_out(offered.clone()),
    }
}

/// Whether a statement is at least as new as the one that is known.
fn newer(state: &State, signed: &SignedStatement, from: &From) -> Result<(), RegistryError> {
    let Some(known) = state.derived.statements.get(&signed.statement.program) else {
        return Ok(());
    };
    let (had, offered) = (known.statement.serial, signed.statement.serial);
    // The same number for something else is no newer either.
    if offered < had || (offered == had && known.statement != signed.statement) {
        return Err(RegistryError::Replayed {
            source_name: from.to_string(),
            program: signed.statement.program.to_string(),
            known: had,
            offered,
        });
    }
    Ok(())
}

/// What the statement says of that package.
fn stated<'a>(signed: &'a SignedStatement, package: &Package) -> Result<&'a StatedVersion, RegistryError> {
    let differs = |what: &str| RegistryError::NotStated {
        program: signed.statement.program.to_string(),
        what: what.to_owned(),
    };
    if package.publisher != signed.publisher {
        return Err(differs("its publisher"));
    }
    if package.manifest.app_id != signed.statement.program {
        return Err(differs("its program"));
    }
    let stated = signed.statement.of(&package.digest).ok_or_else(|| differs("its digest"))?;
    if stated.code != package.manifest.version.code {
        return Err(differs("its version"));
    }
    if let Some(reason) = &stated.yanked {
        return Err(RegistryError::Yanked {
            program: signed.statement.program.to_string(),
            version: stated.name.clone(),
            reason: reason.clone(),
        });
    }
    Ok(stated)
}

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            From::Here => f.write_str("this machine"),
            From::Publisher => f.write_str("the publisher"),
            From::Registry(name) => f.write_str(name),
        }
    }
}
