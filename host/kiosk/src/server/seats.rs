//! Who sits at which device, and what they have open.

use super::extract::Token;
use super::first::Firsts;
use super::pays::Pays;
use crate::config::HostConfig;
use crate::open::Opened;
use crate::prepared::Prepared;
use crate::problem::Problem;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use youji_api::{PersonId, SessionId, codes};
use youji_runtime::{Ended, Session};
use youji_services::SeatId;

/// Ended sessions whose end a screen that was away can still be told.
const ENDED_KEPT: usize = 8;
/// Lines on which one seat follows messages: a page, one that is being loaded again, and some to spare.
const LISTENING_MAX: usize = 4;
/// A phone in a pocket is no abandoned kiosk: its visitor is kept this many times longer.
const PHONE: u32 = 30;

/// A device with a person at it.
pub(crate) struct Seat {
    token: [u8; 32],
    /// A part of the token's hash, so that no seat gets another one's.
    pub(crate) id: SeatId,
    pub(crate) person: PersonId,
    pub(crate) visitor: bool,
    /// The kiosk's own screen, not a phone on the network.
    kiosk: bool,
    state: Mutex<State>,
    /// Payments to merchants, without a mini-program.
    pub(crate) pays: Mutex<Pays>,
    /// Programs that wait for a yes before their first run.
    pub(crate) firsts: Mutex<Firsts>,
    over: watch::Sender<bool>,
}

/// A program that is open at a seat, and what a page that comes back must know of it.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) session: Session,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) steps: Vec<(&'static str, u64)>,
    pub(crate) total_us: u64,
    /// The session whose program opened it: the person is taken back there.
    pub(crate) from: Option<SessionId>,
    /// The text of the code that it was opened with: who scans it again wants this session.
    pub(crate) code: Option<String>,
}

impl Here {
    pub(crate) fn new(opened: Opened, from: Option<SessionId>, code: Option<String>) -> Self {
        Here {
            session: opened.session,
            prepared: opened.prepared,
            steps: opened.steps,
            total_us: opened.total_us,
            from,
            code,
        }
    }
}

struct State {
    open: Vec<Here>,
    ended: VecDeque<(SessionId, Arc<Ended>)>,
    touched: Instant,
    /// Openings that the person waits for: a long one (a first compilation) is no idling.
    opening: u32,
    /// Lines on which messages are followed.
    listening: usize,
    over: bool,
}

/// A session of a seat.
pub(crate) enum Found {
    Live(Session),
    Ended(Arc<Ended>),
}

impl Seat {
    /// Somebody did something here.
    pub(crate) fn touch(&self) {
        self.state.lock().touched = Instant::now();
    }

    pub(crate) fn touched(&self) -> Instant {
        let mut state = self.state.lock();
        if state.opening > 0 {
            state.touched = Instant::now();
        }
        state.touched
    }

    pub(crate) fn idle_after(&self, config: &HostConfig) -> Duration {
        if self.kiosk { config.idle } else { config.idle * PHONE }
    }

    /// The person waits for something until the answer is dropped.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.state.lock().opening += 1;
        Waiting(Arc::clone(self))
    }

    /// A program was opened here. Refused when the person has left meanwhile, or has too many open.
    pub(crate) fn add(&self, here: Here, limit: usize) -> Result<(), Problem> {
        let mut state = self.state.lock();
        prune(&mut state);
        if state.over {
            return Err(Problem::no_person());
        }
        // The one that makes room for this may still be saving its state.
        if state.open.iter().filter(|here| !here.session.is_closing()).count() >= limit {
            return Err(Problem::new(
                429,
                codes::LIMIT,
                "Too many programs",
                format!("{limit} programs are open at this seat; no other one was opened."),
                "Close one of them.",
            ));
        }
        state.open.push(here);
        Ok(())
    }

    pub(crate) fn live(&self) -> Vec<Here> {
        let mut state = self.state.lock();
        prune(&mut state);
        state.open.clone()
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<Found> {
        let mut state = self.state.lock();
        prune(&mut state);
        if let Some(here) = state.open.iter().find(|here| here.session.id() == id) {
            return Some(Found::Live(here.session.clone()));
        }
        let ended = state.ended.iter().find(|(ended, _)| *ended == id);
        ended.map(|(_, ended)| Found::Ended(Arc::clone(ended)))
    }

    /// Nobody sits here any more: true, and its sessions, for whoever is first to say so.
    pub(crate) fn leave(&self) -> Option<Vec<Here>> {
        let mut state = self.state.lock();
        if state.over {
            return None;
        }
        state.over = true;
        self.over.send_replace(true);
        Some(std::mem::take(&mut state.open))
    }

    /// Nobody sits here any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().over
    }

    /// Turns true when nobody sits here any more.
    pub(crate) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// Messages are followed here until the answer is dropped.
    pub(crate) fn listen(self: &Arc<Self>) -> Result<Listening, Problem> {
        let mut state = self.state.lock();
        if state.listening >= LISTENING_MAX {
            return Err(Problem::new(
                429,
                codes::LIMIT,
                "Too many lines",
                format!("{LISTENING_MAX} lines follow the messages at this seat; no other one was opened."),
                "Close one of them.",
            ));
        }
        state.listening += 1;
        Ok(Listening(Arc::clone(self)))
    }
}

