/** Private to one person in one program. Every function throws a `Failure` when the host refuses. */

import type { Json } from "youji/program";
import { utf8, storage } from "youji:host";

/** The value of a key; undefined when there is none. */
export function get(key: string): Uint8Array | undefined {
    return storage.get(key);
}

/** Keeps a value. */
export function set(key: string, value: Uint8Array | string): void {
    storage.set(key, value);
}

/** The value of a key as JSON; undefined when there is none, or it is no JSON. */
export function getJson(key: string): Json | undefined {
    const bytes = storage.get(key);
    if (bytes === undefined) return undefined;
    try {
        return JSON.parse(utf8.decode(bytes)) as Json;
    } catch {
        return undefined;
    }
}

/** Keeps a value as JSON. */
export function setJson(key: string, value: Json): void {
    storage.set(key, JSON.stringify(value));
}

/** Forgets a key. */
export function remove(key: string): void {
    storage.remove(key);
}

/** All keys. */
export function keys(): string[] {
    return storage.keys();
}
