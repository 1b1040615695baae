//! The widths that pictures come in: few, so that they are made once and found in every cache.

use stoa_pixels::Format;

const LADDER: [u32; 7] = [160, 320, 480, 640, 960, 1_280, 1_920];
const WIDTH_MAX: u32 = LADDER[LADDER.len() - 1];
/// AVIF takes many times as long to make as WebP: wider ones would keep shoppers waiting.
pub(crate) const AVIF_WIDTH_MAX: u32 = 960;

/// The widths of a picture: steps below its own, and its own or the last step.
pub(crate) fn widths(of: u32) -> Vec<u32> {
    let own = of.min(WIDTH_MAX);
    let below = LADDER.into_iter().take_while(|&step| step < own);
    below.chain([own]).collect()
}

pub(crate) fn may_be_made(of: u32, width: u32, format: Format) -> bool {
    let fits = format != Format::Avif || width <= AVIF_WIDTH_MAX;
    fits && widths(of).contains(&width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_in_steps_up_to_its_own_width_and_no_others() {
        assert_eq!(widths(100), [100]);
        assert_eq!(widths(160), [160]);
        assert_eq!(widths(1_000), [160, 320, 480, 640, 960, 1_000]);
        assert_eq!(widths(6_000), LADDER);
        assert!(may_be_made(1_000, 1_000, Format::Webp) && may_be_made(6_000, 960, Format::Avif));
        assert!(
            !may_be_made(1_000, 1_280, Format::Webp),
            "never larger than it is"
        );
        assert!(!may_be_made(6_000, 161, Format::Webp), "no step");
        assert!(!may_be_made(6_000, 1_280, Format::Avif), "too slow to make");
    }
}
