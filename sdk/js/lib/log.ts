/** Lines for the author: `youji dev` shows them. At most 4,096 bytes each; what is over the session's rate is dropped. */

import { log } from "youji:host";

const line = (parts: unknown[]): string =>
    parts.map((part) => (typeof part === "string" ? part : part instanceof Error ? String(part) : (JSON.stringify(part) ?? String(part)))).join(" ");

export const debug = (...parts: unknown[]): void => log.write("debug", line(parts));
export const info = (...parts: unknown[]): void => log.write("info", line(parts));
export const warn = (...parts: unknown[]): void => log.write("warn", line(parts));
export const error = (...parts: unknown[]): void => log.write("error", line(parts));