/// A line that follows messages.
pub(crate) struct Listening(Arc<Seat>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.state.lock().listening -= 1;
    }
}

/// Somebody waits at a seat.
pub(crate) struct Waiting(Arc<Seat>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.opening -= 1;
        state.touched = Instant::now();
    }
}

fn prune(state: &mut State) {
    let State { open, ended, .. } = state;
    open.retain(|here| match here.session.try_ended() {
        None => true,
        Some(end) => {
            if ended.len() == ENDED_KEPT {
                ended.pop_front();
            }
            ended.push_back((here.session.id(), end));
            false
        }
    });
}

/// All seats, by the hash of their cookie's secret.
pub(crate) struct Seats {
    all: Mutex<HashMap<[u8; 32], Arc<Seat>>>,
    /// Counted up under the lock of `all` only.
    reserved: AtomicUsize,
    limit: usize,
}

impl Seats {
    pub(crate) fn new(limit: usize) -> Self {
        Seats {
            all: Mutex::default(),
            reserved: AtomicUsize::new(0),
            limit,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.lock().len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Seat>> {
        self.all.lock().values().cloned().collect()
    }

    pub(crate) fn get(&self, token: &[u8; 32]) -> Option<Arc<Seat>> {
        self.all.lock().get(token).cloned()
    }

    /// Keeps a place for somebody who is about to sit down, before anything is made for them. When all are taken, the phone that was quiet
    /// for longest is shown out: its seat comes along and has to be ended.
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<(Place, Option<Arc<Seat>>), Problem> {
        // The cookie is a new one each time, so that nobody can prepare it.
        let token = Token::new()?;
        let mut all = self.all.lock();
        let mut quiet = None;
        if all.len() + self.reserved.load(Ordering::Relaxed) >= self.limit {
            let found = all.values().filter(|seat| !seat.kiosk).min_by_key(|seat| seat.touched()).cloned();
            let found = found.ok_or_else(|| {
                Problem::new(
                    503,
                    "full",
                    "All seats are taken",
                    format!("{} people are here already.", self.limit),
                    "Try again in a moment.",
                )
            })?;
            all.remove(&found.token);
            quiet = Some(found);
        }
        self.reserved.fetch_add(1, Ordering::Relaxed);
        let kept = Kept(Arc::clone(self));
        Ok((Place { kept, token }, quiet))
    }

    pub(crate) fn remove(&self, seat: &Seat) {
        self.all.lock().remove(&seat.token);
    }
}

/// A place that is kept for somebody; free again when dropped.
pub(crate) struct Place {
    kept: Kept,
    token: Token,
}

struct Kept(Arc<Seats>);

impl Place {
    /// Somebody sits down.
    pub(crate) fn sit(self, person: PersonId, visitor: bool, kiosk: bool) -> Token {
        let Place { kept, token } = self;
        let (id, _) = token.hash.split_at(16);
        let seat = Arc::new(Seat {
            token: token.hash,
            id: SeatId(id.iter().fold(0, |id, byte| (id << 8) | u128::from(*byte))),
            person,
            visitor,
            kiosk,
            state: Mutex::new(State {
                open: Vec::new(),
                ended: VecDeque::new(),
                touched: Instant::now(),
                opening: 0,
                listening: 0,
                over: false,
            }),
            pays: Mutex::default(),
            firsts: Mutex::default(),
            over: watch::Sender::new(false),
        });
        kept.0.all.lock().insert(token.hash, seat);
        token
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.reserved.fetch_sub(1, Ordering::Relaxed);
    }
}
