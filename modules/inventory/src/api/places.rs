//! Locations and the rule of sourcing over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{LocationId, Timestamp};
use stoa_rest::{
    Access, Caller, ETag, HeaderName, HeaderValue, IdempotentJson, IfMatch, Json, Method,
    Operation, Page, Path, Permission, Problem, Routes, State, StatusCode, Tenant, TraceContext,
    code,
};

use super::{
    Api, Asker, IF_MATCH, LOCATION_IN_USE, LOCATION_NOT_FOUND, failure, precondition, present,
    refusal, text,
};
use crate::application::{Command, NewPlace, PlaceChange, Sourcing, StockError};
use crate::domain::{DEFAULT_LOCATION, Place, Preference};

const LIST: &str = "/api/v1/admin/locations";
const ONE: &str = "/api/v1/admin/locations/{location_id}";
const SOURCING: &str = "/api/v1/admin/inventory/sourcing";

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::InventoryRead);
    let write = Access::Staff(Permission::InventoryWrite);
    let list = |id| {
        Operation::new(id, "List the places that hold stock")
            .description("The default location is the first.")
            .returns::<Page<PlaceView>>(200)
    };
    routes
        .route(Method::GET, LIST, read, list("listLocations"), list_places)
        .route(
            Method::GET,
            "/api/v1/admin/inventory/locations",
            read,
            list("listInventoryLocations"),
            list_places,
        )
        .route(Method::POST, LIST, write, create_operation(), create)
        .route(
            Method::GET,
            ONE,
            read,
            Operation::new("getLocation", "Read a location")
                .returns::<PlaceView>(200)
                .returns_problem(&LOCATION_NOT_FOUND),
            get,
        )
        .route(Method::PATCH, ONE, write, change_operation(), change)
        .route(
            Method::DELETE,
            ONE,
            write,
            Operation::new("deleteLocation", "Remove a location")
                .description(
                    "Only one that never held anything; make others inactive. The default \
                     location stays.",
                )
                .header("If-Match", false, IF_MATCH)
                .returns_empty(204)
                .returns_problem(&LOCATION_NOT_FOUND)
                .returns_problem(&LOCATION_IN_USE)
                .returns_problem(&code::PRECONDITION_FAILED),
            remove,
        )
        .route(
            Method::GET,
            SOURCING,
            read,
            Operation::new("getSourcing", "Read which locations give to an order")
                .returns::<SourcingView>(200),
            get_sourcing,
        )
        .route(
            Method::PUT,
            SOURCING,
            write,
            Operation::new("setSourcing", "Set which locations give to an order")
                .body::<SourcingBody>()
                .returns::<SourcingView>(200)
                .header("If-Match", false, IF_MATCH)
                .returns_problem(&code::PRECONDITION_FAILED),
            put_sourcing,
        )
}

fn create_operation() -> Operation {
    Operation::new("createLocation", "Add a place that holds stock")
        .body::<NewLocation>()
        .returns::<PlaceView>(201)
        .requires_idempotency_key()
        .returns_problem(&LOCATION_IN_USE)
}

fn change_operation() -> Operation {
    Operation::new("updateLocation", "Change a location")
        .description("What is left out stays as it is; `null` takes part of an address away.")
        .body::<LocationChange>()
        .returns::<PlaceView>(200)
        .header("If-Match", false, IF_MATCH)
        .returns_problem(&LOCATION_NOT_FOUND)
        .returns_problem(&code::PRECONDITION_FAILED)
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLocation {
    /// 1 to 255 characters.
    name: String,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    postal_code: Option<String>,
    /// Whether its stock counts at all.
    #[serde(default = "yes")]
    active: bool,
    /// Whether orders are sent from there.
    #[serde(default = "yes")]
    ships: bool,
    /// Lower gives first; the default location has 0 until you change it.
    #[serde(default)]
    priority: u16,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "`null` takes away, leaving out keeps")]
struct LocationChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    country: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    region: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    postal_code: Option<Option<String>>,
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    ships: Option<bool>,
    #[serde(default)]
    priority: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PlaceView {
    id: LocationId,
    name: String,
    country: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    active: bool,
    ships: bool,
    priority: i64,
    /// The default location: it is always there.
    default: bool,
    version: i64,
    updated_at: Timestamp,
}

