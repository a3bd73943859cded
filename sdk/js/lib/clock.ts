/** The time. */

import { clock } from "youji:host";

/** Milliseconds since 1970-01-01 UTC, rounded down to 100 ms. */
export function now(): number {
    return clock.now();
}
