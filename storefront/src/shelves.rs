//! What every page leads to: collections and the tree of categories, in the page's language.
//! Knows no product.

use stoa_contracts::catalog::{CategoryView, CollectionView};

use crate::answer::Trouble;
use crate::pages::feeds::feed_url;
use crate::shop::Shop;
use crate::views::{Alternate, Branch, Choice, Frame, Link, Meta};
use crate::visit::{Visit, category_url, collection_url};

const NAV_LINKS_MAX: usize = 8;
/// Branches of the menu, and twigs of each: the rest is found on their pages.
const BRANCHES_MAX: usize = 10;
const TWIGS_MAX: usize = 12;
/// Narrower categories that a page of one lists.
const CHILDREN_MAX: usize = 60;
/// Far below any tree of the catalog's.
const DEPTH_MAX: usize = 16;

#[derive(Default)]
pub(crate) struct Shelves {
    pub(crate) collections: Vec<CollectionView>,
    pub(crate) tree: Vec<CategoryView>,
}

impl Shelves {
    pub(crate) fn collection(&self, handle: &str) -> Option<&CollectionView> {
        self.collections.iter().find(|one| one.handle == handle)
    }

    pub(crate) fn category(&self, handle: &str) -> Option<&CategoryView> {
        self.tree.iter().find(|one| one.handle == handle)
    }

    /// From the root of the tree to the category itself.
    pub(crate) fn path(&self, handle: &str) -> Vec<&CategoryView> {
        let mut path = Vec::new();
        let mut next = self.category(handle);
        while let Some(found) = next {
            path.push(found);
            if path.len() >= DEPTH_MAX {
                break;
            }
            next = found
                .parent
                .as_ref()
                .and_then(|parent| self.category(parent));
        }
        path.reverse();
        path
    }

    pub(crate) fn children(&self, handle: &str) -> Vec<Link> {
        self.below(Some(handle)).take(CHILDREN_MAX).collect()
    }

    fn below<'s>(&'s self, parent: Option<&'s str>) -> impl Iterator<Item = Link> + 's {
        let children = move |one: &&CategoryView| one.parent.as_deref() == parent;
        let link = |one: &CategoryView| Link::new(&one.title, category_url(&one.handle));
        self.tree.iter().filter(children).map(link)
    }

    /// The two upper levels of the tree; `current` is the address of the page.
    fn menu(&self, current: &str) -> Vec<Branch> {
        let here: Vec<String> = self
            .tree
            .iter()
            .find(|one| category_url(&one.handle) == current)
            .map(|one| {
                let path = self.path(&one.handle);
                path.iter().map(|one| category_url(&one.handle)).collect()
            })
            .unwrap_or_default();
        let marked = |link: Link| Link {
            current: link.url == current,
            ..link
        };
        let roots = self.tree.iter().filter(|one| one.parent.is_none());
        roots
            .take(BRANCHES_MAX)
            .map(|root| {
                let url = category_url(&root.handle);
                Branch {
                    title: root.title.clone(),
                    current: url == current,
                    here: here.contains(&url),
                    url,
                    children: self
                        .below(Some(&root.handle))
                        .take(TWIGS_MAX)
                        .map(marked)
                        .collect(),
                }
            })
            .collect()
    }
}

impl Shop {
    pub(crate) async fn shelves(&self, visit: &Visit) -> Result<Shelves, Trouble> {
        let (tenant, locale) = (visit.tenant_id(), visit.locale());
        let (collections, tree) = tokio::join!(
            self.catalog.collections_in(tenant, locale),
            self.catalog.categories(tenant, locale)
        );
        Ok(Shelves {
            collections: collections?,
            tree: tree?,
        })
    }

    /// What surrounds the page; `current` is the address of the shelf shown.
    pub(crate) fn frame(&self, visit: &Visit, shelves: &Shelves, current: &str) -> Frame {
        let tenant = &visit.tenant;
        let nav = shelves.collections.iter().take(NAV_LINKS_MAX);
        let nav = nav.map(|collection| {
            let url = collection_url(&collection.handle);
            Link {
                current: url == current,
                ..Link::new(&collection.title, url)
            }
        });
        let markets = &visit.markets;
        let languages = markets.languages.iter().map(|&language| Choice {
            value: language.as_str().to_owned(),
            label: language.own_name().to_owned(),
            selected: language == visit.language,
        });
        let currencies = markets.currencies.iter().map(|&currency| Choice {
            value: currency.to_string(),
            label: currency.to_string(),
            selected: currency == visit.currency,
        });
        Frame {
            tagline: (self.welcome)(tenant).and_then(|welcome| welcome.tagline),
            language: visit.language.as_str().to_owned(),
            currency: visit.currency.to_string(),
            nav: nav.collect(),
            menu: shelves.menu(current),
            test_mode: tenant.test_mode,
            mailbox_url: tenant.test_mode.then(|| "/admin/mailbox".to_owned()),
            languages: languages.collect(),
            currencies: currencies.collect(),
            back: visit.here(),
            suggest_url: Some("/search/suggest".to_owned()),
            ..Frame::bare(&tenant.name)
        }
    }

    pub(crate) async fn plain_frame(&self, visit: &Visit) -> Result<Frame, Trouble> {
        let shelves = self.shelves(visit).await?;
        Ok(self.frame(visit, &shelves, ""))
    }

    /// What a page says of itself to search engines; `path` is its address without filters.
    pub(crate) fn public_meta(&self, visit: &Visit, title: impl Into<String>, path: &str) -> Meta {
        let mut alternates = Vec::new();
        if visit.markets.languages.len() > 1 {
            let others = visit.markets.languages.iter().map(|&language| Alternate {
                language: language.as_str(),
                url: visit.in_language(path, language),
            });
            alternates.extend(others);
            alternates.push(Alternate {
                language: "x-default",
                url: format!("{}{path}", visit.origin),
            });
        }
        Meta {
            canonical: Some(visit.in_language(path, visit.language)),
            alternates,
            feed: Some(Link::new(&visit.tenant.name, feed_url(None))),
            ..Meta::page(title)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelves() -> Shelves {
        let one = |handle: &str, parent: Option<&str>, depth| CategoryView {
            handle: handle.to_owned(),
            title: handle.to_uppercase(),
            parent: parent.map(str::to_owned),
            depth,
        };
        Shelves {
            collections: Vec::new(),
            tree: vec![
                one("table", None, 0),
                one("cups", Some("table"), 1),
                one("mugs", Some("cups"), 2),
                one("bowls", Some("table"), 1),
                one("light", None, 0),
            ],
        }
    }

    #[test]
    fn the_path_of_a_category_begins_at_the_root() {
        let shelves = shelves();
        let path: Vec<&str> = shelves
            .path("mugs")
            .iter()
            .map(|one| one.handle.as_str())
            .collect();
        assert_eq!(path, ["table", "cups", "mugs"]);
        assert!(shelves.path("nothing").is_empty());
    }

    #[test]
    fn the_menu_shows_two_levels_and_where_the_page_is() {
        let menu = shelves().menu("/categories/mugs");
        let titles: Vec<(&str, bool, usize)> = menu
            .iter()
            .map(|one| (one.title.as_str(), one.here, one.children.len()))
            .collect();
        assert_eq!(titles, [("TABLE", true, 2), ("LIGHT", false, 0)]);
        let menu = shelves().menu("/categories/bowls");
        assert!(menu[0].children[1].current && !menu[0].current);
    }
}
