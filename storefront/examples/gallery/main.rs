//! Renders every page with sample views into a folder, for looking: `cargo run -p stoa-storefront
//! --example gallery -- OUT && python3 -m http.server -d OUT`. Never part of the product.

mod after;
mod lists;
mod sale;
mod samples;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use stoa_storefront::{OrderState, RenderError, Theme};

fn main() -> Result<(), Box<dyn Error>> {
    let out: PathBuf = std::env::args()
        .nth(1)
        .ok_or("usage: gallery OUT-FOLDER")?
        .into();
    let theme = Theme::new();
    let mut pages = shop(&theme)?;
    pages.extend(sale(&theme)?);
    pages.extend(after(&theme)?);
    // Opened by hand, since no form is sent here.
    let drawer = theme.drawer(&sale::cart_full())?;
    let page = theme.product(&samples::product_mug())?;
    let open = format!("<dialog class=\"drawer\" open>{drawer}</dialog></body>");
    pages.push(("drawer", page.replace("</body>", &open)));
    write_pages(&out, &pages)?;
    fs::create_dir_all(out.join("assets"))?;
    for asset in theme.assets().iter() {
        fs::write(out.join("assets").join(&asset.name), asset.body)?;
    }
    copy_media(&out.join("media/sample"))?;
    Ok(())
}

type Pages = Vec<(&'static str, String)>;

fn shop(theme: &Theme) -> Result<Pages, RenderError> {
    Ok(vec![
        ("", theme.home(&samples::home())?),
        (
            "collections/kitchen",
            theme.collection(&lists::collection())?,
        ),
        ("category", theme.collection(&lists::category())?),
        (
            "search",
            theme.search(&lists::search("oak", samples::kitchen()))?,
        ),
        (
            "search/nothing",
            theme.search(&lists::search("zeppelin", Vec::new()))?,
        ),
        (
            "products/harbour-mug",
            theme.product(&samples::product_mug())?,
        ),
        (
            "products/two-person-tent",
            theme.product(&samples::product_tent())?,
        ),
        (
            "products/not-sold-here",
            theme.product(&samples::product_not_sold_here())?,
        ),
        (
            "products/cast-tape-dispenser",
            theme.product(&samples::product_sold_out())?,
        ),
    ])
}

fn sale(theme: &Theme) -> Result<Pages, RenderError> {
    Ok(vec![
        ("cart", theme.cart(&sale::cart(false))?),
        ("cart/problem", theme.cart(&sale::cart(true))?),
        ("cart/empty", theme.cart(&sale::cart_empty())?),
        ("cart/full", theme.cart(&sale::cart_full())?),
        ("cart/frozen", theme.cart(&sale::cart_frozen())?),
        (
            "checkout/codes",
            theme.checkout(&sale::checkout_with_codes())?,
        ),
        ("checkout/short", theme.checkout(&sale::checkout_short())?),
        (
            "checkout/changed",
            theme.checkout(&sale::checkout_changed())?,
        ),
        ("checkout/over", theme.checkout(&sale::checkout_over())?),
        ("checkout/wait", theme.waiting(&sale::waiting())?),
        ("checkout", theme.checkout(&sale::checkout(Vec::new()))?),
        (
            "checkout/errors",
            theme.checkout(&sale::checkout_with_errors())?,
        ),
    ])
}

fn after(theme: &Theme) -> Result<Pages, RenderError> {
    let mut pages = vec![
        ("pay", theme.pay(&after::pay(false))?),
        ("pay/errors", theme.pay(&after::pay(true))?),
        ("orders/late", theme.order(&after::order_late())?),
        ("404", theme.error(&after::error(404))?),
        ("500", theme.error(&after::error(500))?),
        ("mailbox", theme.mailbox(&after::mailbox())?),
        ("mailbox/2", theme.mail(&after::mail())?),
    ];
    for (name, state) in [
        ("orders/processing", OrderState::Processing),
        ("orders/paid", OrderState::Paid),
        ("orders/authorized", OrderState::Authorized),
        ("orders/declined", OrderState::Declined),
        ("orders/requires-action", OrderState::RequiresAction),
        ("orders/canceled", OrderState::Canceled),
    ] {
        pages.push((name, theme.order(&after::order(state))?));
    }
    let mail = "<!doctype html><p>Thank you, Ida. Your order <b>1042</b> is paid.</p>".to_owned();
    pages.push(("mailbox/2/body", mail));
    Ok(pages)
}

fn write_pages(out: &Path, pages: &[(&str, String)]) -> Result<(), Box<dyn Error>> {
    let mut index = String::from("<!doctype html><title>Gallery</title><ul>");
    for (name, html) in pages {
        let folder = out.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("index.html"), html)?;
        index.push_str(&format!("<li><a href=\"/{name}\">/{name}</a>"));
    }
    fs::create_dir_all(out.join("gallery"))?;
    fs::write(out.join("gallery/index.html"), index)?;
    Ok(())
}

fn copy_media(target: &Path) -> Result<(), Box<dyn Error>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/sample/media");
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    Ok(())
}
