/** A builder for each widget. Made from the host's table of widgets; do not edit. */

/** A widget with its children. `undefined`, `null` and `false` among children are left out. */
export interface Element<out Msg> {
    readonly kind: string;
    readonly props: object;
    readonly children: readonly Element<Msg>[];
}

export type Child<Msg> = Element<Msg> | readonly Child<Msg>[] | false | null | undefined;

/** One of several things to choose. */
export interface Choice {
    value: string;
    label: string;
    detail?: string;
}

/** What every widget has. */
export interface Common {
    /** Identity among siblings across views; by position and kind unless told. */
    key?: string | number;
    /** Not drawn. */
    hidden?: boolean;
    /** Takes the space that is left in a row or stack. */
    grow?: boolean;
    /** For screen readers, where what is drawn does not say it. */
    described?: string;
}

function flat<Msg>(children: readonly Child<Msg>[], into: Element<Msg>[]): Element<Msg>[] {
    for (const child of children) {
        if (Array.isArray(child)) flat(child, into);
        else if (child) into.push(child as Element<Msg>);
    }
    return into;
}

const NONE: readonly never[] = [];

export interface PageProps extends Common {
    /** Title. */
    title?: string;
    /** Below the title. */
    subtitle?: string;
}

/** Root of a view; its title stands in the host's bar. */
export function page<const Msg = never>(props: PageProps, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "page", props, children: flat(children, []) };
}

export interface StackProps extends Common {
    /** Space between. */
    gap?: "m" | "none" | "s" | "l";
    /** Across. */
    align?: "stretch" | "start" | "center" | "end";
    /** Space around. */
    pad?: "m" | "none" | "s" | "l";
    /** Stays at the page's edge. */
    dock?: "none" | "bottom";
}

/** Children below each other. */
export function stack<const Msg = never>(props: StackProps, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "stack", props, children: flat(children, []) };
}

export interface RowProps extends Common {
    /** Space between. */
    gap?: "m" | "none" | "s" | "l";
    /** Across. */
    align?: "stretch" | "start" | "center" | "end";
    /** Along. */
    justify?: "start" | "center" | "end" | "between";
    /** Wraps. */
    wrap?: boolean;
}

/** Children beside each other; wraps when it must. */
export function row<const Msg = never>(props: RowProps, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "row", props, children: flat(children, []) };
}

export interface GridProps extends Common {
    /** 1 to 6. */
    columns?: number;
    /** Space between. */
    gap?: "m" | "none" | "s" | "l";
}

/** Children in columns of equal width. */
export function grid<const Msg = never>(props: GridProps, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "grid", props, children: flat(children, []) };
}

export interface CardProps<Msg> extends Common {
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
    /** At "tap". */
    onTap?: Msg;
}

/** A raised surface. */
export function card<const Msg = never>(props: CardProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "card", props, children: flat(children, []) };
}

export interface DividerProps extends Common {
    /** In the middle of it. */
    label?: string;
}

/** A line between. */
export function divider<const Msg = never>(props: DividerProps): Element<Msg> {
    return { kind: "divider", props, children: NONE };
}

export interface ListProps<Msg> extends Common {
    /** For screen readers. */
    label?: string;
    /** Items in all, when these are a window. */
    total?: number;
    /** Index of the first item here. */
    offset?: number;
    /** At "window". */
    onWindow?: (value: number) => Msg;
}

/** Items below each other with lines between. */
export function list<const Msg = never>(props: ListProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "list", props, children: flat(children, []) };
}

export interface ListItemProps<Msg> extends Common {
    /** First line. */
    title?: string;
    /** Below. */
    detail?: string;
    /** At the end. */
    value?: string;
    /** At the start. */
    image?: string;
    /** At "tap". */
    onTap?: Msg;
}

/** An item: title, detail, what stands at its end. */
export function listItem<const Msg = never>(props: ListItemProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "list-item", props, children: flat(children, []) };
}

export interface ScrollProps extends Common {
    /** Which. */
    axis?: "vertical" | "horizontal";
    /** For screen readers. */
    label?: string;
}

