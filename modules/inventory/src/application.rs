//! What can be done with stock, each in one transaction. Holds no SQL and no HTTP.

mod contract;
mod counting;
mod initial;
mod leaving;
mod places;
mod reading;
mod reserving;
mod sheets;
mod shelves;
mod transfers;
mod watching;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::inventory::{AvailabilityChanged, StockLow};
use stoa_kernel::{LocationId, TenantId, Timestamp, TransferId, VariantId, kind};
use stoa_storage::{Cause, Claim, Error, IdempotencyKey, Tx};

use crate::domain::{BelowReserved, Level, Place, Standing, Transfer, TransferRefused};
use crate::infrastructure as store;

pub(crate) use counting::{Adjust, Count, Counted, Policy, SetLevel};
pub(crate) use places::{NewPlace, PlaceChange, Sourcing};
pub(crate) use reading::Audit;
pub(crate) use transfers::NewTransfer;
pub(crate) use watching::{ExpiredHolds, PlaceChanged};

use shelves::Shelves;

/// The stock of every tenant.
pub(crate) struct Stockroom {
    deps: Deps,
}

/// What the caller believes of the thing to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    None,
    Exists,
    Version(i64),
}

/// What a merchant has done once, however often it is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    SetLevel(SetLevel),
    Adjust(Adjust),
    Count(Count),
    OpenPlace(NewPlace),
    DraftTransfer(NewTransfer),
    SendTransfer(TransferId),
    /// Units per variant; `None` is all that is due.
    ReceiveTransfer(TransferId, Option<crate::domain::Receipt>),
    CancelTransfer(TransferId),
}

/// What a [`Command`] led to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Level(Level),
    Counted(Vec<Counted>),
    Place(Place),
    Transfer(Transfer),
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StockError {
    /// `line` is the place in a list, where there was one.
    #[error("{refused} (line {line:?})")]
    BelowReserved {
        line: Option<usize>,
        refused: BelowReserved,
    },
    /// The thing has another version, or there is none.
    #[error("it is at another version: {current:?}")]
    Stale { current: Option<i64> },
    /// A location that was named is not there; `field` is where it was named.
    #[error("no location in `{field}`")]
    UnknownLocation { field: &'static str },
    #[error("no location {id}")]
    LocationNotFound { id: LocationId },
    #[error("the location is in use")]
    LocationInUse,
    #[error("a shop has at most {max} locations")]
    TooManyLocations { max: usize },
    #[error("no transfer {id}")]
    TransferNotFound { id: TransferId },
    #[error(transparent)]
    Transfer(#[from] TransferRefused),
    /// Fewer can leave the shelf than are to be transferred.
    #[error("{asked} of {variant} are to leave, {available} can")]
    NotOnShelf {
        variant: VariantId,
        asked: i64,
        available: i64,
    },
    #[error("the idempotency key was used for another body")]
    KeyReused,
    #[error("the first operation with this idempotency key has no answer yet")]
    KeyUnfinished,
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Stockroom {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.now()
    }

    /// Does it once: a second use of the key gets the first answer, which `render` made.
    pub(crate) async fn execute(
        self: Arc<Self>,
        tenant: TenantId,
        command: Command,
        key: IdempotencyKey,
        cause: Cause,
        render: fn(&Answer) -> String,
    ) -> Result<String, StockError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            match tx.claim_key(&key, cause.occurred_at).await? {
                Claim::Fresh => {}
                Claim::Stored { response, .. } => return Ok(response),
                Claim::Reused => return Err(StockError::KeyReused),
                Claim::Unfinished => return Err(StockError::KeyUnfinished),
            }
            let answer = render(&self.perform(tx, &command, &cause).await?);
            tx.store_response(&key, 200, &answer).await?;
            Ok(answer)
        })
        .await
    }

    async fn perform(
        &self,
        tx: &mut Tx<'_>,
        command: &Command,
        cause: &Cause,
    ) -> Result<Answer, StockError> {
        match command {
            Command::SetLevel(change) => self.set_level(tx, change, cause).await.map(Answer::Level),
            Command::Adjust(change) => self.adjust(tx, change, cause).await.map(Answer::Level),
            Command::Count(count) => self.count(tx, count, cause).await.map(Answer::Counted),
            Command::OpenPlace(new) => self.open_place(tx, new, cause).await.map(Answer::Place),
            Command::DraftTransfer(new) => {
                let drafted = self.draft_transfer(tx, new, cause).await;
                drafted.map(Answer::Transfer)
            }
            Command::SendTransfer(id) => {
                let sent = self.send_transfer(tx, *id, cause).await;
                sent.map(Answer::Transfer)
            }
            Command::ReceiveTransfer(id, arrives) => {
                let received = self.receive_transfer(tx, *id, arrives.clone(), cause).await;
                received.map(Answer::Transfer)
            }
            Command::CancelTransfer(id) => {
                let canceled = self.cancel_transfer(tx, *id, cause).await;
                canceled.map(Answer::Transfer)
            }
        }
    }

    /// Writes what was changed and tells what is worth telling.
    async fn settle(&self, tx: &mut Tx<'_>, shelves: Shelves, cause: &Cause) -> Result<(), Error> {
        let outcome = shelves.outcome();
        if outcome.levels.is_empty() {
            return Ok(());
        }
        if !store::store(tx, &outcome.levels, &outcome.movements).await? {
            // Under the locks it cannot be; without them, this is what keeps stock from being lost.
            return Err(Error::Contention { attempts: 1 });
        }
        for (variant, before, after) in &outcome.standings {
            self.tell(tx, *variant, before, after, cause).await?;
        }
        Ok(())
    }

    /// Publishes what crossed zero or its threshold, and nothing else.
    async fn tell(
        &self,
        tx: &mut Tx<'_>,
        variant: VariantId,
        before: &Standing,
        after: &Standing,
        cause: &Cause,
    ) -> Result<(), Error> {
        let news = before.news(after);
        if let Some(available) = news.available {
            let fact = AvailabilityChanged {
                variant,
                available,
                level_version: after.version,
            };
            let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
            tx.emit(id, cause, &fact).await?;
        }
        if let Some((available, threshold)) = news.low {
            let fact = StockLow {
                variant,
                available,
                threshold,
            };
            let id = self.deps.ids.make::<kind::Event>(cause.occurred_at);
            tx.emit(id, cause, &fact).await?;
        }
        Ok(())
    }
}
