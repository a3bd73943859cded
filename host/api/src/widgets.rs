//! The one table of widgets. The kiosk's renderer and the SDK are checked against it.

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text that people read.
    Text,
    /// One of these words; another is drawn as the first.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Number,
    /// Path of an image in the package.
    Image,
}

/// An attribute of a widget.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it does.
    pub doc: &'static str,
}

/// A widget.
#[derive(Clone, Copy, Debug)]
pub struct Widget {
    /// Its name on the wire.
    pub kind: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Whether it may have children.
    pub children: bool,
    /// Its own attributes, beside [`COMMON`].
    pub attributes: &'static [Attribute],
    /// Codes of the events that it sends.
    pub events: &'static [&'static str],
}

const fn a(name: &'static str, kind: Kind, doc: &'static str) -> Attribute {
    Attribute { name, kind, doc }
}

const TONES: Kind = Kind::Word(&["plain", "accent", "quiet", "good", "warn", "bad"]);
const GAPS: Kind = Kind::Word(&["m", "none", "s", "l"]);
const ALIGN: Kind = Kind::Word(&["stretch", "start", "center", "end"]);
const LABEL: Attribute = a("label", Kind::Text, "Names it; always shown or read out");
const HINT: Attribute = a("hint", Kind::Text, "Shown below it");
const ERROR: Attribute = a("error", Kind::Text, "What is wrong with the value; empty: nothing");
const DISABLED: Attribute = a("disabled", Kind::Flag, "Can't be used now");

/// Attributes of every widget.
pub const COMMON: &[Attribute] = &[
    a("hidden", Kind::Flag, "Not drawn"),
    a("grow", Kind::Flag, "Takes the space that is left in a row or stack"),
    a("described", Kind::Text, "For screen readers, where what is drawn does not say it"),
];

