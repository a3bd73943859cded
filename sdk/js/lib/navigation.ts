/** The page stack, which the host keeps: at most 10 pages. Takes effect after the message that is being handled. Functions that answer at once throw a `Failure`. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { answer } from "youji/runtime";
import { navigation } from "youji:host";

/** Puts a page on top. */
export function push(path: string, query: Fields = {}): void {
    navigation.push(path, query);
}

/** Puts a page in the place of the top one. */
export function replace(path: string, query: Fields = {}): void {
    navigation.replace(path, query);
}

/** Goes back a page. */
export function back(): void {
    navigation.back();
}

/** Ends the session. */
export function close(): void {
    navigation.close();
}

/** Asks to open a page of another program; the person confirms. */
export function open<Msg>(ctx: Ctx<Msg>, program: string, path: string, query: Fields, make: (outcome: Outcome) => NoInfer<Msg>): void {
    answer(ctx, "navigation.open", "", () => navigation.open(program, path, query), make);
}
