//! Named values, as they travel.

use crate::bindings::youji::miniapp::types::Field;
pub use crate::bindings::youji::miniapp::types::Scalar;

/// Named values; names are unique, order carries no meaning. A name that is absent and one of another kind read alike, so that
/// a program outlives fields that it does not know.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub(crate) Vec<Field>);

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more text; replaces one of the same name.
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.with(name, Scalar::Text(value.into()))
    }

    /// With one more whole number; replaces one of the same name.
    pub fn integer(self, name: &str, value: i64) -> Self {
        self.with(name, Scalar::Integer(value))
    }

    /// With one more flag; replaces one of the same name.
    pub fn flag(self, name: &str, value: bool) -> Self {
        self.with(name, Scalar::Flag(value))
    }

    /// With one more value; replaces one of the same name.
    pub fn with(mut self, name: &str, value: Scalar) -> Self {
        match self.0.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => self.0.push(Field {
                name: name.to_owned(),
                value,
            }),
        }
        self
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        self.0.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// The text of that name; empty when it is absent or of another kind.
    pub fn get_text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Scalar::Text(text)) => text,
            _ => "",
        }
    }

    /// The whole number of that name.
    pub fn get_integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Scalar::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// The whole number of that name, if it is not negative: amounts, versions, times.
    pub fn get_count(&self, name: &str) -> Option<u64> {
        self.get_integer(name).and_then(|number| u64::try_from(number).ok())
    }

    /// The flag of that name; false when it is absent or of another kind.
    pub fn get_flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Scalar::Flag(true)))
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|field| (field.name.as_str(), &field.value))
    }

    /// Names and texts of those whose name starts so, without the prefix: "query.", "profile.", "template.".
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |field| match &field.value {
            Scalar::Text(text) => Some((field.name.strip_prefix(prefix)?, text.as_str())),
            _ => None,
        })
    }
}
