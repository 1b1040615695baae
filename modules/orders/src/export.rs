//! Orders as CSV (RFC 4180), one row per line item. Pure. A cell that a spreadsheet would run as a
//! formula gets an apostrophe in front.

use stoa_contracts::orders::{OrderLineView, OrderView};
use stoa_kernel::Money;

use crate::domain::StatusText as _;

pub(crate) const HEADER: &str = "number,placed_at,status,payment_status,fulfilment_status,test,\
    email,ship_to_name,ship_to_country,currency,title,variant,sku,quantity,unit_price,\
    line_subtotal,line_discount,line_tax,line_total,subtotal,discount,shipping,tax,total,\
    gift_card,paid,refunded\r\n";

/// Appends the order's rows. Its own sums stand in its first row alone, so that columns add up.
pub(crate) fn append(out: &mut String, order: &OrderView) {
    for (index, line) in order.lines.iter().enumerate() {
        head_cells(out, order);
        line_cells(out, line);
        let totals = &order.totals;
        let sums = [
            totals.subtotal,
            totals.discount,
            totals.shipping,
            totals.tax,
            totals.total,
            order.gift_card,
            order.paid,
            order.refunded,
        ];
        for sum in sums {
            out.push(',');
            if index == 0 {
                out.push_str(&sum.to_decimal());
            }
        }
        out.push_str("\r\n");
    }
}

fn head_cells(out: &mut String, order: &OrderView) {
    let address = order.shipping_address.as_ref();
    out.push_str(&order.number.to_string());
    plain(out, &order.placed_at.to_string());
    plain(out, order.status.text());
    plain(out, order.payment_status.text());
    plain(out, order.fulfilment_status.text());
    plain(out, if order.test { "true" } else { "false" });
    text(out, &order.email);
    text(out, address.map_or("", |address| &address.name));
    text(out, address.map_or("", |address| &address.country));
    plain(out, order.currency.as_str());
}

fn line_cells(out: &mut String, line: &OrderLineView) {
    text(out, &line.title);
    text(out, &line.variant_title);
    text(out, line.sku.as_deref().unwrap_or_default());
    plain(out, &line.quantity.get().to_string());
    let amounts = [
        line.unit_price,
        line.subtotal,
        line.discount,
        line.tax,
        line.total,
    ];
    for amount in amounts {
        plain(out, &Money::to_decimal(amount));
    }
}

/// A cell of our own making: digits and words.
fn plain(out: &mut String, cell: &str) {
    out.push(',');
    out.push_str(cell);
}

/// A cell that somebody else wrote.
fn text(out: &mut String, cell: &str) {
    out.push(',');
    let formula = is_formula(cell);
    let quoted = cell.contains([',', '"', '\r', '\n']) || cell.starts_with(' ');
    if quoted {
        out.push('"');
    }
    if formula {
        out.push('\'');
    }
    match quoted {
        true => out.push_str(&cell.replace('"', "\"\"")),
        false => out.push_str(cell),
    }
    if quoted {
        out.push('"');
    }
}

/// Spreadsheets also run formulas behind spaces, and those written in full width.
fn is_formula(cell: &str) -> bool {
    let starts = |cell: &str| {
        cell.starts_with([
            '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '|', '%',
        ])
    };
    starts(cell) || starts(cell.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(content: &str) -> String {
        let mut out = String::new();
        text(&mut out, content);
        out.split_off(1)
    }

    #[test]
    fn a_cell_that_would_run_is_text() {
        for (content, expected) in [
            ("=1+1", "'=1+1"),
            ("+491", "'+491"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("＝1", "'＝1"),
            (" =cmd", "\"' =cmd\""),
            ("\r=1", "\"'\r=1\""),
            (
                "=HYPERLINK(\"a\",\"b\")",
                "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\"",
            ),
        ] {
            assert_eq!(cell(content), expected, "{content:?}");
        }
    }

    #[test]
    fn quotes_commas_and_lines_stay_one_cell() {
        for (content, expected) in [
            ("Teapot", "Teapot"),
            ("", ""),
            ("Tea, green", "\"Tea, green\""),
            ("6\" plate", "\"6\"\" plate\""),
            ("two\nlines", "\"two\nlines\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cell(content), expected, "{content:?}");
        }
    }

    #[test]
    fn the_header_names_as_many_columns_as_a_row_has() {
        assert_eq!(HEADER.split(',').count(), 10 + 9 + 8);
        assert!(HEADER.ends_with("refunded\r\n") && !HEADER.contains(' '));
    }
}
