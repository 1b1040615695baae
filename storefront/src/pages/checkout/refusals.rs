//! What a shopper reads when an order cannot be placed. Never the inside of a failure.

use stoa_contracts::cart::CartView as Cart;
use stoa_contracts::checkout::CheckoutError;
use stoa_kernel::VariantId;
use stoa_rest::StatusCode;

use super::Trouble;
use super::draft::{field_error, summary_error};
use crate::views::FormError;

/// Status and errors of the page, or the trouble that is none of the shopper's.
pub(super) fn told(
    error: CheckoutError,
    cart: &Cart,
) -> Result<(StatusCode, Vec<FormError>), Trouble> {
    let conflict = StatusCode::CONFLICT;
    Ok(match error {
        CheckoutError::Incomplete { fields } => {
            let errors = fields
                .into_iter()
                .map(|(field, reason)| field_error(field, format!("This {reason}.")));
            (StatusCode::UNPROCESSABLE_ENTITY, errors.collect())
        }
        CheckoutError::Payment { reason, .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            vec![field_error(
                "payment_token",
                format!("This way to pay {reason}."),
            )],
        ),
        CheckoutError::Short { shortages } => {
            let errors = shortages.into_iter().map(|short| {
                let title = title(cart, short.variant);
                summary_error(match short.available {
                    ..=0 => format!("{title} is sold out. Please change the cart."),
                    left => format!("Only {left} of {title} can be had. Please change the cart."),
                })
            });
            (conflict, errors.collect())
        }
        CheckoutError::NotForSale { variants } => {
            let errors = variants.into_iter().map(|variant| {
                let title = title(cart, variant);
                summary_error(format!(
                    "{title} is not for sale any more. Please change the cart."
                ))
            });
            (conflict, errors.collect())
        }
        CheckoutError::KeyReused => {
            let text =
                "The form changed after it was sent. Please look at it, then press Pay again.";
            (conflict, vec![summary_error(text)])
        }
        CheckoutError::KeyUnfinished => {
            let text = "Your order is being placed. Please wait a moment, then press Pay again.";
            (conflict, vec![summary_error(text)])
        }
        other => return Err(other.into()),
    })
}

fn title(cart: &Cart, variant: VariantId) -> String {
    let line = cart.lines.iter().find(|line| line.variant_id == variant);
    line.map_or_else(
        || "Something in the cart".to_owned(),
        |line| line.title.clone(),
    )
}
