//! The words that attributes take.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($arm:ident = $word:literal),+ $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            #[allow(missing_docs, reason = "the words say it")]
            pub enum $name { $($arm),+ }

            impl $name {
                /// All of them; the first is what absence means.
                pub const WORDS: &'static [&'static str] = &[$($word),+];

                /// As on the wire.
                pub fn word(self) -> &'static str {
                    match self { $($name::$arm => $word),+ }
                }
            }
        )*
    };
}

words! {
    /// Colour, by meaning.
    Tone { Plain = "plain", Accent = "accent", Quiet = "quiet", Good = "good", Warn = "warn", Bad = "bad" }
    /// How much a button stands out.
    ButtonTone { Plain = "plain", Primary = "primary", Quiet = "quiet", Bad = "bad" }
    /// Space.
    Gap { M = "m", None = "none", S = "s", L = "l" }
    /// Across.
    Align { Stretch = "stretch", Start = "start", Center = "center", End = "end" }
    /// Along a row.
    Justify { Start = "start", Center = "center", End = "end", Between = "between" }
    /// Of text, along its line.
    TextAlign { Start = "start", Center = "center", End = "end" }
    /// The page's edge that a stack stays at.
    Dock { None = "none", Bottom = "bottom" }
    /// Along which something scrolls.
    Axis { Vertical = "vertical", Horizontal = "horizontal" }
    /// Size of text.
    TextSize { Body = "body", Small = "small", Title = "title", Large = "large" }
    /// Weight of text.
    Weight { Regular = "regular", Strong = "strong" }
    /// Outline of a picture.
    Shape { Wide = "wide", Square = "square", Round = "round", Banner = "banner" }
    /// Size of a picture.
    ImageSize { Fill = "fill", S = "s", M = "m", L = "l" }
    /// Keyboard and checks of a text field.
    FieldType { Text = "text", Number = "number", Phone = "phone", Search = "search", Multiline = "multiline" }
    /// How a group of choices looks.
    ChoiceStyle { List = "list", Chips = "chips" }
    /// What of a moment.
    DateType { Date = "date", Time = "time", DateTime = "date-time" }
}
