/** Where this is. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { answer } from "youji/runtime";
import { location } from "youji:host";

/** Asks where this is. `fields` of the outcome has "latitude", "longitude", "accuracy-m", "place". */
export function locate<Msg>(ctx: Ctx<Msg>, make: (outcome: Outcome) => NoInfer<Msg>, options: Fields = {}): void {
    answer(ctx, "location.locate", "", () => location.locate(options), make);
}
