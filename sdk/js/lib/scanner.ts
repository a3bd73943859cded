/** The host's scanner. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { answer } from "youji/runtime";
import { scanner } from "youji:host";

/** Asks the person to scan a code. `fields` of the outcome has "text", and "page" and "scene" if it is a code of this program. */
export function scan<Msg>(ctx: Ctx<Msg>, make: (outcome: Outcome) => NoInfer<Msg>, options: Fields = {}): void {
    answer(ctx, "scanner.scan", "", () => scanner.scan(options), make);
}