/** Scrolls along one axis. */
export function scroll<const Msg = never>(props: ScrollProps, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "scroll", props, children: flat(children, []) };
}

export interface TabsProps<Msg> extends Common {
    /** Index of the child. */
    selected?: number;
    /** For screen readers. */
    label?: string;
    /** The tabs' labels, one a line. */
    labels?: readonly string[];
    /** At "change". */
    onChange?: (value: number) => Msg;
}

/** One child is shown; each child's "label" is on its tab. */
export function tabs<const Msg = never>(props: TabsProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg> {
    return { kind: "tabs", props, children: flat(children, []) };
}

export interface TextProps extends Common {
    /** What it says. */
    text?: string;
    /** Size. */
    size?: "body" | "small" | "title" | "large";
    /** Weight. */
    weight?: "regular" | "strong";
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
    /** Along. */
    align?: "start" | "center" | "end";
    /** At most so many; 0: all. */
    lines?: number;
    /** Changes are read out. */
    live?: boolean;
}

/** Text. */
export function text<const Msg = never>(props: TextProps): Element<Msg> {
    return { kind: "text", props, children: NONE };
}

export interface ImageProps<Msg> extends Common {
    /** Which. */
    source?: string;
    /** For those who do not see it; empty: decoration. */
    alt?: string;
    /** Outline. */
    shape?: "wide" | "square" | "round" | "banner";
    /** Size. */
    size?: "fill" | "s" | "m" | "l";
    /** At "tap". */
    onTap?: Msg;
}

/** A picture. */
export function image<const Msg = never>(props: ImageProps<Msg>): Element<Msg> {
    return { kind: "image", props, children: NONE };
}

export interface IconProps extends Common {
    /** Such as "cart", "check", "clock", "bowl", "bell". */
    name?: string;
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
    /** For those who do not see it. */
    alt?: string;
}

/** One of the host's symbols. */
export function icon<const Msg = never>(props: IconProps): Element<Msg> {
    return { kind: "icon", props, children: NONE };
}

export interface BadgeProps extends Common {
    /** What it says. */
    text?: string;
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
}

/** A short word or number that stands out. */
export function badge<const Msg = never>(props: BadgeProps): Element<Msg> {
    return { kind: "badge", props, children: NONE };
}

export interface ProgressProps extends Common {
    /** Names it; always shown or read out. */
    label?: string;
    /** 0 to 1; absent: unknown. */
    value?: number;
    /** Names of steps, one a line. */
    steps?: readonly string[];
    /** Index of the step that is under way. */
    step?: number;
}

/** How far. */
export function progress<const Msg = never>(props: ProgressProps): Element<Msg> {
    return { kind: "progress", props, children: NONE };
}

export interface FactListProps extends Common {
    /** One a line. */
    names?: readonly string[];
    /** One a line. */
    values?: readonly string[];
    /** The last one is a total. */
    total?: boolean;
}

/** Names and values. */
export function factList<const Msg = never>(props: FactListProps): Element<Msg> {
    return { kind: "fact-list", props, children: NONE };
}

export interface TableProps extends Common {
    /** Caption. */
    label?: string;
    /** Headings, tab-separated. */
    columns?: readonly string[];
    /** A row a line, cells tab-separated. */
    rows?: readonly (readonly (string | number)[])[];
    /** Indices of numeric columns, comma-separated. */
    numeric?: readonly number[];
}

/** Rows and columns. */
export function table<const Msg = never>(props: TableProps): Element<Msg> {
    return { kind: "table", props, children: NONE };
}

export interface QrProps extends Common {
    /** What it says, at most 512 bytes. */
    text?: string;
    /** Below it and for screen readers. */
    label?: string;
}

/** A QR code. */
export function qr<const Msg = never>(props: QrProps): Element<Msg> {
    return { kind: "qr", props, children: NONE };
}

export interface ButtonProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** How much it stands out. */
    tone?: "plain" | "primary" | "quiet" | "bad";
    /** Before the label. */
    icon?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** Is under way. */
    busy?: boolean;
    /** As wide as its parent. */
    wide?: boolean;
    /** At "tap". */
    onTap?: Msg;
}