/// Every widget, in the order of the gallery.
pub const WIDGETS: &[Widget] = &[
    Widget {
        kind: "page",
        doc: "Root of a view; its title stands in the host's bar",
        children: true,
        attributes: &[a("title", Kind::Text, "Title"), a("subtitle", Kind::Text, "Below the title")],
        events: &[],
    },
    Widget {
        kind: "stack",
        doc: "Children below each other",
        children: true,
        attributes: &[
            a("gap", GAPS, "Space between"),
            a("align", ALIGN, "Across"),
            a("pad", GAPS, "Space around"),
            a("dock", Kind::Word(&["none", "bottom"]), "Stays at the page's edge"),
        ],
        events: &[],
    },
    Widget {
        kind: "row",
        doc: "Children beside each other; wraps when it must",
        children: true,
        attributes: &[
            a("gap", GAPS, "Space between"),
            a("align", ALIGN, "Across"),
            a("justify", Kind::Word(&["start", "center", "end", "between"]), "Along"),
            a("wrap", Kind::Flag, "Wraps"),
        ],
        events: &[],
    },
    Widget {
        kind: "grid",
        doc: "Children in columns of equal width",
        children: true,
        attributes: &[a("columns", Kind::Integer, "1 to 6"), a("gap", GAPS, "Space between")],
        events: &[],
    },
    Widget {
        kind: "card",
        doc: "A raised surface",
        children: true,
        attributes: &[a("tone", TONES, "Colour")],
        events: &["tap"],
    },
    Widget {
        kind: "divider",
        doc: "A line between",
        children: false,
        attributes: &[a("label", Kind::Text, "In the middle of it")],
        events: &[],
    },
    Widget {
        kind: "list",
        doc: "Items below each other with lines between",
        children: true,
        attributes: &[
            a("label", Kind::Text, "For screen readers"),
            a("total", Kind::Integer, "Items in all, when these are a window"),
            a("offset", Kind::Integer, "Index of the first item here"),
        ],
        events: &["window"],
    },
    Widget {
        kind: "list-item",
        doc: "An item: title, detail, what stands at its end",
        children: true,
        attributes: &[
            a("title", Kind::Text, "First line"),
            a("detail", Kind::Text, "Below"),
            a("value", Kind::Text, "At the end"),
            a("image", Kind::Image, "At the start"),
        ],
        events: &["tap"],
    },
    Widget {
        kind: "scroll",
        doc: "Scrolls along one axis",
        children: true,
        attributes: &[
            a("axis", Kind::Word(&["vertical", "horizontal"]), "Which"),
            a("label", Kind::Text, "For screen readers"),
        ],
        events: &[],
    },
    Widget {
        kind: "tabs",
        doc: "One child is shown; each child's \"label\" is on its tab",
        children: true,
        attributes: &[
            a("selected", Kind::Integer, "Index of the child"),
            a("label", Kind::Text, "For screen readers"),
            a("labels", Kind::Text, "The tabs' labels, one a line"),
        ],
        events: &["change"],
    },
    Widget {
        kind: "text",
        doc: "Text",
        children: false,
        attributes: &[
            a("text", Kind::Text, "What it says"),
            a("size", Kind::Word(&["body", "small", "title", "large"]), "Size"),
            a("weight", Kind::Word(&["regular", "strong"]), "Weight"),
            a("tone", TONES, "Colour"),
            a("align", Kind::Word(&["start", "center", "end"]), "Along"),
            a("lines", Kind::Integer, "At most so many; 0: all"),
            a("live", Kind::Flag, "Changes are read out"),
        ],
        events: &[],
    },
    Widget {
        kind: "image",
        doc: "A picture",
        children: false,
        attributes: &[
            a("source", Kind::Image, "Which"),
            a("alt", Kind::Text, "For those who do not see it; empty: decoration"),
            a("shape", Kind::Word(&["wide", "square", "round", "banner"]), "Outline"),
            a("size", Kind::Word(&["fill", "s", "m", "l"]), "Size"),
        ],
        events: &["tap"],
    },
    Widget {
        kind: "icon",
        doc: "One of the host's symbols",
        children: false,
        attributes: &[
            a("name", Kind::Text, "Such as \"cart\", \"check\", \"clock\", \"bowl\", \"bell\""),
            a("tone", TONES, "Colour"),
            a("alt", Kind::Text, "For those who do not see it"),
        ],
        events: &[],
    },
    Widget {
        kind: "badge",
        doc: "A short word or number that stands out",
        children: false,
        attributes: &[a("text", Kind::Text, "What it says"), a("tone", TONES, "Colour")],
        events: &[],
    },
    Widget {
        kind: "progress",
        doc: "How far",
        children: false,
        attributes: &[
            LABEL,
            a("value", Kind::Number, "0 to 1; absent: unknown"),
            a("steps", Kind::Text, "Names of steps, one a line"),
            a("step", Kind::Integer, "Index of the step that is under way"),
        ],
        events: &[],
    },
    Widget {
        kind: "fact-list",
        doc: "Names and values",
        children: false,
        attributes: &[
            a("names", Kind::Text, "One a line"),
            a("values", Kind::Text, "One a line"),
            a("total", Kind::Flag, "The last one is a total"),
        ],
        events: &[],
    },
    Widget {
        kind: "table",
        doc: "Rows and columns",
        children: false,
        attributes: &[
            a("label", Kind::Text, "Caption"),
            a("columns", Kind::Text, "Headings, tab-separated"),
            a("rows", Kind::Text, "A row a line, cells tab-separated"),
            a("numeric", Kind::Text, "Indices of numeric columns, comma-separated"),
        ],
        events: &[],
    },
    Widget {
        kind: "qr",
        doc: "A QR code",
        children: false,
        attributes: &[
            a("text", Kind::Text, "What it says, at most 512 bytes"),
            a("label", Kind::Text, "Below it and for screen readers"),
        ],
        events: &[],
    },
    Widget {
        kind: "button",
        doc: "Does something",
        children: false,
        attributes: &[
            LABEL,
            a("tone", Kind::Word(&["plain", "primary", "quiet", "bad"]), "How much it stands out"),
            a("icon", Kind::Text, "Before the label"),
            DISABLED,
            a("busy", Kind::Flag, "Is under way"),
            a("wide", Kind::Flag, "As wide as its parent"),
        ],
        events: &["tap"],
    },
    Widget {
        kind: "text-field",
        doc: "A line or several of text",
        children: false,
        attributes: &[
            LABEL,
            a("value", Kind::Text, "What the program holds"),
            a("placeholder", Kind::Text, "An example"),
            a(
                "type",
                Kind::Word(&["text", "number", "phone", "search", "multiline"]),
                "Keyboard and checks",
            ),
            a("max-length", Kind::Integer, "Characters; 1,000 unless told"),
            HINT,
            ERROR,
            DISABLED,
        ],
        events: &["input", "change", "submit"],
    },
    Widget {
        kind: "checkbox-group",
        doc: "Any of these",
        children: false,
        attributes: &[
            LABEL,
            a("options", Kind::Text, "value TAB label TAB detail, one a line"),
            a("value", Kind::Text, "Chosen values, one a line"),
            HINT,
            ERROR,
            DISABLED,
        ],
        events: &["change"],
    },
    Widget {
        kind: "radio-group",
        doc: "One of these",
        children: false,
        attributes: &[
            LABEL,
            a("options", Kind::Text, "value TAB label TAB detail, one a line"),
            a("value", Kind::Text, "Chosen value"),
            a("style", Kind::Word(&["list", "chips"]), "How it looks"),
            HINT,
            ERROR,
            DISABLED,
        ],
        events: &["change"],
    },
    Widget {
        kind: "select",
        doc: "One of many",
        children: false,
        attributes: &[
            LABEL,
            a("options", Kind::Text, "value TAB label, one a line"),
            a("value", Kind::Text, "Chosen value"),
            HINT,
            ERROR,
            DISABLED,
        ],
        events: &["change"],
    },
    Widget {
        kind: "stepper",
        doc: "A small number",
        children: false,
        attributes: &[
            LABEL,
            a("value", Kind::Integer, "Now"),
            a("min", Kind::Integer, "Least; 0 unless told"),
            a("max", Kind::Integer, "Most; 99 unless told"),
            DISABLED,
        ],
        events: &["change"],
    },
    Widget {
        kind: "switch",
        doc: "On or off",
        children: false,
        attributes: &[LABEL, a("value", Kind::Flag, "Now"), HINT, DISABLED],
        events: &["change"],
    },
    Widget {
        kind: "date-time",
        doc: "A day, a time or both",
        children: false,
        attributes: &[
            LABEL,
            a("value", Kind::Text, "ISO 8601"),
            a("type", Kind::Word(&["date", "time", "date-time"]), "What of it"),
            a("min", Kind::Text, "Earliest"),
            a("max", Kind::Text, "Latest"),
            HINT,
            ERROR,
            DISABLED,
        ],
        events: &["change"],
    },
];

/// The widget of that name; none when this host does not know it and draws a placeholder.
pub fn widget(kind: &str) -> Option<&'static Widget> {
    WIDGETS.iter().find(|widget| widget.kind == kind)
}
