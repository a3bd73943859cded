/** Randomness. */

import { random as host } from "youji:host";

/** At most 4,096 random bytes. */
export function bytes(length: number): Uint8Array {
    return host.bytes(length);
}

/** From 0 up to 1, without 1. */
export function random(): number {
    let value = 0;
    for (const byte of host.bytes(6)) value = (value + byte) / 256;
    return value;
}

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** 26 letters and digits that nobody else has drawn: for order numbers and keys. */
export function id(): string {
    let text = "";
    for (const byte of host.bytes(26)) text += DIGITS[byte % 32];
    return text;
}
