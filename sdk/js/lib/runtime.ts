/** What drives a program between the calls of its host. Programs do not import it. */

import type { Change, Happening, Launch, Outcome } from "youji/event";
import type { Ctx, Json, Program } from "youji/program";
import type { Element } from "youji/widgets";
import type { Fields, Happened, Ticket } from "youji:host";
import { Failure, outcomeOf, pageOf, textOf } from "youji/event";

type Anything = any;

let running: Program<Anything, Anything> | undefined;
let model: Anything;
const queue: Anything[] = [];
const waiting = new Map<Ticket, (outcome: Outcome) => unknown>();
const watches = new Map<Ticket, (change: Change) => unknown>();

const ctx: Ctx<Anything> = {
    send(message) {
        queue.push(message);
    },
};

function current(): Program<Anything, Anything> {
    if (running === undefined) throw new Error("the program has not begun");
    return running;
}

function settle(message?: Anything): void {
    if (message !== undefined) queue.push(message);
    const program = current();
    while (queue.length > 0) {
        const next = queue.shift();
        const after = program.update(model, next, ctx);
        if (after === undefined) throw new TypeError("update gave nothing back; give the model that there is now");
        model = after;
    }
}

/** Handles what was sent since; false: nothing. */
export function drained(): boolean {
    if (queue.length === 0) return false;
    settle();
    return true;
}

/** Sends the message of an outcome later; a call that is refused at once answers in the same way, as one that failed. */
export function answer<Msg>(ctx: Ctx<Msg>, name: string, orderNo: string, call: () => Ticket, make: (outcome: Outcome) => NoInfer<Msg>): void {
    try {
        waiting.set(call(), make);
    } catch (error) {
        if (!Failure.is(error)) throw error;
        ctx.send(make({ ticket: "0", call: name, ended: "failed", failure: error.code, orderNo, fields: error.fields }));
    }
}

/** Sends a message at each change, until it is told to stop. */
export function follow<Msg>(ticket: Ticket, make: (change: Change) => NoInfer<Msg>): Ticket {
    watches.set(ticket, make);
    return ticket;
}

/** No more messages of that watch. */
export function unfollow(ticket: Ticket): void {
    watches.delete(ticket);
}

/** The contract's `launched`. */
export function start(program: Program<Anything, Anything> | undefined, fields: Fields, saved: { schema: number; text: string } | undefined): void {
    for (const name of ["init", "update", "view"] as const) {
        if (typeof program?.[name] !== "function") {
            throw new TypeError(`src/main.ts must \`export default program({ init, update, view })\`; ${name} is missing`);
        }
    }
    running = program!;
    const launch: Launch = {
        page: pageOf(fields),
        scene: textOf(fields, "scene"),
        cause: textOf(fields, "cause"),
        language: textOf(fields, "language"),
        rightToLeft: fields["direction"] === "rtl",
        roles: textOf(fields, "roles").split(" ").filter((role) => role !== ""),
        referrer: textOf(fields, "referrer"),
        fromProgram: textOf(fields, "from-program"),
        currency: textOf(fields, "currency"),
        fields,
    };
    let kept: Json | undefined;
    if (saved !== undefined && saved.schema === (running.schema ?? 1)) {
        try {
            kept = JSON.parse(saved.text) as Json;
        } catch {
            // Of another program that had this id: begin anew.
        }
    }
    model = running.init(launch, kept, ctx);
    if (model === undefined) throw new TypeError("init gave nothing back; give the model that the program begins with");
    settle();
}

/** The contract's `lifecycle`. */
export function lifecycle(phase: string): void {
    settle(current().lifecycle?.(phase));
}

/** A widget's event: a message, or what makes one of the value. */
export function handle(handler: unknown, value: unknown): void {
    settle(typeof handler === "function" ? handler(value) : handler);
}

/** The contract's `event` that is no widget's. */
export function happened(event: Happened): void {
    const { code, ticket, fields } = event;
    if (code === "completed") {
        const make = waiting.get(ticket);
        waiting.delete(ticket);
        const outcome = outcomeOf(ticket, fields);
        settle(make === undefined ? current().outcome?.(outcome) : make(outcome));
    } else if (code === "changed") {
        const version = fields["version"];
        settle(
            watches.get(ticket)?.({
                collection: textOf(fields, "collection"),
                key: textOf(fields, "key"),
                version: typeof version === "number" ? version : 0,
                removed: fields["removed"] === true,
                value: event.body,
                fields,
            }),
        );
    } else {
        settle(current().happened?.(happening(event)));
    }
}

function happening({ code, ticket, fields }: Happened): Happening {
    switch (code) {
        case "page-shown":
        case "page-hidden":
        case "page-unloaded":
        case "navigated-back":
            return { code, page: pageOf(fields) };
        case "order-changed":
        case "card":
        case "settings":
            return { code, fields };
        case "gap":
            return { code, ticket };
        default:
            return { code: "other", name: code, fields };
    }
}

/** The contract's `view`. */
export function view(): Element<unknown> {
    return current().view(model);
}

/** The contract's `save-state`. */
export function save(): { schema: number; text: string } | undefined {
    const program = current();
    const kept = program.save?.(model);
    return kept === undefined ? undefined : { schema: program.schema ?? 1, text: JSON.stringify(kept) };
}

// What would be the same for everybody, or wrong, is not there: a program's memory is prepared once, and time is a capability.
Math.random = () => {
    throw new TypeError("Math.random is not there; import { random } from \"youji/random\"");
};
const noTime = (): never => {
    throw new TypeError("the time is a capability; import { now } from \"youji/clock\", then new Date(now())");
};
const TimedDate = Date;
globalThis.Date = new Proxy(TimedDate, {
    construct: (target, given) => (given.length === 0 ? noTime() : Reflect.construct(target, given)),
    apply: noTime,
    get: (target, name) => (name === "now" ? noTime : Reflect.get(target, name)),
});
