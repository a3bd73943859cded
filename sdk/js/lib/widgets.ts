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

export interface GridProps extends Common {
    /** 1 to 6. */
    columns?: number;
    /** Space between. */
    gap?: "m" | "none" | "s" | "l";
}

export interface CardProps<Msg> extends Common {
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
    /** At "tap". */
    onTap?: Msg;
}

export interface DividerProps extends Common {
    /** In the middle of it. */
    label?: string;
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

export interface ScrollProps extends Common {
    /** Which. */
    axis?: "vertical" | "horizontal";
    /** For screen readers. */
    label?: string;
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

export interface IconProps extends Common {
    /** Such as "cart", "check", "clock", "bowl", "bell". */
    name?: string;
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
    /** For those who do not see it. */
    alt?: string;
}

export interface BadgeProps extends Common {
    /** What it says. */
    text?: string;
    /** Colour. */
    tone?: "plain" | "accent" | "quiet" | "good" | "warn" | "bad";
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

export interface FactListProps extends Common {
    /** One a line. */
    names?: readonly string[];
    /** One a line. */
    values?: readonly string[];
    /** The last one is a total. */
    total?: boolean;
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

export interface QrProps extends Common {
    /** What it says, at most 512 bytes. */
    text?: string;
    /** Below it and for screen readers. */
    label?: string;
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

/** A builder for each widget, for a program whose messages are `Msg`. */
export interface Widgets<Msg> {
    /** Root of a view; its title stands in the host's bar. */
    page(props: PageProps, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** Children below each other. */
    stack(props: StackProps, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** Children beside each other; wraps when it must. */
    row(props: RowProps, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** Children in columns of equal width. */
    grid(props: GridProps, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** A raised surface. */
    card(props: CardProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** A line between. */
    divider(props: DividerProps): Element<Msg>;
    /** Items below each other with lines between. */
    list(props: ListProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** An item: title, detail, what stands at its end. */
    listItem(props: ListItemProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** Scrolls along one axis. */
    scroll(props: ScrollProps, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** One child is shown; each child's "label" is on its tab. */
    tabs(props: TabsProps<Msg>, ...children: readonly Child<Msg>[]): Element<Msg>;
    /** Text. */
    text(props: TextProps): Element<Msg>;
    /** A picture. */
    image(props: ImageProps<Msg>): Element<Msg>;
    /** One of the host's symbols. */
    icon(props: IconProps): Element<Msg>;
    /** A short word or number that stands out. */
    badge(props: BadgeProps): Element<Msg>;
    /** How far. */
    progress(props: ProgressProps): Element<Msg>;
    /** Names and values. */
    factList(props: FactListProps): Element<Msg>;
    /** Rows and columns. */
    table(props: TableProps): Element<Msg>;
    /** A QR code. */
    qr(props: QrProps): Element<Msg>;
    /** Does something. */
    button(props: ButtonProps<Msg>): Element<Msg>;
    /** A line or several of text. */
    textField(props: TextFieldProps<Msg>): Element<Msg>;
    /** Any of these. */
    checkboxGroup(props: CheckboxGroupProps<Msg>): Element<Msg>;
    /** One of these. */
    radioGroup(props: RadioGroupProps<Msg>): Element<Msg>;
    /** One of many. */
    select(props: SelectProps<Msg>): Element<Msg>;
    /** A small number. */
    stepper(props: StepperProps<Msg>): Element<Msg>;
    /** On or off. */
    toggle(props: SwitchProps<Msg>): Element<Msg>;
    /** A day, a time or both. */
    dateTime(props: DateTimeProps<Msg>): Element<Msg>;
}

const parent =
    (kind: string) =>
    (props: object, ...children: readonly Child<any>[]): Element<any> => ({ kind, props, children: flat(children, []) });
const leaf =
    (kind: string) =>
    (props: object): Element<any> => ({ kind, props, children: NONE });

const ALL: Widgets<any> = {
    page: parent("page"),
    stack: parent("stack"),
    row: parent("row"),
    grid: parent("grid"),
    card: parent("card"),
    divider: leaf("divider"),
    list: parent("list"),
    listItem: parent("list-item"),
    scroll: parent("scroll"),
    tabs: parent("tabs"),
    text: leaf("text"),
    image: leaf("image"),
    icon: leaf("icon"),
    badge: leaf("badge"),
    progress: leaf("progress"),
    factList: leaf("fact-list"),
    table: leaf("table"),
    qr: leaf("qr"),
    button: leaf("button"),
    textField: leaf("text-field"),
    checkboxGroup: leaf("checkbox-group"),
    radioGroup: leaf("radio-group"),
    select: leaf("select"),
    stepper: leaf("stepper"),
    toggle: leaf("switch"),
    dateTime: leaf("date-time"),
};

/** The builders: `const { button, page } = widgets<Msg>();` */
export function widgets<Msg>(): Widgets<Msg> {
    return ALL;
}
