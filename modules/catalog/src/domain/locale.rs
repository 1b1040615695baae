//! Languages: how they are written, which stands in for which, and how a translation is laid over
//! what it translates. Never does IO.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{ProductOption, ProductView, Seo};

use super::{DESCRIPTION_BYTES_MAX, Flaw, LINE_CHARS_MAX, OPTIONS_MAX, variant_title};

pub(crate) const LOCALES_MAX: usize = 50;
const LOCALE_BYTES_MAX: usize = 35;
const SEO_CHARS_MAX: usize = 1_000;
const OPTION_VALUES_MAX: usize = 2_000;

/// A language, and the one that stands in where it has no words: `pt-br` and `pt`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Locale {
    pub(crate) tag: String,
    pub(crate) language: String,
}

impl Locale {
    /// A BCP 47 tag in any case; `None` where it is none.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let tag = text.to_ascii_lowercase();
        let mut parts = tag.split('-');
        let language = parts.next().unwrap_or_default();
        let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
        let fits = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let good = (2..=3).contains(&language.len()) && letters(language) && parts.all(fits);
        let language = language.to_owned();
        (good && tag.len() <= LOCALE_BYTES_MAX).then_some(Self { tag, language })
    }
}

/// What is said in another language; what is `None` or empty is shown as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Translation {
    pub(crate) title: Option<String>,
    pub(crate) description_html: Option<String>,
    pub(crate) seo: Seo,
    /// Of the same shape as the product's options, else they are shown as they were written.
    pub(crate) options: Vec<ProductOption>,
}

impl Translation {
    /// This one, with `other` where this says nothing.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            title: self.title.or(other.title),
            description_html: self.description_html.or(other.description_html),
            seo: Seo {
                title: self.seo.title.or(other.seo.title),
                description: self.seo.description.or(other.seo.description),
            },
            options: match self.options.is_empty() {
                true => other.options,
                false => self.options,
            },
        }
    }

    pub(crate) fn lay_over(self, view: &mut ProductView) {
        if let Some(title) = self.title {
            view.title = title;
        }
        if let Some(html) = self.description_html {
            view.description_html = html;
        }
        view.seo.title = self.seo.title.or_else(|| view.seo.title.take());
        view.seo.description = self.seo.description.or_else(|| view.seo.description.take());
        let same = |(a, b): (&ProductOption, &ProductOption)| a.values.len() == b.values.len();
        let fits = self.options.len() == view.options.len()
            && self.options.iter().zip(&view.options).all(same);
        if !fits || self.options.is_empty() {
            return;
        }
        let words: Vec<HashMap<&str, &str>> = self
            .options
            .iter()
            .zip(&view.options)
            .map(|(to, from)| {
                let pairs = from.values.iter().zip(&to.values);
                pairs
                    .map(|(from, to)| (from.as_str(), to.as_str()))
                    .collect()
            })
            .collect();
        for variant in &mut view.variants {
            for (value, words) in variant.option_values.iter_mut().zip(&words) {
                if let Some(word) = words.get(value.as_str()) {
                    *value = (*word).to_owned();
                }
            }
            variant.title = variant_title(&variant.option_values);
        }
        drop(words);
        view.options = self.options;
    }
}

pub(crate) fn check_translation(translation: &Translation) -> Result<(), Flaw> {
    let line = |field: &str, text: Option<&String>, max: usize| match text {
        Some(text)
            if text.trim().is_empty() || text.chars().count() > max || text.contains('\0') =>
        {
            Err(Flaw::new(field, format!("is 1 to {max} characters")))
        }
        _ => Ok(()),
    };
    line("title", translation.title.as_ref(), LINE_CHARS_MAX)?;
    line("seo.title", translation.seo.title.as_ref(), LINE_CHARS_MAX)?;
    line(
        "seo.description",
        translation.seo.description.as_ref(),
        SEO_CHARS_MAX,
    )?;
    let html = translation.description_html.as_deref().unwrap_or_default();
    if html.len() > DESCRIPTION_BYTES_MAX || html.contains('\0') {
        let reason = format!("is at most {DESCRIPTION_BYTES_MAX} bytes");
        return Err(Flaw::new("description_html", reason));
    }
    if translation.options.len() > OPTIONS_MAX {
        return Err(Flaw::new(
            "options",
            format!("holds at most {OPTIONS_MAX} entries"),
        ));
    }
    for (index, option) in translation.options.iter().enumerate() {
        line(
            &format!("options[{index}].name"),
            Some(&option.name),
            LINE_CHARS_MAX,
        )?;
        let field = format!("options[{index}].values");
        if option.values.len() > OPTION_VALUES_MAX {
            return Err(Flaw::new(
                field,
                format!("holds at most {OPTION_VALUES_MAX} entries"),
            ));
        }
        for value in &option.values {
            line(&field, Some(value), LINE_CHARS_MAX)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_any_case_and_others_refused() {
        let locale = Locale::of("pt-BR").expect("a tag");
        assert_eq!(
            (locale.tag.as_str(), locale.language.as_str()),
            ("pt-br", "pt")
        );
        for wrong in ["", "p", "deutsch", "de_DE", "de-", "d3", "de-ééé"] {
            assert_eq!(Locale::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_field_falls_back_by_itself() {
        let titled = |text: &str| Translation {
            title: Some(text.to_owned()),
            ..Translation::default()
        };
        let mut other = titled("Chá");
        other.description_html = Some("<p>Bom</p>".into());
        let both = titled("Chá do Brasil").or(other);
        assert_eq!(both.title.as_deref(), Some("Chá do Brasil"));
        assert_eq!(both.description_html.as_deref(), Some("<p>Bom</p>"));
    }
}
