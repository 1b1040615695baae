//! SVG made harmless: written anew from the elements and attributes listed here. Never resolves an
//! entity, and never keeps script, handlers, links, embedded documents or anything from elsewhere.

mod lists;

use std::fmt::Write as _;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use self::lists::{ATTRIBUTES, ELEMENTS};
use crate::{PixelError, SIDE_MAX};

const BYTES_MAX: usize = 2 * 1024 * 1024;
const ELEMENTS_MAX: usize = 50_000;
const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 100;
/// What CSS takes where nothing says how large a picture is.
const SIDES_DEFAULT: (u32, u32) = (300, 150);

/// A clean SVG and the size it is shown at.
pub(crate) struct Clean {
    pub(crate) text: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

pub(crate) fn sanitise(bytes: &[u8]) -> Result<Clean, PixelError> {
    if bytes.len() > BYTES_MAX {
        return Err(refused("it has more than 2 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused("it is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let mut writer = Writer::default();
    loop {
        let event = reader.read_event();
        match event.map_err(|_| refused("it is not well-formed XML"))? {
            Event::Start(element) => writer.open(&element, false)?,
            Event::Empty(element) => writer.open(&element, true)?,
            Event::End(_) => writer.close(),
            Event::Text(text) => {
                let text = text.decode().map_err(|_| refused("it is not UTF-8"))?;
                writer.text(&text);
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|_| refused("it is not UTF-8"))?;
                writer.text(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|_| refused("it is not UTF-8"))?;
                let known = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                let known = known.ok_or_else(|| refused("it uses entities of its own"))?;
                writer.text(known.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(doctype) => {
                // Drawing programs write a plain one; what declares something is no picture's.
                if doctype.contains(&b'[') {
                    return Err(refused("its document type declares something"));
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => break,
        }
    }
    writer.finish()
}

fn refused(reason: &'static str) -> PixelError {
    PixelError::Svg { reason }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Names of the open elements that are kept.
    open: Vec<String>,
    /// How deep inside of an element that is left out.
    skipped: usize,
    elements: usize,
    /// The text of the `style` element that is open: judged as a whole.
    style: Option<String>,
    sides: Option<(u32, u32)>,
}

impl Writer {
    fn open(&mut self, element: &BytesStart<'_>, is_empty: bool) -> Result<(), PixelError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX || self.open.len() + self.skipped >= DEPTH_MAX {
            return Err(refused(
                "it has too many elements, or too many inside of each other",
            ));
        }
        let name = element.name();
        let name = std::str::from_utf8(name.as_ref()).map_err(|_| refused("it is not UTF-8"))?;
        if self.skipped > 0 {
            self.skipped += usize::from(!is_empty);
            return Ok(());
        }
        let is_root = self.open.is_empty();
        if is_root && (name != "svg" || self.sides.is_some()) {
            return Err(refused("its outermost element is not one `svg`"));
        }
        if !ELEMENTS.contains(&name) {
            self.skipped = usize::from(!is_empty);
            return Ok(());
        }
        let attributes = attributes(element)?;
        if is_root {
            self.sides = Some(sides(&attributes));
        }
        let (out, root) = (&mut self.out, is_root);
        out.push('<');
        out.push_str(name);
        if root {
            out.push_str(" xmlns=\"http://www.w3.org/2000/svg\"");
        }
        for (name, value) in &attributes {
            // Writing to a string cannot fail.
            let _ = write!(out, " {name}=\"");
            escape(value, out);
            out.push('"');
        }
        if is_empty {
            out.push_str("/>");
            return Ok(());
        }
        out.push('>');
        if name == "style" {
            self.style = Some(String::new());
        }
        self.open.push(name.to_owned());
        Ok(())
    }

    fn close(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        // The reader has checked that ends match their starts.
        let Some(name) = self.open.pop() else { return };
        if let Some(style) = self.style.take()
            && is_harmless(&style)
        {
            escape(&style, &mut self.out);
        }
        let _ = write!(self.out, "</{name}>");
    }

    fn text(&mut self, text: &str) {
        if self.skipped > 0 || self.open.is_empty() {
            return;
        }
        match &mut self.style {
            Some(style) => style.push_str(text),
            None => escape(text, &mut self.out),
        }
    }

    fn finish(self) -> Result<Clean, PixelError> {
        let whole = self.open.is_empty() && self.skipped == 0;
        let Some((width, height)) = self.sides.filter(|_| whole) else {
            return Err(refused("it ends too early"));
        };
        Ok(Clean {
            text: self.out,
            width,
            height,
        })
    }
}

/// Those that are kept, unescaped.
fn attributes(element: &BytesStart<'_>) -> Result<Vec<(String, String)>, PixelError> {
    let mut kept = Vec::new();
    for (index, attribute) in element.attributes().enumerate() {
        let attribute = attribute.map_err(|_| refused("it is not well-formed XML"))?;
        if index >= ATTRIBUTES_MAX {
            return Err(refused("an element has too many attributes"));
        }
        let name = attribute.key;
        let name = std::str::from_utf8(name.as_ref()).map_err(|_| refused("it is not UTF-8"))?;
        // Entities of its own make this fail as well.
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| refused("it uses entities of its own"))?;
        if ATTRIBUTES.contains(&name) && is_harmless(&value) {
            kept.push((name.to_owned(), value.into_owned()));
        } else if matches!(name, "href" | "xlink:href")
            && is_gradient(element)
            && value.starts_with('#')
        {
            // Gradients take stops from each other.
            kept.retain(|(name, _)| name != "href");
            kept.push(("href".to_owned(), value.into_owned()));
        }
    }
    Ok(kept)
}

fn is_gradient(element: &BytesStart<'_>) -> bool {
    matches!(
        element.name().as_ref(),
        b"linearGradient" | b"radialGradient"
    )
}

/// Whether a value or a style sheet refers to nothing outside of the picture. CSS has ways to hide
/// words (escapes, comments), so those are no part of a harmless one.
fn is_harmless(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let hidden = [
        "\\",
        "/*",
        "@",
        "expression",
        "javascript:",
        "data:",
        "image(",
        "image-set",
        "src(",
        "behavior",
        "-moz-binding",
    ];
    if hidden.iter().any(|word| text.contains(word)) {
        return false;
    }
    text.split("url(").skip(1).all(|after| {
        let after = after.trim_start().trim_start_matches(['"', '\'']);
        after.starts_with('#')
    })
}

/// Width and height as shown, from the attributes or the view box.
fn sides(attributes: &[(String, String)]) -> (u32, u32) {
    let value = |wanted: &str| {
        let found = attributes.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let of_box = value("viewBox").and_then(|text| {
        let mut parts = text
            .split([' ', ','])
            .filter(|part| !part.is_empty())
            .skip(2);
        Some((whole(parts.next()?)?, whole(parts.next()?)?))
    });
    let given = value("width")
        .and_then(whole)
        .zip(value("height").and_then(whole));
    given.or(of_box).unwrap_or(SIDES_DEFAULT)
}

/// The whole part of a length in pixels; `None` for others, such as a share.
fn whole(text: &str) -> Option<u32> {
    let text = text.trim();
    let text = text.strip_suffix("px").unwrap_or(text);
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(part) {
        return None;
    }
    whole
        .parse()
        .ok()
        .filter(|&side| (1..=SIDE_MAX).contains(&side))
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(body: &str) -> String {
        let text =
            format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 4\">{body}</svg>");
        let whole = sanitise(text.as_bytes()).expect(body).text;
        let start = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 4\">";
        let inner = whole
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix("</svg>"));
        inner.expect("the frame stays").to_owned()
    }

    #[test]
    fn shapes_stay_and_what_acts_goes() {
        let shape = "<path d=\"M0 0h8\" fill=\"url(#a)\"/>";
        assert_eq!(clean(shape), shape);
        for bad in [
            "<script>alert(1)</script>",
            "<script/>",
            "<foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\"><b onclick=\"x\"/></body></foreignObject>",
            "<image href=\"https://evil.example/x.png\"/>",
            "<use href=\"#a\"/>",
            "<a href=\"javascript:alert(1)\"><text>x</text></a>",
            "<animate attributeName=\"href\" to=\"javascript:alert(1)\"/>",
            "<set attributeName=\"onload\" to=\"alert(1)\"/>",
            "<x:script xmlns:x=\"http://www.w3.org/2000/svg\">alert(1)</x:script>",
            "<iframe src=\"https://evil.example\"/>",
            "<!-- x --><?xml-stylesheet href=\"https://evil.example/x.css\"?>",
        ] {
            assert_eq!(clean(bad), "", "{bad}");
        }
        for (bad, kept) in [
            ("<rect onload=\"alert(1)\" x=\"1\"/>", "<rect x=\"1\"/>"),
            ("<rect ONLOAD=\"alert(1)\"/>", "<rect/>"),
            ("<rect fill=\"url(https://evil.example/#a)\"/>", "<rect/>"),
            ("<rect style=\"fill:u\\72l(//evil.example)\"/>", "<rect/>"),
            (
                "<rect style=\"fill: url( 'http://evil.example' )\"/>",
                "<rect/>",
            ),
            ("<rect xlink:href=\"#x\"/>", "<rect/>"),
            (
                "<linearGradient xlink:href=\"#x\"/>",
                "<linearGradient href=\"#x\"/>",
            ),
            (
                "<linearGradient href=\"http://evil.example#x\"/>",
                "<linearGradient/>",
            ),
            (
                "<style>@import 'https://evil.example/x.css';</style>",
                "<style></style>",
            ),
            (
                "<style><![CDATA[.a{fill:red}]]></style>",
                "<style>.a{fill:red}</style>",
            ),
            (
                "<text>&lt;script&gt; &#x26;</text>",
                "<text>&lt;script&gt; &amp;</text>",
            ),
            (
                "<title>a<![CDATA[</title><script>x</script>]]></title>",
                "<title>a&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;</title>",
            ),
        ] {
            assert_eq!(clean(bad), kept, "{bad}");
        }
    }

    #[test]
    fn entities_and_broken_files_are_refused() {
        let reason = |text: &str| match sanitise(text.as_bytes()) {
            Err(PixelError::Svg { reason }) => reason,
            other => panic!("{text}: {:?}", other.map(|clean| clean.text)),
        };
        let laughs = "<!DOCTYPE svg [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><svg>&b;</svg>";
        assert_eq!(reason(laughs), "its document type declares something");
        assert_eq!(reason("<svg>&b;</svg>"), "it uses entities of its own");
        assert_eq!(reason("<svg id=\"&b;\"/>"), "it uses entities of its own");
        assert_eq!(reason("<svg><g>"), "it ends too early");
        assert_eq!(reason("<svg></g></svg>"), "it is not well-formed XML");
        assert_eq!(
            reason("<html><svg/></html>"),
            "its outermost element is not one `svg`"
        );
        assert_eq!(
            reason("<svg/><svg/>"),
            "its outermost element is not one `svg`"
        );
        let deep = "<g>".repeat(100);
        assert_eq!(
            reason(&format!("<svg>{deep}")),
            "it has too many elements, or too many inside of each other"
        );
        let plain = "<?xml version=\"1.0\"?><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \
                     \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\"><svg width=\"12.5px\" height=\"7\"/>";
        let clean = sanitise(plain.as_bytes()).expect("a drawing program's own");
        assert_eq!((clean.width, clean.height), (12, 7));
        assert!(!clean.text.contains("DOCTYPE"));
    }
}
