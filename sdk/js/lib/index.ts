/**
 * What a mini-program in TypeScript imports.
 *
 * A program is a model, the messages that change it, and a view of it. Nothing waits: what needs a person or time answers later, as a
 * message. A capability is an import: `import { pay } from "youji/payment"` makes the component import the host's payments, and the
 * manifest must request it.
 */

export { program } from "youji/program";
export type { Ctx, Json, Program } from "youji/program";
export { Failure, textOf } from "youji/event";
export type { Change, Ended, Fields, Happening, Launch, Outcome, Page, Phase, Scalar, Ticket } from "youji/event";
export { amount, fill, money, number, texts } from "youji/text";
export { decode, encode } from "youji/bytes";
