/** Messages after a while. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Ticket } from "youji:host";
import { answer } from "youji/runtime";
import { timer } from "youji:host";

/** A message after at least so many milliseconds; at most 16 at once, at most one hour ahead. */
export function wakeAfter<Msg>(ctx: Ctx<Msg>, milliseconds: number, make: (outcome: Outcome) => NoInfer<Msg>): Ticket {
    let ticket: Ticket = "0";
    answer(ctx, "timer.wake-after", "", () => (ticket = timer.wakeAfter(milliseconds)), make);
    return ticket;
}

/** It comes no more. Throws a `Failure`. */
export function cancel(ticket: Ticket): void {
    timer.cancel(ticket);
}
