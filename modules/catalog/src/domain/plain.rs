//! Words out of HTML, for indexes. Knows no markup but tags and entities; never makes HTML.

/// The text of `html` without tags, entities read, white space made single, cut after `chars_max`.
pub(crate) fn plain_text(html: &str, chars_max: usize) -> String {
    let mut text = Words {
        text: String::new(),
        chars: 0,
        chars_max,
        gap: false,
    };
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.add(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix('<') {
            // An unclosed tag takes the rest with it, as in a browser.
            rest = tail.find('>').map_or("", |end| &tail[end + 1..]);
            // A tag parts words: `<li>a</li><li>b</li>`.
            text.gap = true;
        } else {
            let (letter, length) = entity(rest);
            text.letter(letter);
            rest = &rest[length..];
        }
    }
    text.add(rest);
    text.text
}

struct Words {
    text: String,
    chars: usize,
    chars_max: usize,
    /// Whether white space goes before the next letter.
    gap: bool,
}

impl Words {
    fn add(&mut self, piece: &str) {
        if self.chars < self.chars_max {
            piece.chars().for_each(|letter| self.letter(letter));
        }
    }

    fn letter(&mut self, letter: char) {
        if letter.is_whitespace() || letter == '\0' {
            self.gap = true;
            return;
        }
        if self.gap && !self.text.is_empty() && self.chars < self.chars_max {
            self.text.push(' ');
            self.chars += 1;
        }
        self.gap = false;
        if self.chars < self.chars_max {
            self.text.push(letter);
            self.chars += 1;
        }
    }
}

/// The letter that `text`, which begins with `&`, begins with, and how many bytes say so.
fn entity(text: &str) -> (char, usize) {
    /// Longer than any entity read here.
    const BYTES_MAX: usize = 10;
    let plain = ('&', 1);
    let Some(end) = text.bytes().take(BYTES_MAX).position(|byte| byte == b';') else {
        return plain;
    };
    let name = &text[1..end];
    let letter = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => name.strip_prefix('#').and_then(|number| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }),
    };
    letter.map_or(plain, |letter| (letter, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_out_of_markup_parted_and_cut() {
        let html =
            "<p>Fine&nbsp;tea &amp; <b>cups</b></p>\n<ul><li>a</li><li>b</li></ul>&#x41;&#66;";
        assert_eq!(plain_text(html, 100), "Fine tea & cups a b AB");
        assert_eq!(plain_text(html, 6), "Fine t");
        assert_eq!(plain_text("a &unknown; &; <b", 100), "a &unknown; &;");
        assert_eq!(plain_text("é&", 1), "é");
    }
}
