#!/usr/bin/env python3
"""Writes the sample shop: products.csv, collections.json and media/*.svg. Same input, same bytes.

Run it from anywhere after editing `catalog/` or `draw/`; it needs the standard library only.
"""

import csv
import itertools
import json
import pathlib
import sys
from html import escape

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from catalog import COLLECTIONS  # noqa: E402
from draw import desk, home, kitchen, outdoors, paper, wear  # noqa: E402
from draw.canvas import PALETTE, Canvas  # noqa: E402

MEDIA_URL = "/media/sample/"
BYTES_PER_PICTURE_MAX = 8 * 1024
BYTES_PER_WELCOME_MAX = 12 * 1024
MODULES = (kitchen, home, desk, wear, outdoors, paper)
# Seen from above or hung on a wall: no floor line behind them.
FLAT = {"board", "knife", "spoons", "clock", "mirror", "pen", "fountain_pen", "tray", "desk_mat", "scissors", "tee",
        "folded", "sweater", "overshirt", "beanie", "scarf", "socks", "tote", "belt", "sunglasses", "apron", "slippers",
        "pocket_knife", "trowel", "umbrella", "nest_box", "notebook", "notebook_open", "pocket_set", "planner", "cards",
        "wrap", "print_", "calendar", "letter_set", "sketchbook", "pendant"}
FLOOR = 716

COLUMNS = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,"
    "Option3 name,Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,"
    "Unit price total measure,Unit price total measure unit,Unit price base measure,Unit price base measure unit,"
    "Inventory tracker,Inventory quantity,Continue selling when out of stock,Weight value (grams),"
    "Weight unit for display,Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,"
    "Variant image URL,Gift card,SEO title,SEO description"
).split(",")


def painter(name):
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(f"no drawing is called {name}")


def save(name, svg, bytes_max=BYTES_PER_PICTURE_MAX):
    size = len(svg.encode())
    if size > bytes_max:
        raise ValueError(f"{name}.svg is {size} bytes, over {bytes_max}")
    (HERE / "media" / f"{name}.svg").write_text(svg, encoding="utf-8")
    return f"{MEDIA_URL}{name}.svg"


def single(entry, name, kw, title):
    canvas = Canvas(entry.backdrop, None if name in FLAT else FLOOR)
    painter(name)(canvas, **kw)
    return canvas.svg(escape(title))


def family(entry, name, colours, title, plain):
    """Three of a kind at half size, back to front; `plain` keywords for all but the foremost."""
    canvas = Canvas(entry.backdrop, None if name in FLAT else 560)
    spots = ((-22, 128, .62), (330, 146, .62), (106, 254, .74))
    for i, ((x, y, s), colour) in enumerate(zip(spots, colours)):
        kw = {"c": colour, **(plain if i < len(colours) - 1 else {})}
        canvas.group(f"translate({x} {y}) scale({s})", lambda kw=kw: painter(name)(canvas, **kw))
    return canvas.svg(escape(title))


def scene(backdrop, items, width=800):
    """A wide still life for a collection: (painter, keywords, x, y, scale)."""
    canvas = Canvas(backdrop, FLOOR, width)
    for name, kw, x, y, s in items:
        canvas.group(f"translate({x} {y}) scale({s})", lambda name=name, kw=kw: painter(name)(canvas, **kw))
    return canvas


WELCOME = [("pendant", {"c": "forest"}, 560, -230, .78), ("candle", {}, 780, 336, .58),
           ("vase", {"c": "cream"}, -20, 190, .74), ("teapot", {"c": "slate"}, 300, 330, .62), ("mug", {"c": "clay", "speckle": False}, 560, 452, .48)]


def ean13(number):
    """An in-store EAN-13 (prefix 20) with its check digit."""
    body = f"20{number:010d}"
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body))
    return body + str(-total % 10)


def slug(text):
    return "".join(ch if ch.isalnum() else "-" for ch in text.lower().replace("–", "-")).strip("-")


def pictures(entry):
    """Draws everything for a product; gives its gallery and the picture of each colour."""
    name, kw = entry.draw
    gallery, by_colour = [], {}
    first = save(entry.handle, single(entry, name, kw, entry.title))
    gallery.append((first, entry.title))
    colours = [c for c in entry.options.get("Colour", entry.options.get("Wood", []))]
    for colour in colours:
        if colour.lower() not in PALETTE:
            raise LookupError(f"{entry.handle}: no colour is called {colour}")
        if kw.get("c") == colour.lower():
            by_colour[colour] = first
            continue
        title = f"{entry.title} in {colour.lower()}"
        url = save(f"{entry.handle}-{slug(colour)}", single(entry, name, {**kw, "c": colour.lower()}, title))
        by_colour[colour] = url
        gallery.append((url, title))
    for view in entry.views:
        if view[0] == "family":
            title = f"{entry.title}, three colours together"
            url = save(f"{entry.handle}-family", family(entry, name, view[1], title, view[2] if len(view) > 2 else {}))
        else:
            title = f"{entry.title}, another view"
            url = save(f"{entry.handle}-2", single(entry, view[1], view[2] if len(view) > 2 else {"c": kw.get("c", "oat")}, title))
        gallery.append((url, title))
    return gallery, by_colour


