/** The program's shared collections, declared in its manifest. Functions that answer at once throw a `Failure` when the host refuses. */

import type { Change } from "youji/event";
import type { Ctx, Json } from "youji/program";
import type { Fields, Row as WireRow, Ticket } from "youji:host";
import { follow, unfollow } from "youji/runtime";
import { records, utf8 } from "youji:host";

/** A row. Its stamps are set by the host only. */
export type Row = WireRow;

/** How a row is written. */
export interface PutOptions {
    /** People, by open id, who are parties of the row. */
    parties?: readonly string[];
    /** The parties of that row may read this one. */
    under?: { collection: string; key: string };
    /** When the host removes it: milliseconds since 1970. */
    expiresAt?: number;
}

/** Which rows are listed or watched. */
export interface ListOptions {
    /** Only rows after that key. */
    after?: string;
    /** At most so many, up to 100; 50 unless told. */
    limit?: number;
    /** Only keys that start so. */
    prefix?: string;
    /** Only that key; for watches. */
    key?: string;
    /** Only rows of that person: "me" or an open id. */
    owner?: string;
    /** Last key first. */
    descending?: boolean;
}

/** A row's value as JSON; undefined when it is none. */
export function json(value: Uint8Array): Json | undefined {
    try {
        return JSON.parse(utf8.decode(value)) as Json;
    } catch {
        return undefined;
    }
}

/** The row of that key; undefined when there is none, or this person may not read it. */
export function get(collection: string, key: string): Row | undefined {
    return records.get(collection, key);
}

/** Compare and set: `expected` is the version that is replaced, 0 for a new row. Gives the version that there is now. */
export function put(collection: string, key: string, expected: number, value: Uint8Array | string, options: PutOptions = {}): number {
    const { parties, under, expiresAt } = options;
    return records.put(collection, key, expected, value, {
        parties: parties?.join(" "),
        under: under && `${under.collection}/${under.key}`,
        "expires-at": expiresAt,
    });
}

/** Removes a row that is at that version. */
export function remove(collection: string, key: string, expected: number): void {
    records.remove(collection, key, expected);
}

/** Rows in key order that this person may read. */
export function list(collection: string, options: ListOptions = {}): Row[] {
    return records.list(collection, { ...options });
}

/** A message at each change of rows that this person may read. */
export function watch<Msg>(_ctx: Ctx<Msg>, collection: string, options: ListOptions, make: (change: Change) => NoInfer<Msg>): Ticket {
    return follow(records.watch(collection, { key: options.key, prefix: options.prefix } as Fields), make);
}

/** No more of them. */
export function unwatch(ticket: Ticket): void {
    unfollow(ticket);
    records.unwatch(ticket);
}