/// Which place is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PreferenceName {
    /// The lowest `priority`.
    Priority,
    /// The one whose address is most like the order's: country and region and the longest common
    /// start of the postal code, then country and region, then country; then `priority`.
    Nearest,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourcingBody {
    preference: PreferenceName,
    /// Whether one order may be sent from several places.
    split: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SourcingView {
    preference: PreferenceName,
    split: bool,
    version: i64,
}

type Tagged<V> = ([(HeaderName, HeaderValue); 1], Json<V>);

fn tagged(place: Place) -> Tagged<PlaceView> {
    let tag = ETag::of_version(place.version).header();
    (tag, Json(PlaceView::from(place)))
}

async fn list_places(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<PlaceView>>, Problem> {
    let places = api.stockroom.places(tenant.id).await.map_err(failure)?;
    let places = places.into_iter().map(PlaceView::from).collect();
    Ok(Json(Page::whole(places)))
}

async fn get(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<LocationId>,
) -> Result<Tagged<PlaceView>, Problem> {
    let place = api.stockroom.place_of(tenant.id, id).await;
    let place = place.map_err(failure)?;
    place
        .map(tagged)
        .ok_or_else(|| refusal(StockError::LocationNotFound { id }))
}

async fn create(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<NewLocation>,
) -> Result<(StatusCode, Json<PlaceView>), Problem> {
    let new = body.value;
    let command = Command::OpenPlace(NewPlace {
        name: name(new.name)?,
        country: country(new.country)?,
        region: text("region", new.region)?,
        postal_code: text("postal_code", new.postal_code)?,
        active: new.active,
        ships: new.ships,
        priority: i64::from(new.priority),
    });
    let asker = Asker { caller, trace };
    let place = api.run(tenant.id, asker, body.scope, command).await?;
    Ok((StatusCode::CREATED, Json(place)))
}

async fn change(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    Path(id): Path<LocationId>,
    if_match: Option<IfMatch>,
    Json(body): Json<LocationChange>,
) -> Result<Tagged<PlaceView>, Problem> {
    let change = PlaceChange {
        name: body.name.map(name).transpose()?,
        country: body.country.map(country).transpose()?,
        region: body.region.map(|it| text("region", it)).transpose()?,
        postal_code: body
            .postal_code
            .map(|it| text("postal_code", it))
            .transpose()?,
        active: body.active,
        ships: body.ships,
        priority: body.priority.map(i64::from),
    };
    let cause = api.cause(Asker { caller, trace });
    let seen = precondition(if_match)?;
    let stockroom = api.stockroom.clone();
    let place = stockroom
        .change_place(tenant.id, id, change, seen, cause)
        .await;
    place.map(tagged).map_err(refusal)
}

async fn remove(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<LocationId>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let seen = precondition(if_match)?;
    let removed = api.stockroom.remove_place(tenant.id, id, seen).await;
    removed.map(|()| StatusCode::NO_CONTENT).map_err(refusal)
}

async fn get_sourcing(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Tagged<SourcingView>, Problem> {
    let sourcing = api.stockroom.sourcing(tenant.id).await;
    sourcing.map(shown).map_err(failure)
}

async fn put_sourcing(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    if_match: Option<IfMatch>,
    Json(body): Json<SourcingBody>,
) -> Result<Tagged<SourcingView>, Problem> {
    let preference = match body.preference {
        PreferenceName::Priority => Preference::Priority,
        PreferenceName::Nearest => Preference::Nearest,
    };
    let seen = precondition(if_match)?;
    let set = api
        .stockroom
        .set_sourcing(tenant.id, preference, body.split, seen)
        .await;
    set.map(shown).map_err(refusal)
}

fn shown(sourcing: Sourcing) -> Tagged<SourcingView> {
    let view = SourcingView {
        preference: match sourcing.preference {
            Preference::Priority => PreferenceName::Priority,
            Preference::Nearest => PreferenceName::Nearest,
        },
        split: sourcing.split,
        version: sourcing.version,
    };
    (ETag::of_version(view.version).header(), Json(view))
}

fn name(name: String) -> Result<String, Problem> {
    text("name", Some(name))?.ok_or_else(|| Problem::invalid("name", "must not be empty"))
}

fn country(country: Option<String>) -> Result<Option<String>, Problem> {
    let Some(country) = text("country", country)? else {
        return Ok(None);
    };
    let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic());
    match is_code {
        true => Ok(Some(country.to_ascii_uppercase())),
        false => Err(Problem::invalid(
            "country",
            "must be two letters, such as `DE`",
        )),
    }
}

impl From<Place> for PlaceView {
    fn from(place: Place) -> Self {
        Self {
            default: place.id == DEFAULT_LOCATION,
            id: place.id,
            name: place.name,
            country: place.country,
            region: place.region,
            postal_code: place.postal_code,
            active: place.active,
            ships: place.ships,
            priority: place.priority,
            version: place.version,
            updated_at: place.updated_at,
        }
    }
}
