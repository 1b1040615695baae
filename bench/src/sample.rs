//! Product files such as a merchant would export: Shopify's classic columns, descriptions of many
//! lines, variants in rows of their own. The same files every time.

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
pub(crate) const KINDS: [&str; 24] = [
    "Bowl", "Jug", "Plate", "Lamp", "Basket", "Blanket", "Stool", "Vase", "Shirt", "Jacket",
    "Sneaker", "Backpack", "Bottle", "Chair", "Table", "Mirror", "Candle", "Apron", "Scarf",
    "Notebook", "Kettle", "Pillow", "Shelf", "Clock",
];
pub(crate) const MADE_OF: [&str; 16] = [
    "stoneware",
    "oak",
    "linen",
    "willow",
    "wool",
    "glass",
    "cotton",
    "leather",
    "copper",
    "bamboo",
    "cork",
    "marble",
    "steel",
    "porcelain",
    "walnut",
    "hemp",
];
pub(crate) const MANNERS: [&str; 20] = [
    "Plain",
    "Quiet",
    "Striped",
    "Folding",
    "Travel",
    "Summer",
    "Winter",
    "Harbour",
    "Garden",
    "Classic",
    "Slim",
    "Tall",
    "Round",
    "Everyday",
    "Heirloom",
    "Rustic",
    "Brushed",
    "Woven",
    "Painted",
    "Waterproof",
];
const SIZES: [&str; 5] = ["Small", "Medium", "Large", "Extra large", "Huge"];
pub(crate) const COLOURS: [&str; 20] = [
    "Chalk", "Slate", "Moss", "Rust", "Ink", "Sand", "Clay", "Plum", "Sky", "Coal", "Rose",
    "Olive", "Amber", "Mint", "Navy", "Wine", "Pearl", "Cocoa", "Lemon", "Smoke",
];
const SENTENCES: [&str; 8] = [
    "Made in small numbers, so that no two are quite alike.",
    "It stands up to daily use and looks the better for it.",
    "The maker says \"wash it, dry it, use it again\".",
    "Drawn from a shape that fishermen have used for two hundred years.",
    "Packed in paper and straw, without plastic.",
    "Sizes differ by a few millimetres, as things made by hand do.",
    "Repaired for life: send it back and it returns as good as it was.",
    "The colour comes from plants and deepens in the light.",
];
const SYLLABLES: [&str; 24] = [
    "ma", "lo", "ri", "ven", "ka", "dor", "si", "tel", "bra", "nu", "fen", "go", "har", "mil",
    "pe", "ros", "ta", "ul", "vor", "we", "xan", "yl", "zor", "quin",
];
/// Makers; the first ones make the most.
const VENDORS: usize = 400;
/// Words that only some products have.
const WORDS: usize = 8_000;

/// How much a file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Rows(usize),
    Products(usize),
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) products: usize,
    pub(crate) rows: usize,
}

/// Writes products numbered from `first`.
pub(crate) fn write(path: &Path, first: usize, size: Size) -> Result<Written> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut chance = fastrand::Rng::with_seed(7 + first as u64);
    writeln!(file, "{HEADER}")?;
    let mut written = Written {
        products: 0,
        rows: 0,
    };
    loop {
        let room = match size {
            Size::Rows(rows) => rows - written.rows,
            Size::Products(products) if written.products < products => usize::MAX,
            Size::Products(_) => 0,
        };
        if room == 0 {
            file.flush()?;
            return Ok(written);
        }
        let rows = variants(&mut chance).min(room);
        product(&mut file, &mut chance, first + written.products, rows)?;
        written.rows += rows;
        written.products += 1;
    }
}

/// Just under three on average, a hundred at most.
fn variants(chance: &mut fastrand::Rng) -> usize {
    match chance.u32(..1_000) {
        0..550 => 1,
        550..850 => chance.usize(2..=4),
        850..970 => chance.usize(5..=9),
        970..998 => chance.usize(10..=20),
        _ => COLOURS.len() * SIZES.len(),
    }
}

/// The first of `count` is the most frequent: half of all lie in the first seventh or so.
fn skewed(chance: &mut fastrand::Rng, count: usize) -> usize {
    chance
        .usize(..count)
        .min(chance.usize(..count))
        .min(chance.usize(..count))
}

/// The maker of a number, always the same name.
pub(crate) fn vendor(number: usize) -> String {
    name(number * 2 + 1) + " & Co"
}

/// The word of a number, such as `Malori`.
pub(crate) fn name(number: usize) -> String {
    let of = |at: usize| SYLLABLES[at % SYLLABLES.len()];
    let text = format!(
        "{}{}{}",
        of(number),
        of(number / SYLLABLES.len() + 7),
        of(number / (SYLLABLES.len() * SYLLABLES.len()) + 3)
    );
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// The handles of the first products, as one file that holds them all gives them.
pub(crate) fn handles(products: usize) -> Vec<String> {
    (0..products).map(handle).collect()
}

/// Tells nothing about the product, so that nobody needs the file to know it.
fn handle(number: usize) -> String {
    format!("{}-{number}", name(number.wrapping_mul(31)).to_lowercase())
}

fn product(
    file: &mut impl Write,
    chance: &mut fastrand::Rng,
    number: usize,
    rows: usize,
) -> Result<()> {
    let kind = KINDS[skewed(chance, KINDS.len())];
    let made_of = MADE_OF[chance.usize(..MADE_OF.len())];
    let manner = MANNERS[chance.usize(..MANNERS.len())];
    let series = name(skewed(chance, WORDS));
    let handle = handle(number);
    let vendor = vendor(skewed(chance, VENDORS));
    let cents = chance.u32(500..20_000);
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    for row in 0..rows {
        let (colour, size) = (
            COLOURS[row % COLOURS.len()],
            SIZES[row / COLOURS.len() % SIZES.len()],
        );
        let head = match row {
            0 => format!(
                "\"{manner} {made_of} {} {series}\",\"{}\",\"{vendor}\",{kind},\
                 \"{made_of}, {}, {}\",true,Colour",
                kind.to_lowercase(),
                body(chance, kind, made_of),
                manner.to_lowercase(),
                ["home", "gift", "new", "outlet"][chance.usize(..4)],
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
             manual,{price},,true,true,,,,,{tail}",
            chance.u32(100..4_000),
            chance.u32(..60),
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
            html += &name(skewed(chance, WORDS)).to_lowercase();
            html.push(' ');
        }
        html += "</p>\n";
    }
    html += "<ul>\n<li>Care: wipe clean</li>\n<li>Origin: <a href=\"https://example.com/makers\">\
             the maker</a></li>\n</ul>\n";
    html.replace('"', "\"\"")
}
