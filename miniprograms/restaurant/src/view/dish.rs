//! One dish: size, heat, extras, how many.

use super::{framed, nothing, small};
use crate::app::{App, Msg, pages};
use crate::menu::{EXTRAS, SPICE};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Align, ButtonTone, Choice, ChoiceStyle, Dock, Gap, ImageSize, Parent, Shape, TextSize, Tone, Widget, badge, button, checkbox_group,
    image, radio_group, row, stack, stepper, text,
};

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let Some(line) = &app.draft else {
        let action = Some((words.to_menu, Msg::Go(pages::MENU)));
        return framed(words.restaurant, "", nothing(words.no_dish, "", "common/empty-cart.svg", action)).into();
    };
    let dish = line.choice.of();
    let name = dish.name[app.language];
    let sold_out = app.is_sold_out(line.choice.dish);
    let heading = stack()
        .gap(Gap::S)
        .grow()
        .child(text().text(name).size(TextSize::Large))
        .child(small(dish.about[app.language]))
        .child(text().text(app.money(line.choice.price())).size(TextSize::Title).tone(Tone::Accent))
        .maybe(sold_out.then(|| badge().text(words.sold_out).tone(Tone::Warn)));
    let picture = image().source(dish.picture()).alt("").shape(Shape::Square).size(ImageSize::L);
    let mut body = stack()
        .child(row().align(Align::Center).wrap(false).child(picture).child(heading))
        .maybe(app.notice());
    if let Some(more) = dish.large {
        let sizes = [
            Choice::new("regular", words.regular).detail(app.money(dish.price)),
            Choice::new("large", words.large).detail(app.money(dish.price + more)),
        ];
        let chosen = if line.choice.large { "large" } else { "regular" };
        body = body.child(
            radio_group()
                .label(words.size)
                .style(ChoiceStyle::Chips)
                .options(&sizes)
                .value(chosen)
                .on_change(Msg::Size),
        );
    }
    if dish.spice.is_some() {
        let levels: Vec<Choice> = SPICE
            .iter()
            .enumerate()
            .map(|(level, name)| Choice::new(number(level as u64), name[app.language]))
            .collect();
        let chosen = number(u64::from(line.choice.spice));
        body = body.child(
            radio_group()
                .label(words.spice)
                .style(ChoiceStyle::Chips)
                .options(&levels)
                .value(chosen)
                .on_change(Msg::Spice),
        );
    }
    if !dish.extras.is_empty() {
        let offered = dish.extras.iter().map(|at| &EXTRAS[*at]);
        let options: Vec<Choice> = offered
            .map(|extra| Choice::new(extra.id, extra.name[app.language]).detail(["+", &app.money(extra.price)].concat()))
            .collect();
        let chosen = dish.extras.iter().filter(|at| line.choice.has_extra(**at)).map(|at| EXTRAS[*at].id);
        body = body.child(
            checkbox_group()
                .label(words.extras)
                .options(&options)
                .value(chosen)
                .on_change(Msg::Extras),
        );
    }
    body = body.child(
        stepper()
            .label(words.quantity)
            .value(i64::from(line.quantity))
            .min(1)
            .max(20)
            .on_change(Msg::DraftQuantity),
    );
    let add = button()
        .label(fill(words.add_for, &[("amount", &app.money(line.amount()))]))
        .icon("cart")
        .tone(ButtonTone::Primary)
        .wide(true)
        .disabled(sold_out)
        .on_tap(Msg::AddDraft);
    framed(name, "", body).child(stack().dock(Dock::Bottom).child(add)).into()
}
