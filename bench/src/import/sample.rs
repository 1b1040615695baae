//! A product file such as a merchant would export: Shopify's classic columns, descriptions of many
//! lines, variants and pictures in rows of their own. The same file every time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

const HEADER: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,\
    Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,\
    Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,\
    Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,\
    Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,\
    SEO Description,Variant Image,Variant Weight Unit,Status";
const KINDS: [&str; 8] = [
    "Bowl", "Jug", "Plate", "Lamp", "Basket", "Blanket", "Stool", "Vase",
];
const MADE_OF: [&str; 6] = ["stoneware", "oak", "linen", "willow", "wool", "glass"];
const MAKERS: [&str; 5] = [
    "Marram",
    "Dune & Daughters",
    "Kiln 9",
    "North Quay",
    "Tidewrack",
];
const COLOURS: [&str; 5] = ["Chalk", "Slate", "Moss", "Rust", "Ink"];
const SIZES: [&str; 3] = ["Small", "Medium", "Large"];
const SENTENCES: [&str; 6] = [
    "Made in small numbers, so that no two are quite alike.",
    "It stands up to daily use and looks the better for it.",
    "The maker says \"wash it, dry it, use it again\".",
    "Drawn from a shape that fishermen have used for two hundred years.",
    "Packed in paper and straw, without plastic.",
    "Sizes differ by a few millimetres, as things made by hand do.",
];

/// Writes `rows` rows; returns how many products they are.
pub(super) fn write(path: &Path, rows: usize) -> Result<usize> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut chance = fastrand::Rng::with_seed(7);
    writeln!(file, "{HEADER}")?;
    let (mut written, mut products) = (0, 0);
    while written < rows {
        // One to four rows, two and a half of them on average.
        let mine = chance.usize(1..=4).min(rows - written);
        product(&mut file, &mut chance, products, mine)?;
        written += mine;
        products += 1;
    }
    file.flush()?;
    Ok(products)
}

fn product(
    file: &mut impl Write,
    chance: &mut fastrand::Rng,
    number: usize,
    rows: usize,
) -> Result<()> {
    let kind = KINDS[chance.usize(..KINDS.len())];
    let made_of = MADE_OF[chance.usize(..MADE_OF.len())];
    let handle = format!("{}-of-{made_of}-{number}", kind.to_lowercase());
    let vendor = MAKERS[chance.usize(..MAKERS.len())];
    let cents = chance.u32(500..20_000);
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    for row in 0..rows {
        let (colour, size) = (COLOURS[row % COLOURS.len()], SIZES[row % SIZES.len()]);
        let head = match row {
            0 => format!(
                "\"{kind} of {made_of}, no. {number}\",\"{}\",\"{vendor}\",{kind},\
                 \"{made_of}, home, {}\",true,Colour",
                body(chance, kind, made_of),
                vendor.to_lowercase()
            ),
            _ => ",,,,,,".to_owned(),
        };
        let second = if row == 0 { "Size" } else { "" };
        let tail = match row {
            0 => format!("false,\"{kind} of {made_of}\",\"A {kind} to keep.\",,kg,active"),
            _ => ",,,,kg,".to_owned(),
        };
        writeln!(
            file,
            "{handle},{head},{colour},{second},{size},,,SKU-{number}-{row},{},shopify,{},deny,\
             manual,{price},,true,true,,https://img.example/{handle}-{row}.jpg,{},\"{colour} {kind}\",\
             {tail}",
            chance.u32(100..4_000),
            chance.u32(..60),
            row + 1
        )?;
    }
    Ok(())
}

/// Eight hundred bytes or so of HTML over many lines, quotes doubled.
fn body(chance: &mut fastrand::Rng, kind: &str, made_of: &str) -> String {
    let mut html = format!("<p>A {kind} of <strong>{made_of}</strong>.</p>\n");
    for _ in 0..3 {
        html += "<p>";
        for _ in 0..3 {
            html += SENTENCES[chance.usize(..SENTENCES.len())];
            html.push(' ');
        }
        html += "</p>\n";
    }
    html += "<ul>\n<li>Care: wipe clean</li>\n<li>Origin: <a href=\"https://example.com/makers\">\
             the maker</a></li>\n</ul>\n";
    html.replace('"', "\"\"")
}
