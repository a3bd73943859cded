//! A builder for each widget. `button().label("Pay").on_tap(Msg::Pay)`; methods of every widget are in [`Widget`], those of widgets with
//! children in [`Parent`].

#[macro_use]
mod define;
mod words;

use crate::element::{Element, On};
use crate::fields::Scalar;
pub use define::{Choice, Parent, Widget};
#[cfg(not(target_arch = "wasm32"))]
pub use define::{Entry, Holds};
pub use words::*;

widgets! {
Page page "page" "Root of a view; its title stands in the host's bar." parent {
    title "title" text "Title.";
    subtitle "subtitle" text "Below the title.";
}
Stack stack "stack" "Children below each other." parent {
    gap "gap" Gap "Space between.";
    align "align" Align "Across.";
    pad "pad" Gap "Space around.";
    dock "dock" Dock "Stays at the page's edge.";
}
Row row "row" "Children beside each other; wraps when it must." parent {
    gap "gap" Gap "Space between.";
    align "align" Align "Across.";
    justify "justify" Justify "Along.";
    wrap "wrap" flag "Wraps.";
}
Grid grid "grid" "Children in columns of equal width." parent {
    columns "columns" integer "1 to 6.";
    gap "gap" Gap "Space between.";
}
Card card "card" "A raised surface." parent {
    tone "tone" Tone "Colour.";
} {
    on_tap "tap" send;
}
Divider divider "divider" "A line between." leaf {
    label "label" text "In the middle of it.";
}
List list "list" "Items below each other with lines between." parent {
    label "label" text "For screen readers.";
    total "total" integer "Items in all, when these are a window.";
    offset "offset" integer "Index of the first item here.";
} {
    on_window "window" integer;
}
ListItem list_item "list-item" "An item: title, detail, what stands at its end." parent {
    title "title" text "First line.";
    detail "detail" text "Below.";
    value "value" text "At the end.";
    image "image" image "At the start.";
} {
    on_tap "tap" send;
}
Scroll scroll "scroll" "Scrolls along one axis." parent {
    axis "axis" Axis "Which.";
    label "label" text "For screen readers.";
}
Tabs tabs "tabs" "One child is shown; each child's \"label\" is on its tab." parent {
    selected "selected" integer "Index of the child.";
    label "label" text "For screen readers.";
    labels "labels" lines "The tabs' labels, one a line.";
} {
    on_change "change" integer;
}
Text text "text" "Text." leaf {
    text "text" text "What it says.";
    size "size" TextSize "Size.";
    weight "weight" Weight "Weight.";
    tone "tone" Tone "Colour.";
    align "align" TextAlign "Along.";
    lines "lines" integer "At most so many; 0: all.";
    live "live" flag "Changes are read out.";
}
Image image "image" "A picture." leaf {
    source "source" image "Which.";
    alt "alt" text "For those who do not see it; empty: decoration.";
    shape "shape" Shape "Outline.";
    size "size" ImageSize "Size.";
} {
    on_tap "tap" send;
}
Icon icon "icon" "One of the host's symbols." leaf {
    name "name" text "Such as \"cart\", \"check\", \"clock\", \"bowl\", \"bell\".";
    tone "tone" Tone "Colour.";
    alt "alt" text "For those who do not see it.";
}
Badge badge "badge" "A short word or number that stands out." leaf {
    text "text" text "What it says.";
    tone "tone" Tone "Colour.";
}
Progress progress "progress" "How far." leaf {
    label "label" text "Names it; always shown or read out.";
    value "value" number "0 to 1; absent: unknown.";
    steps "steps" lines "Names of steps, one a line.";
    step "step" integer "Index of the step that is under way.";
}
FactList fact_list "fact-list" "Names and values." leaf {
    names "names" lines "One a line.";
    values "values" lines "One a line.";
    total "total" flag "The last one is a total.";
}
Table table "table" "Rows and columns." leaf {
    label "label" text "Caption.";
    columns "columns" text "Headings, tab-separated.";
    rows "rows" text "A row a line, cells tab-separated.";
    numeric "numeric" text "Indices of numeric columns, comma-separated.";
}
Qr qr "qr" "A QR code." leaf {
    text "text" text "What it says, at most 512 bytes.";
    label "label" text "Below it and for screen readers.";
}
Button button "button" "Does something." leaf {
    label "label" text "Names it; always shown or read out.";
    tone "tone" ButtonTone "How much it stands out.";
    icon "icon" text "Before the label.";
    disabled "disabled" flag "Can't be used now.";
    busy "busy" flag "Is under way.";
    wide "wide" flag "As wide as its parent.";
} {
    on_tap "tap" send;
}
TextField text_field "text-field" "A line or several of text." leaf {
    label "label" text "Names it; always shown or read out.";
    value "value" text "What the program holds.";
    placeholder "placeholder" text "An example.";
    kind "type" FieldType "Keyboard and checks.";
    max_length "max-length" integer "Characters; 1,000 unless told.";
    hint "hint" text "Shown below it.";
    error "error" text "What is wrong with the value; empty: nothing.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_input "input" text;
    on_change "change" text;
    on_submit "submit" text;
}
CheckboxGroup checkbox_group "checkbox-group" "Any of these." leaf {
    label "label" text "Names it; always shown or read out.";
    options "options" choices "value TAB label TAB detail, one a line.";
    value "value" lines "Chosen values, one a line.";
    hint "hint" text "Shown below it.";
    error "error" text "What is wrong with the value; empty: nothing.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" lines;
}
RadioGroup radio_group "radio-group" "One of these." leaf {
    label "label" text "Names it; always shown or read out.";
    options "options" choices "value TAB label TAB detail, one a line.";
    value "value" text "Chosen value.";
    style "style" ChoiceStyle "How it looks.";
    hint "hint" text "Shown below it.";
    error "error" text "What is wrong with the value; empty: nothing.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" text;
}
Select select "select" "One of many." leaf {
    label "label" text "Names it; always shown or read out.";
    options "options" choices "value TAB label, one a line.";
    value "value" text "Chosen value.";
    hint "hint" text "Shown below it.";
    error "error" text "What is wrong with the value; empty: nothing.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" text;
}
Stepper stepper "stepper" "A small number." leaf {
    label "label" text "Names it; always shown or read out.";
    value "value" integer "Now.";
    min "min" integer "Least; 0 unless told.";
    max "max" integer "Most; 99 unless told.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" integer;
}
Switch switch "switch" "On or off." leaf {
    label "label" text "Names it; always shown or read out.";
    value "value" flag "Now.";
    hint "hint" text "Shown below it.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" flag;
}
DateTime date_time "date-time" "A day, a time or both." leaf {
    label "label" text "Names it; always shown or read out.";
    value "value" text "ISO 8601.";
    kind "type" DateType "What of it.";
    min "min" text "Earliest.";
    max "max" text "Latest.";
    hint "hint" text "Shown below it.";
    error "error" text "What is wrong with the value; empty: nothing.";
    disabled "disabled" flag "Can't be used now.";
} {
    on_change "change" text;
}}
