/** Messages to people, each allowed by the person who gets it. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { answer } from "youji/runtime";
import { messaging } from "youji:host";

/** Asks the person to allow templates of the manifest, at most 3. Only after a tap or a payment. `fields` of the outcome has "template.NAME". */
export function subscribe<Msg>(ctx: Ctx<Msg>, templates: readonly string[], make: (outcome: Outcome) => NoInfer<Msg>, options: Fields = {}): void {
    answer(ctx, "messaging.subscribe", "", () => messaging.subscribe(templates, options), make);
}

/** Sends a message to a person who allowed the template; `clientId` makes it happen once. Gives its number. Throws a `Failure`. */
export function send(to: string, template: string, fields: Fields, clientId: string, options: Fields = {}): number {
    return messaging.send(to, template, fields, clientId, options);
}

/** Asks the person to choose a chat and send a card that opens a page of this program. */
export function share<Msg>(ctx: Ctx<Msg>, title: string, page: string, query: Fields, make: (outcome: Outcome) => NoInfer<Msg>, options: Fields = {}): void {
    answer(ctx, "messaging.share", "", () => messaging.share(title, page, query, options), make);
}
