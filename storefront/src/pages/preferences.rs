//! The language and the currency a shopper chose: kept in cookies, by a plain form.

use axum::response::Response;
use serde::Deserialize;
use stoa_contracts::cart::CartStatus;
use stoa_kernel::Currency;
use stoa_rest::{Form, State};

use super::basket;
use crate::answer::{Trouble, see_other, with_cookies};
use crate::cookies::{CURRENCY, LANGUAGE};
use crate::shop::Shop;
use crate::visit::{CURRENCY_PARAM, LANG_PARAM, Visit};
use crate::words::Language;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PreferencesForm {
    lang: String,
    currency: String,
    /// The page it was chosen on.
    back: String,
}

pub(crate) async fn keep(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<PreferencesForm>,
) -> Response {
    let made = kept(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

/// Who reloads the form's address sees the shop.
pub(crate) async fn back() -> Response {
    see_other("/")
}

async fn kept(shop: &Shop, visit: &Visit, form: &PreferencesForm) -> Result<Response, Trouble> {
    visit.own_form()?;
    let mut response = see_other(&way_back(&form.back));
    let language = Language::of_tag(&form.lang);
    if let Some(language) = language.filter(|one| visit.markets.languages.contains(one)) {
        let cookie = shop.cookies.set_preference(LANGUAGE, language.as_str());
        response = with_cookies(response, [cookie]);
    }
    let currency = form.currency.parse().ok();
    if let Some(currency) = currency.filter(|one| visit.markets.currencies.contains(one)) {
        let cookie = shop.cookies.set_preference(CURRENCY, currency.as_str());
        response = with_cookies(response, [cookie]);
        response = exchanged(shop, visit, currency, response).await?;
    }
    Ok(response)
}

/// The cart goes on in the currency chosen; one that is being paid for stays as it is.
async fn exchanged(
    shop: &Shop,
    visit: &Visit,
    currency: Currency,
    response: Response,
) -> Result<Response, Trouble> {
    let Some(found) = basket::find_unpaid(shop, visit).await? else {
        return Ok(response);
    };
    if found.view.currency == currency || found.view.status != CartStatus::Open {
        return Ok(response);
    }
    let moved = basket::moved(shop, visit, &found.view, currency).await?;
    Ok(basket::keep(shop, &moved.key, &moved.view, response))
}

/// A path of this shop, without what the address said of language and currency.
fn way_back(back: &str) -> String {
    let own = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '#']);
    let plain = back.bytes().all(|byte| byte.is_ascii_graphic());
    if !own || !plain {
        return "/".to_owned();
    }
    let Some((path, query)) = back.split_once('?') else {
        return back.to_owned();
    };
    let said = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        name != LANG_PARAM && name != CURRENCY_PARAM
    };
    let rest: Vec<&str> = query.split('&').filter(said).collect();
    if rest.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", rest.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_a_path_of_the_shop() {
        for (back, path) in [
            ("/products/mug", "/products/mug"),
            ("/search?q=a&lang=de&sort=price", "/search?q=a&sort=price"),
            ("/?lang=de&currency=USD", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a b", "/"),
            ("/x\r\nset-cookie:a=b", "/"),
            ("", "/"),
        ] {
            assert_eq!(way_back(back), path, "{back}");
        }
    }
}