/** Does something. */
export function button<const Msg = never>(props: ButtonProps<Msg>): Element<Msg> {
    return { kind: "button", props, children: NONE };
}

export interface TextFieldProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** What the program holds. */
    value?: string;
    /** An example. */
    placeholder?: string;
    /** Keyboard and checks. */
    type?: "text" | "number" | "phone" | "search" | "multiline";
    /** Characters; 1,000 unless told. */
    maxLength?: number;
    /** Shown below it. */
    hint?: string;
    /** What is wrong with the value; empty: nothing. */
    error?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "input". */
    onInput?: (value: string) => Msg;
    /** At "change". */
    onChange?: (value: string) => Msg;
    /** At "submit". */
    onSubmit?: (value: string) => Msg;
}

/** A line or several of text. */
export function textField<const Msg = never>(props: TextFieldProps<Msg>): Element<Msg> {
    return { kind: "text-field", props, children: NONE };
}

export interface CheckboxGroupProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** value TAB label TAB detail, one a line. */
    options?: readonly Choice[];
    /** Chosen values, one a line. */
    value?: readonly string[];
    /** Shown below it. */
    hint?: string;
    /** What is wrong with the value; empty: nothing. */
    error?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: string[]) => Msg;
}

/** Any of these. */
export function checkboxGroup<const Msg = never>(props: CheckboxGroupProps<Msg>): Element<Msg> {
    return { kind: "checkbox-group", props, children: NONE };
}

export interface RadioGroupProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** value TAB label TAB detail, one a line. */
    options?: readonly Choice[];
    /** Chosen value. */
    value?: string;
    /** How it looks. */
    style?: "list" | "chips";
    /** Shown below it. */
    hint?: string;
    /** What is wrong with the value; empty: nothing. */
    error?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: string) => Msg;
}

/** One of these. */
export function radioGroup<const Msg = never>(props: RadioGroupProps<Msg>): Element<Msg> {
    return { kind: "radio-group", props, children: NONE };
}

export interface SelectProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** value TAB label, one a line. */
    options?: readonly Choice[];
    /** Chosen value. */
    value?: string;
    /** Shown below it. */
    hint?: string;
    /** What is wrong with the value; empty: nothing. */
    error?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: string) => Msg;
}

/** One of many. */
export function select<const Msg = never>(props: SelectProps<Msg>): Element<Msg> {
    return { kind: "select", props, children: NONE };
}

export interface StepperProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** Now. */
    value?: number;
    /** Least; 0 unless told. */
    min?: number;
    /** Most; 99 unless told. */
    max?: number;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: number) => Msg;
}

/** A small number. */
export function stepper<const Msg = never>(props: StepperProps<Msg>): Element<Msg> {
    return { kind: "stepper", props, children: NONE };
}

export interface SwitchProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** Now. */
    value?: boolean;
    /** Shown below it. */
    hint?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: boolean) => Msg;
}

/** On or off. */
export function toggle<const Msg = never>(props: SwitchProps<Msg>): Element<Msg> {
    return { kind: "switch", props, children: NONE };
}

export interface DateTimeProps<Msg> extends Common {
    /** Names it; always shown or read out. */
    label: string;
    /** ISO 8601. */
    value?: string;
    /** What of it. */
    type?: "date" | "time" | "date-time";
    /** Earliest. */
    min?: string;
    /** Latest. */
    max?: string;
    /** Shown below it. */
    hint?: string;
    /** What is wrong with the value; empty: nothing. */
    error?: string;
    /** Can't be used now. */
    disabled?: boolean;
    /** At "change". */
    onChange?: (value: string) => Msg;
}

/** A day, a time or both. */
export function dateTime<const Msg = never>(props: DateTimeProps<Msg>): Element<Msg> {
    return { kind: "date-time", props, children: NONE };
}
