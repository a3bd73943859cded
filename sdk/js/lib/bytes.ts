/** Text and bytes. */

import { utf8 } from "youji:host";

/** UTF-8 to text; what is no UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
    return utf8.decode(bytes);
}

/** Text to UTF-8. */
export function encode(text: string): Uint8Array {
    return utf8.encode(text);
}
