//! What this person has paid for, newest first.

use super::{framed, nothing};
use crate::app::{App, Msg, pages};
use crate::order::{Order, Status};
use youji_sdk::Element;
use youji_sdk::text::number;
use youji_sdk::widgets::{ButtonTone, Parent, Tone, Widget, badge, button, list, list_item, stack};

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let paid: Vec<&Order> = app.orders.iter().rev().filter(|order| order.paid.is_some()).collect();
    if paid.is_empty() && !app.earlier {
        let action = Some((words.to_menu, Msg::Go(pages::MENU)));
        return framed(
            words.bills,
            "",
            nothing(words.no_bills, words.no_bills_hint, "common/empty-cart.svg", action),
        )
        .into();
    }
    let earlier = app.earlier.then(|| {
        button()
            .label(words.earlier)
            .tone(ButtonTone::Quiet)
            .wide(true)
            .on_tap(Msg::Earlier)
    });
    let body = stack()
        .maybe(app.notice())
        .child(list().label(words.bills).children(paid.into_iter().map(|order| bill(app, order))))
        .maybe(earlier);
    framed(words.bills, "", body).into()
}

fn bill(app: &App, order: &Order) -> Element<Msg> {
    let words = app.words;
    let dishes: Vec<&str> = order.lines.iter().map(|line| line.choice.of().name[app.language]).collect();
    let picture = order.lines.first().map_or_else(String::new, |line| line.choice.of().picture());
    let (state, tone) = match order.status {
        _ if order.refunded > 0 => (words.refunded, Tone::Quiet),
        _ if !order.is_paid() => (words.unpaid, Tone::Warn),
        Status::Placed => (words.placed, Tone::Accent),
        Status::Cooking => (words.cooking, Tone::Accent),
        Status::Ready => (words.ready, Tone::Good),
    };
    let state = youji_sdk::text::fill(state, &[("amount", &app.money(order.refunded))]);
    list_item()
        .key(order.key.as_str())
        .title([&moment(order.created_at), " · ", &app.place(&order.table)].concat())
        .detail(dishes.join(if app.language == 0 { "、" } else { ", " }))
        .value(app.money(order.paid_amount))
        .image(picture)
        .on_tap(Msg::ShowOrder(order.key.clone()))
        .child(badge().text(state).tone(tone))
        .into()
}

/// "2026-01-31 18:05", where the restaurant is.
fn moment(milliseconds: u64) -> String {
    const CHINA: u64 = 8 * 3_600;
    let seconds = milliseconds / 1_000 + CHINA;
    let (days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    // Days since 1970 to a date, after Howard Hinnant: years begin in March, so that leap days come last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_of_march + 2) / 5 + 1;
    let month = if month_of_march < 10 {
        month_of_march + 3
    } else {
        month_of_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let two = |value: u64| {
        if value < 10 {
            ["0", &number(value)].concat()
        } else {
            number(value)
        }
    };
    [
        &number(year),
        "-",
        &two(month),
        "-",
        &two(day),
        " ",
        &two(minutes / 60),
        ":",
        &two(minutes % 60),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_are_those_of_the_restaurants_clock() {
        for (milliseconds, shown) in [
            (0, "1970-01-01 08:00"),
            (951_753_599_000, "2000-02-28 23:59"),
            (951_753_600_000, "2000-02-29 00:00"),
            (1_767_225_599_999, "2026-01-01 07:59"),
        ] {
            assert_eq!(moment(milliseconds), shown);
        }
    }
}
