//! What somebody is about to order.

use crate::menu::{DISHES, Dish, EXTRAS, SPICE, find};
use crate::words::Words;
use youji_sdk::Json;

/// Most dishes of one order: the kitchen has four burners.
pub(crate) const MOST: u32 = 50;
/// Longest note, in characters.
pub(crate) const NOTE: usize = 120;

/// A dish as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Index into [`DISHES`].
    pub(crate) dish: usize,
    pub(crate) large: bool,
    pub(crate) spice: u8,
    /// A bit for each of [`EXTRAS`].
    pub(crate) extras: u8,
}

impl Choice {
    /// As it comes unless told.
    pub(crate) fn usual(dish: usize) -> Self {
        Choice {
            dish,
            large: false,
            spice: DISHES[dish].spice.unwrap_or(0),
            extras: 0,
        }
    }

    pub(crate) fn of(&self) -> &'static Dish {
        &DISHES[self.dish]
    }

    pub(crate) fn has_extra(&self, extra: usize) -> bool {
        self.extras >> extra & 1 == 1
    }

    /// Of one.
    pub(crate) fn price(&self) -> u64 {
        let large = self.of().large.filter(|_| self.large).unwrap_or(0);
        let extras = EXTRAS.iter().enumerate().filter(|(at, _)| self.has_extra(*at));
        self.of().price + large + extras.map(|(_, extra)| extra.price).sum::<u64>()
    }

    /// "Large, mild, soft egg"; empty when there is nothing to say.
    pub(crate) fn options(&self, words: &Words, language: usize) -> String {
        let mut parts = Vec::new();
        if self.large {
            parts.push(words.large);
        }
        if self.of().spice.is_some() {
            parts.push(SPICE[usize::from(self.spice)][language]);
        }
        let extras = EXTRAS.iter().enumerate().filter(|(at, _)| self.has_extra(*at));
        parts.extend(extras.map(|(_, extra)| extra.name[language]));
        parts.join(if language == 0 { "、" } else { ", " })
    }
}

/// A choice, so many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) choice: Choice,
    pub(crate) quantity: u32,
}

impl Line {
    pub(crate) fn amount(&self) -> u64 {
        self.choice.price() * u64::from(self.quantity)
    }

    fn to_json(&self) -> Json {
        let extras = EXTRAS.iter().enumerate().filter(|(at, _)| self.choice.has_extra(*at));
        Json::object()
            .with("dish", self.choice.of().id)
            .with("large", self.choice.large)
            .with("spice", u32::from(self.choice.spice))
            .with("extras", extras.map(|(_, extra)| Json::from(extra.id)).collect::<Vec<_>>())
            .with("quantity", self.quantity)
    }

    /// None when the dish has left the menu, or something else makes no sense.
    fn from_json(json: &Json) -> Option<Line> {
        let dish = find(json.get("dish").as_text())?;
        let known = &DISHES[dish];
        let spice = u8::try_from(json.get("spice").as_count())
            .ok()
            .filter(|level| usize::from(*level) < SPICE.len());
        let mut extras = 0;
        for wanted in json.get("extras").as_list() {
            let at = EXTRAS.iter().position(|extra| extra.id == wanted.as_text());
            extras |= 1 << at.filter(|at| known.extras.contains(at))?;
        }
        let quantity = u32::try_from(json.get("quantity").as_count()).ok();
        Some(Line {
            choice: Choice {
                dish,
                large: json.get("large").as_flag() && known.large.is_some(),
                spice: if known.spice.is_some() { spice? } else { 0 },
                extras,
            },
            quantity: quantity.filter(|quantity| (1..=MOST).contains(quantity))?,
        })
    }
}

/// Lines as JSON.
pub(crate) fn to_json(lines: &[Line]) -> Json {
    Json::List(lines.iter().map(Line::to_json).collect())
}

/// Lines from JSON; none when one of them can't be read: half an order would be worse.
pub(crate) fn from_json(json: &Json) -> Option<Vec<Line>> {
    json.as_list().iter().map(Line::from_json).collect()
}

pub(crate) fn count(lines: &[Line]) -> u32 {
    lines.iter().map(|line| line.quantity).sum()
}

pub(crate) fn amount(lines: &[Line]) -> u64 {
    lines.iter().map(Line::amount).sum()
}

/// Adds, to the line of the same choice if there is one. False when the order would be too large.
pub(crate) fn add(lines: &mut Vec<Line>, line: Line) -> bool {
    if count(lines) + line.quantity > MOST {
        return false;
    }
    match lines.iter_mut().find(|known| known.choice == line.choice) {
        Some(known) => known.quantity += line.quantity,
        None => lines.push(line),
    }
    true
}

/// Whether two baskets ask for the same, in whatever order.
pub(crate) fn same(one: &[Line], other: &[Line]) -> bool {
    one.len() == other.len() && one.iter().all(|line| other.contains(line))
}