def rows(entry, code, index, serial):
    gallery, by_colour = pictures(entry)
    names = list(entry.options)
    combos = list(itertools.product(*entry.options.values())) if names else [("Default Title",)]
    if len(combos) != len(entry.stock):
        raise ValueError(f"{entry.handle}: {len(combos)} variants but {len(entry.stock)} stock figures")
    out = []
    for i in range(max(len(combos), len(gallery))):
        row = dict.fromkeys(COLUMNS, "")
        row["URL handle"] = entry.handle
        if i == 0:
            facts = "".join(f"<li>{escape(f, quote=False)}</li>" for f in entry.facts)
            row.update({
                "Title": entry.title, "Description": f"<p>{escape(entry.text, quote=False)}</p>\n<ul>{facts}</ul>",
                "Vendor": entry.vendor, "Product category": entry.category, "Type": entry.kind, "Tags": entry.tags,
                "Published on online store": "TRUE", "Status": "Active", "Gift card": "FALSE",
                "SEO title": f"{entry.title} · Marram", "SEO description": entry.text,
            })
            for k, option in enumerate(names or ["Title"]):
                row[f"Option{k + 1} name"] = option
        if i < len(combos):
            combo = combos[i]
            price = entry.price + sum(entry.extra.get(v, 0) for v in combo)
            tail = "".join("-" + slug(v).upper().replace("-", "")[:5] for v in combo if v != "Default Title")
            for k, value in enumerate(combo):
                row[f"Option{k + 1} value"] = value
            row.update({
                "SKU": f"{code}{index:02d}{tail}", "Barcode": ean13(serial + i), "Price": f"{price:.2f}",
                "Compare-at price": f"{entry.was + price - entry.price:.2f}" if entry.was else "",
                "Cost per item": f"{price * 0.45:.2f}", "Charge tax": "TRUE", "Inventory tracker": "shopify",
                "Inventory quantity": str(entry.stock[i]), "Continue selling when out of stock": "DENY",
                "Weight value (grams)": str(entry.grams), "Weight unit for display": "g", "Requires shipping": "TRUE",
                "Fulfillment service": "manual",
            })
            for value in combo:
                if len(by_colour) > 1 and value in by_colour:
                    row["Variant image URL"] = by_colour[value]
        if i < len(gallery):
            row["Product image URL"], row["Image alt text"] = gallery[i]
            row["Image position"] = str(i + 1)
        out.append(row)
    return out, len(combos)


HEROES = {
    "kitchen": ("linen", [("mill", {}, 440, 260, .66), ("pot", {"c": "forest"}, 190, 246, .7), ("mug", {"c": "clay"}, 10, 372, .58)]),
    "home": ("sage", [("pendant", {"c": "ochre"}, -40, -170, .7), ("chair", {"c": "clay"}, 180, 130, .86), ("planter", {"c": "cream"}, -70, 240, .66)]),
    "desk": ("sky", [("desk_lamp", {"c": "terracotta"}, 210, 60, .9), ("pencil_pot", {"c": "cream"}, 30, 300, .62), ("tape", {"c": "navy"}, 210, 440, .5)]),
    "wear": ("peach", [("sweater", {"c": "oat"}, -30, 70, .74), ("tote", {"c": "natural"}, 320, 230, .6), ("cap", {"c": "forest"}, 40, 510, .5)]),
    "outdoors": ("butter", [("tent", {"c": "mustard"}, 100, 40, .86), ("lantern", {"c": "red"}, -30, 330, .58), ("bottle", {"c": "sea"}, 400, 330, .62)]),
    "paper": ("blush", [("print_", {"scene": "hills", "frame": "oak"}, 120, -60, .72), ("notebook", {"c": "forest"}, -50, 390, .58), ("ink_bottle", {"c": "navy"}, 380, 430, .54)]),
}


def main():
    media = HERE / "media"
    media.mkdir(exist_ok=True)
    for old in media.glob("*.svg"):
        old.unlink()
    save("welcome", scene("peach", WELCOME, 1200).svg("A table with things from the shop"), BYTES_PER_WELCOME_MAX)
    table, collections, serial = [], [], 1000
    for handle, title, code, entries, text in COLLECTIONS:
        backdrop, items = HEROES[handle]
        image = save(f"collection-{handle}", scene(backdrop, items).svg(escape(title)))
        for index, entry in enumerate(entries, 1):
            made, used = rows(entry, code, index, serial)
            table += made
            serial += used
        collections.append({"handle": handle, "title": title, "description": text, "image": image,
                            "products": [e.handle for e in entries]})
    with open(HERE / "products.csv", "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    text = json.dumps(collections, ensure_ascii=False, indent=2) + "\n"
    (HERE / "collections.json").write_text(text, encoding="utf-8")
    products = sum(len(c["products"]) for c in collections)
    print(f"{products} products, {serial - 1000} variants, {len(list(media.glob('*.svg')))} pictures")


if __name__ == "__main__":
    main()
