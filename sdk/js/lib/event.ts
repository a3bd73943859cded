/** Launches, outcomes, changes and everything else that happens. */

import type { Failure as Refused, Fields, Ticket } from "youji:host";

export type { Fields, Scalar, Ticket } from "youji:host";

/** A page of the stack. */
export interface Page {
    /** Its path, as in the manifest. */
    path: string;
    /** Its parameters, by name. */
    query: { [name: string]: string | undefined };
}

/** How a session begins. */
export interface Launch {
    /** The page to show. */
    page: Page;
    /** From the scan code, such as "T7"; empty when none. */
    scene: string;
    /** Why: "scan", "link", "list", "card", "program", "resume", or one of a later host. */
    cause: string;
    /** BCP 47, such as "zh-CN". */
    language: string;
    /** Whether text runs from right to left. */
    rightToLeft: boolean;
    /** Roles that the publisher gave to the person. */
    roles: string[];
    /** Open id of who shared it; empty when nobody. */
    referrer: string;
    /** Program that opened this one; empty when none. */
    fromProgram: string;
    /** What wallets here hold, ISO 4217, such as "CNY": orders are in this. */
    currency: string;
    /** All of it, for fields of later hosts. */
    fields: Fields;
}

/** A step in an instance's life. Later hosts may know more. */
export type Phase = "shown" | "hidden" | "unloaded" | "error" | (string & {});

/** How something ended that was asked for. */
export type Ended = "done" | "declined" | "failed" | "expired" | (string & {});

/** How something ended that was asked for. */
export interface Outcome {
    /** Which; "0" when the call was refused at once. */
    ticket: Ticket;
    /** What was called, such as "payment.pay". */
    call: string;
    /** How it ended. */
    ended: Ended;
    /** Why, where it did not end well; empty else. */
    failure: string;
    /** The order, for calls about one. */
    orderNo: string;
    /** Everything that came with it. */
    fields: Fields;
}

/** A watched row changed. */
export interface Change {
    /** The collection. */
    collection: string;
    /** The row. */
    key: string;
    /** Its version now. */
    version: number;
    /** Whether it is gone. */
    removed: boolean;
    /** Its value now. */
    value: Uint8Array;
    /** The stamps, beside the rest. */
    fields: Fields;
}

/** What happens without having been asked for. Ignore what you do not know: later hosts say more. */
export type Happening =
    | { code: "page-shown" | "page-hidden" | "page-unloaded" | "navigated-back"; page: Page }
    | { code: "order-changed" | "card" | "settings"; fields: Fields }
    | { code: "gap"; ticket: Ticket }
    | { code: "other"; name: string; fields: Fields };

/** What a refused call throws. `code` is stable, `message` is for the author, not for the person. */
export type Failure = Refused;

/** Whether something that was caught is a refusal of the host. */
export const Failure = {
    is(error: unknown): error is Refused {
        return error instanceof Error && typeof (error as Partial<Refused>).code === "string";
    },
};

/** A text among fields; empty when it is absent or of another kind. */
export function textOf(fields: Fields, name: string): string {
    const value = fields[name];
    return typeof value === "string" ? value : "";
}

/** A page among fields. */
export function pageOf(fields: Fields): Page {
    const query: { [name: string]: string } = {};
    for (const name in fields) {
        if (name.startsWith("query.")) query[name.slice(6)] = textOf(fields, name);
    }
    return { path: textOf(fields, "page"), query };
}

/** An outcome of its event. */
export function outcomeOf(ticket: Ticket, fields: Fields): Outcome {
    return {
        ticket,
        call: textOf(fields, "call"),
        ended: textOf(fields, "outcome"),
        failure: textOf(fields, "code"),
        orderNo: textOf(fields, "order-no"),
        fields,
    };
}
