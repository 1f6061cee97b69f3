//! The keeper: the one process a history that outlives its agents. Hooks start it, nobody configures it, it leaves by itself.
//!
//! ```text
//! exporters ─▶ door: OTLP on the history's port, under its secret ─▶ bus ─▶ history
//! agents' own records ─▶ follow: those that sessions name, to their end ─▶ history
//! coders' folders ─▶ folders: what no tool told, held until it is known whose it is ─▶ history
//! vigil: is anybody there? ─▶ after the last sign of life: door closed, seat freed, one more look
//! ```
//!
//! It promises: killed at any moment it costs nothing, since all it knows is in the history and the next hook starts another;
//! who comes while it leaves is seen by it, or finds the seat free; a newer program in its own one's place takes over with
//! port and seat. It refuses to know what is exported, and what is upkeep.

mod authors;
mod catch_up;
mod door;
mod folders;
mod follow;
mod held;
mod program;
mod records;
mod status;
mod vigil;

use std::{io, net::TcpListener, path::PathBuf, time::Duration};

use crate::{
    bus::{Begin, Bus},
    collect::Token,
    event::Family,
    filter::{Filter, TypeSet},
    history::{Options, Retention},
    notifier::{self, NotifySettings},
    signals::{HANGUP, INTERRUPT, Signals, TERMINATE},
    upkeep,
    wake::{self, KeeperSettings, Seat},
};

use door::Door;
use folders::FolderWatch;
use follow::RecordFollower;
use program::OwnProgram;
pub use status::KeeperStatus;
use status::StatusFile;
use vigil::Vigil;

/// The `source` of what it saw itself.
const KEEPER: &str = "keep";
/// Between two looks at who is there: how much later than it could it leaves, and how late its status shows.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why nothing is kept, or no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to listen to signals")]
    Signals(#[source] io::Error),
    #[error("failed to make the secret that exporters must know, `{path}`")]
    Secret { path: PathBuf, source: io::Error },
}

/// What is kept, and how.
#[derive(Debug)]
pub struct Kept {
    pub options: Options,
    pub retention: Retention,
    pub settings: KeeperSettings,
    pub notify: NotifySettings,
    /// Where Copilot keeps what it keeps: its hooks do not say.
    pub copilot_folder: Option<PathBuf>,
    /// The user's own, which is not watched as a whole.
    pub home: Option<PathBuf>,
}

/// How a turn of the keeper's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nobody was there for long enough.
    Deserted,
    /// Somebody asked for it.
    Asked,
    /// Another program lies in the place of this one.
    Replaced,
}

/// Keeps until nobody is there any more, or somebody asks for the end. Without a `listener` only what comes otherwise.
///
/// # Errors
/// [`Error`] where it cannot even begin.
pub async fn keep(kept: Kept, seat: Seat, listener: Option<TcpListener>) -> Result<(), Error> {
    // A terminal that is closed is no matter of a keeper's; that of one started by hand asks for its end.
    let mut signals = Signals::listen(&[TERMINATE, INTERRUPT, HANGUP]).map_err(Error::Signals)?;
    let secret_path = kept.options.secret_path();
    let secret = wake::made_secret(&kept.options).map_err(|source| Error::Secret { path: secret_path, source })?;
    let secret = Token::new(&secret).expect("a secret is not empty");
    let bus = Bus::new(kept.options.clone());
    let lives = Filter { types: Some(TypeSet::family(Family::Lifecycle)), ..Filter::default() };
    let follower = RecordFollower::start(&kept.options, kept.copilot_folder.clone());
    let orders = follower.orders().clone();
    let hearing = bus.handle(lives, Begin::Now, move |event| orders.hear(event));
    let telling = notifier::start(&bus, &kept.options, kept.notify.clone());
    follower.orders().catch_up();
    let folders = FolderWatch::start(&kept, &bus);
    let orders = follower.orders().clone();
    let last_words = Box::new(move |coders: &[String]| orders.hear_last_words(coders));
    let upkeep = upkeep::start_with(&bus, &kept.options, kept.retention, last_words);
    let mut turn = KeeperTurn {
        vigil: Vigil::new(kept.settings.leaves_after),
        program: OwnProgram::of_process(),
        status: StatusFile::new(seat, &kept),
        door: Door::open(listener, secret, &bus),
        follower,
        folders,
        bus: bus.clone(),
        kept,
    };
    let ended = loop {
        let ended = turn.run(&mut signals).await;
        if ended != Turn::Deserted || !turn.is_wanted_again().await {
            break ended;
        }
    };
    let KeeperTurn { door, follower, folders, program, status, kept, .. } = turn;
    let listener = door.close().await;
    drop((hearing, telling));
    upkeep.stop();
    follower.end();
    folders.end();
    bus.shutdown().await;
    if ended == Turn::Replaced
        && let Some(program) = program
    {
        let error = wake::replace_process(program.path(), &kept.options.path, status.seat(), listener);
        tracing::warn!("failed to go on as the new program: {error}");
    }
    Ok(())
}

struct KeeperTurn {
    kept: Kept,
    bus: Bus,
    vigil: Vigil,
    program: Option<OwnProgram>,
    status: StatusFile,
    door: Door,
    follower: RecordFollower,
    folders: FolderWatch,
}

impl KeeperTurn {
    async fn run(&mut self, signals: &mut Signals) -> Turn {
        let mut looks = tokio::time::interval(LOOK_EVERY.min(self.kept.settings.leaves_after / 4).max(Duration::from_millis(10)));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = signals.next() => if signal != HANGUP {
                    return Turn::Asked;
                },
                _ = looks.tick() => {}
            }
            self.vigil.look(&self.bus, self.door.tally()).await;
            self.status.tell(&self.door, self.follower.files(), self.folders.watched());
            if self.vigil.is_over() {
                return Turn::Deserted;
            }
            if self.program.as_mut().is_some_and(OwnProgram::is_replaced) {
                return Turn::Replaced;
            }
        }
    }

    /// Whoever came since the last look tried the seat only after it was written down: so it is freed first, and looked once
    /// more. Whoever takes it now finds the port free too.
    async fn is_wanted_again(&mut self) -> bool {
        self.door.shut().await;
        if let Err(error) = self.status.seat().free() {
            tracing::warn!("the keeper's seat cannot be freed: {error}");
            return false;
        }
        self.vigil.look(&self.bus, self.door.tally()).await;
        if self.vigil.is_over() || !self.status.seat().take_again().unwrap_or(false) {
            return false;
        }
        let port = wake::port(&self.kept.options, &self.kept.settings);
        self.door.open_again(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).ok(), &self.bus);
        true
    }
}
