//! Makes the pages of shops: with their own theme where they have one that works, else with the
//! built-in one. A theme that fails costs its own page only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use minijinja::value::{Serde, Value};
use parking_lot::Mutex;
use serde::Serialize;
use stoa_contracts::themes::{ThemeFailure, ThemeFailureKind, ThemeSource, Themes};
use stoa_kernel::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::meter::TIME_MAX;
use super::uploaded::Uploaded;
use super::{RenderError, Theme};
use crate::assets::Assets;
use crate::views::{CartView, CollectionView, ErrorView, HomeView, ProductView, SearchView};
use crate::words::Language;

/// Pages of themes made at once in this process, and of one theme: it never takes every core.
const PAGES_MAX: usize = 4;
const PAGES_OF_ONE_MAX: usize = 1;
/// For a place among those; then the page is the built-in one.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// A page that met its limits so often in a row rests.
const STRIKES_MAX: u32 = 3;
const REST: Duration = Duration::from_secs(30);
/// One that took all its time rests at once, and longer: the thread may still be at it.
const LONG_REST: Duration = Duration::from_secs(300);

/// A page that a theme may make.
#[derive(Clone, Copy)]
pub(crate) enum Page<'v> {
    Home(&'v HomeView),
    Collection(&'v CollectionView),
    Search(&'v SearchView),
    Product(&'v ProductView),
    Cart(&'v CartView),
    Error(&'v ErrorView),
}

impl Page<'_> {
    const fn template(self) -> &'static str {
        match self {
            Self::Home(_) => "home.html",
            Self::Collection(_) => "collection.html",
            Self::Search(_) => "search.html",
            Self::Product(_) => "product.html",
            Self::Cart(_) => "cart.html",
            Self::Error(_) => "error.html",
        }
    }

    fn view(self) -> Value {
        fn of(view: &impl Serialize) -> Value {
            Value::from(Serde(view))
        }
        match self {
            Self::Home(view) => of(view),
            Self::Collection(view) => of(view),
            Self::Search(view) => of(view),
            Self::Product(view) => of(view),
            Self::Cart(view) => of(view),
            Self::Error(view) => of(view),
        }
    }

    fn built_in(self, theme: &Theme) -> Result<String, RenderError> {
        match self {
            Self::Home(view) => theme.home(view),
            Self::Collection(view) => theme.collection(view),
            Self::Search(view) => theme.search(view),
            Self::Product(view) => theme.product(view),
            Self::Cart(view) => theme.cart(view),
            Self::Error(view) => theme.error(view),
        }
    }
}

/// A theme at work, kept beside its source.
struct Troupe {
    theme: Result<Uploaded, ThemeFailure>,
    room: Arc<Semaphore>,
    rests: Mutex<HashMap<&'static str, Rest>>,
}

/// How often a page met its limits, and until when it is not tried.
struct Rest {
    strikes: u32,
    until: Instant,
    last: ThemeFailure,
}

/// Why a page is the built-in one although its shop has a theme of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Makeshift {
    /// There was no time or room just now.
    Moment,
    /// The theme failed at what the page shows.
    Failure,
}

pub(crate) struct Made {
    pub(crate) html: String,
    /// `None` for the page as it should be.
    pub(crate) makeshift: Option<Makeshift>,
}

/// Whose page it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct For {
    pub(crate) tenant: TenantId,
    pub(crate) language: Language,
}

pub(crate) struct Stage {
    themes: Option<Arc<dyn Themes>>,
    assets: Arc<Assets>,
    room: Arc<Semaphore>,
}

impl Stage {
    pub(crate) fn new(themes: Option<Arc<dyn Themes>>) -> Self {
        Self {
            themes,
            assets: Arc::new(Assets::new()),
            room: Arc::new(Semaphore::new(PAGES_MAX)),
        }
    }

    pub(crate) fn themes(&self) -> Option<&Arc<dyn Themes>> {
        self.themes.as_ref()
    }

    /// What the shop published. Without an answer pages are the built-in ones: better than none.
    pub(crate) async fn active(&self, tenant: TenantId) -> Option<Arc<ThemeSource>> {
        match self.themes.as_ref()?.active(tenant).await {
            Ok(theme) => theme,
            Err(error) => {
                tracing::warn!(%tenant, %error, "a shop's theme could not be read");
                None
            }
        }
    }

    /// What a browser with this cookie is to see instead.
    pub(crate) async fn previewed(
        &self,
        tenant: TenantId,
        token: &str,
    ) -> Option<Arc<ThemeSource>> {
        self.themes
            .as_ref()?
            .previewed(tenant, token)
            .await
            .ok()
            .flatten()
    }

    /// The page, with `theme` if that works.
    pub(crate) async fn make(
        &self,
        whose: For,
        theme: Option<&Arc<ThemeSource>>,
        built_in: &Theme,
        page: Page<'_>,
    ) -> Result<Made, RenderError> {
        let lasting = |html| Made {
            html,
            makeshift: None,
        };
        let Some(theme) = theme else {
            return page.built_in(built_in).map(lasting);
        };
        match self.try_make(whose.language, theme, page).await {
            Ok(html) => Ok(lasting(html)),
            Err(failure) => {
                let makeshift = Some(match failure.kind {
                    ThemeFailureKind::Busy | ThemeFailureKind::Time => Makeshift::Moment,
                    ThemeFailureKind::Error | ThemeFailureKind::Limit => Makeshift::Failure,
                });
                if let (Some(themes), Some(id)) = (&self.themes, theme.id) {
                    themes.failed(whose.tenant, id, failure);
                }
                let html = page.built_in(built_in)?;
                Ok(Made { html, makeshift })
            }
        }
    }

    async fn try_make(
        &self,
        language: Language,
        source: &Arc<ThemeSource>,
        page: Page<'_>,
    ) -> Result<String, ThemeFailure> {
        let name = page.template();
        let room = self.enter(&self.room, name).await?;
        let troupe = self.troupe(source, name).await?;
        if let Err(broken) = &troupe.theme {
            return Err(ThemeFailure {
                page: name,
                ..broken.clone()
            });
        }
        troupe.rested(name)?;
        let own_room = self.enter(&troupe.room, name).await?;
        let view = page.view();
        let making = {
            let troupe = troupe.clone();
            tokio::task::spawn_blocking(move || {
                // Given back when the thread is done, however long anybody waited.
                let _rooms = (room, own_room);
                match &troupe.theme {
                    Ok(theme) => theme.render(name, language, view),
                    Err(broken) => Err(broken.clone()),
                }
            })
        };
        let made = match timeout(TIME_MAX, making).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => Err(failed(name, ThemeFailureKind::Error, "broke off")),
            Err(_) => Err(failed(name, ThemeFailureKind::Time, "takes too long")),
        };
        troupe.note(name, made.as_ref().err());
        made
    }

    async fn enter(
        &self,
        room: &Arc<Semaphore>,
        page: &'static str,
    ) -> Result<OwnedSemaphorePermit, ThemeFailure> {
        match timeout(WAIT_MAX, room.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(failed(
                page,
                ThemeFailureKind::Busy,
                "too many pages are being made",
            )),
        }
    }

    /// The theme compiled: once, whoever asks first.
    async fn troupe(
        &self,
        source: &Arc<ThemeSource>,
        page: &'static str,
    ) -> Result<Arc<Troupe>, ThemeFailure> {
        let known = source.compiled.get().cloned();
        let made = match known {
            Some(made) => made,
            None => {
                let (source, assets) = (source.clone(), self.assets.clone());
                let compiling = tokio::task::spawn_blocking(move || {
                    let troupe = || Arc::new(Troupe::new(&source, &assets)) as _;
                    source.compiled.get_or_init(troupe).clone()
                });
                let broken = |_| failed(page, ThemeFailureKind::Error, "does not compile");
                compiling.await.map_err(broken)?
            }
        };
        let foreign = |_| {
            failed(
                page,
                ThemeFailureKind::Error,
                "was compiled by somebody else",
            )
        };
        made.downcast::<Troupe>().map_err(foreign)
    }
}

