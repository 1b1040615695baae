//! What a page is made from, told by those it was read from while it is made. Where nobody listens,
//! telling costs one look. Keeps nothing by itself.

use std::cell::RefCell;

use crate::tag::Tag;

/// Beyond them a page is kept by nobody, so that none of them needs to be remembered.
const TOLD_MAX: usize = 1_024;

tokio::task_local! {
    static TOLD: RefCell<Vec<Tag>>;
}

/// Runs `work`, within which [`tell`] is heard.
pub async fn listen<F: Future>(work: F) -> F::Output {
    TOLD.scope(RefCell::default(), work).await
}

/// Whoever makes something of what was just read here is to outdate it by these tags.
pub fn tell(tags: impl IntoIterator<Item = Tag>) {
    let heard = TOLD.try_with(|told| {
        let mut told = told.borrow_mut();
        let room = TOLD_MAX.saturating_sub(told.len());
        told.extend(tags.into_iter().take(room));
    });
    // Nobody listens: nothing is kept.
    let _ = heard;
}

/// What was told so far in this [`listen`], each once; empty outside.
pub fn told() -> Vec<Tag> {
    let mut all: Vec<Tag> = Vec::new();
    let heard = TOLD.try_with(|told| {
        for tag in told.borrow().iter() {
            if !all.contains(tag) {
                all.push(tag.clone());
            }
        }
    });
    let _ = heard;
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::TenantId;

    #[tokio::test]
    async fn what_is_told_is_heard_by_its_own_listener_only() {
        let tag = |text: &str| Tag::new(TenantId::from_u128(7), text);
        tell([tag("nobody")]);
        assert_eq!(told(), []);
        let one = listen(async {
            tell([tag("a"), tag("b")]);
            tokio::task::yield_now().await;
            tell([tag("a")]);
            told()
        });
        let other = listen(async {
            tokio::task::yield_now().await;
            tell([tag("c")]);
            told()
        });
        let (one, other) = tokio::join!(one, other);
        assert_eq!((one, other), (vec![tag("a"), tag("b")], vec![tag("c")]));
    }
}
