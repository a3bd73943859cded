/** The shape of a program. */

import type { Happening, Launch, Outcome, Phase } from "youji/event";
import type { Element } from "youji/widgets";

/** What can be kept as text. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** What a program may do while it handles something, beside calling capabilities. */
export interface Ctx<in Msg> {
    /** Handles that message after this one. */
    send(message: Msg): void;
}

/** A mini-program. */
export interface Program<Model, Msg> {
    /** Once, first. `saved` is what `save` gave when the program was left the last time; undefined if nothing, or of another `schema`. */
    init(launch: Launch, saved: Json | undefined, ctx: Ctx<Msg>): Model;
    /** Handles one message: gives the model that there is now. */
    update(model: Model, message: Msg, ctx: Ctx<Msg>): Model;
    /** The page on top of the stack. Depends on the model and nothing else. */
    view(model: Model): Element<Msg>;
    /** Number of the shape of what `save` gives: raise it when it means something else. 1 unless told. */
    schema?: number;
    /** What the next instance should know. Undefined: nothing. */
    save?(model: Model): Json | undefined;
    /** The message of something that was not asked for: pages, orders moved by others, cards, lost events. */
    happened?(happening: Happening): Msg | undefined;
    /** The message of a step in the instance's life. */
    lifecycle?(phase: Phase): Msg | undefined;
    /** The message of an outcome that an earlier instance asked for: `call` and `orderNo` say what it is about. */
    outcome?(outcome: Outcome): Msg | undefined;
}

/** A program, with its types checked: `export default program<Model, Msg>({ … })`. */
export function program<Model, Msg>(program: Program<Model, Msg>): Program<Model, Msg> {
    return program;
}