impl Troupe {
    fn new(source: &ThemeSource, assets: &Assets) -> Self {
        let theme = Uploaded::compile(source, assets).map_err(|faults| {
            let first = faults.into_iter().next();
            let (file, line, reason) = match first {
                Some(fault) => (fault.file, fault.line, fault.reason),
                None => (String::new(), None, "does not compile".to_owned()),
            };
            ThemeFailure {
                page: "base.html",
                file,
                line,
                kind: ThemeFailureKind::Error,
                reason,
            }
        });
        Self {
            theme,
            room: Arc::new(Semaphore::new(PAGES_OF_ONE_MAX)),
            rests: Mutex::default(),
        }
    }

    /// The failure again, while the page rests from it.
    fn rested(&self, page: &'static str) -> Result<(), ThemeFailure> {
        match self.rests.lock().get(page) {
            Some(rest) if rest.until > Instant::now() => Err(rest.last.clone()),
            _ => Ok(()),
        }
    }

    fn note(&self, page: &'static str, failure: Option<&ThemeFailure>) {
        let mut rests = self.rests.lock();
        let pause = match failure.map(|failure| failure.kind) {
            None => {
                rests.remove(page);
                return;
            }
            Some(ThemeFailureKind::Error | ThemeFailureKind::Busy) => return,
            Some(ThemeFailureKind::Limit) => REST,
            Some(ThemeFailureKind::Time) => LONG_REST,
        };
        let Some(failure) = failure else { return };
        let now = Instant::now();
        let rest = rests.entry(page).or_insert_with(|| Rest {
            strikes: 0,
            until: now,
            last: failure.clone(),
        });
        rest.strikes = rest.strikes.saturating_add(1);
        rest.last = failure.clone();
        if pause == LONG_REST || rest.strikes >= STRIKES_MAX {
            rest.until = now + pause;
        }
    }
}

fn failed(page: &'static str, kind: ThemeFailureKind, reason: &str) -> ThemeFailure {
    ThemeFailure {
        page,
        file: page.to_owned(),
        line: None,
        kind,
        reason: reason.to_owned(),
    }
}
