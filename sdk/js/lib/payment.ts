/** Orders that the person pays on a sheet that the host draws. Amounts are in minor units: fen, cents. */

import type { Ended, Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { textOf } from "youji/event";
import { answer } from "youji/runtime";
import { payment } from "youji:host";

/** One line of an order, shown on the sheet. */
export interface Line {
    title: string;
    /** 1 unless told. */
    quantity?: number;
    /** For all of `quantity`. */
    amount: number;
    /** "item" unless told; a discount is subtracted. */
    kind?: "item" | "discount" | "fee" | "tax";
}

/** What is asked for. The amount is the sum of its lines. */
export interface Order {
    /** The program's idempotency key: draw it at random once, keep it for each further attempt at the same order. */
    orderNo: string;
    /** ISO 4217: `launch.currency`. */
    currency: string;
    lines: readonly Line[];
    /** A merchant enrolled under the publisher; the publisher itself unless told. */
    merchant?: string;
    /** One sentence for the sheet. */
    purpose?: string;
    /** The row that is stamped in the same durable act, at the version that the order is about. */
    record?: { collection: string; key: string; version: number };
    /** Any other option of the contract. */
    options?: Fields;
}

/** What became of an attempt to be paid. */
export interface Paid {
    orderNo: string;
    /** How the attempt ended. */
    ended: Ended;
    /** State of the order: "succeeded", "requires_capture", "canceled". */
    state: string;
    /** Why, where it did not end well; empty else. */
    failure: string;
    /** The receipt; empty when there is none. */
    receipt: string;
    /** Whether money moved. */
    isPaid: boolean;
}

/** What an outcome says about a payment: for `program.outcome`. */
export function paidOf(outcome: Outcome): Paid {
    const state = textOf(outcome.fields, "state");
    return {
        orderNo: outcome.orderNo,
        ended: outcome.ended,
        state,
        failure: outcome.failure,
        receipt: textOf(outcome.fields, "receipt"),
        isPaid: outcome.ended === "done" && state === "succeeded",
    };
}

/** The sum of an order's lines, discounts subtracted. */
export function total(lines: readonly Line[]): number {
    let sum = 0;
    for (const line of lines) sum += line.kind === "discount" ? -line.amount : line.amount;
    return Math.max(sum, 0);
}

/** Asks to be paid. What the person decided, or why nobody was asked, arrives as a message. */
export function pay<Msg>(ctx: Ctx<Msg>, order: Order, make: (paid: Paid) => NoInfer<Msg>): void {
    const options: Fields = { ...order.options };
    if (order.purpose !== undefined) options["purpose"] = order.purpose;
    if (order.record !== undefined) {
        options["record"] = `${order.record.collection}/${order.record.key}`;
        options["record-version"] = order.record.version;
    }
    const wire = {
        orderNo: order.orderNo,
        merchant: order.merchant ?? "",
        amount: total(order.lines),
        currency: order.currency,
        lines: order.lines.map((line) => ({
            title: line.title,
            quantity: line.quantity ?? 1,
            amount: line.amount,
            options: line.kind === undefined ? {} : { kind: line.kind },
        })),
        options,
    };
    answer(ctx, "payment.pay", order.orderNo, () => payment.pay(wire), (outcome) => make(paidOf(outcome)));
}

/** What became of an order, at any time: "state", "amount", "captured", "refunded", "receipt", "expires-at". Throws a `Failure`. */
export function lookup(orderNo: string, options: Fields = {}): Fields {
    return payment.lookup(orderNo, options);
}

/** Acts on an order: "capture", "cancel", "refund", "ship", "dispute", "claim". */
export function act<Msg>(ctx: Ctx<Msg>, orderNo: string, action: string, options: Fields, make: (outcome: Outcome) => NoInfer<Msg>): void {
    answer(ctx, "payment.act", orderNo, () => payment.act(orderNo, action, options), make);
}
