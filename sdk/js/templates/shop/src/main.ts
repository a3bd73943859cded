/** A tea house: pots of tea, and an order that is paid. */

import { money, program, texts } from "youji";
import { type Paid, paidOf, pay } from "youji/payment";
import { id } from "youji/random";
import { widgets } from "youji/widgets";

/** What people read. The host says which language the person has. */
const words = texts(["zh", "en"], {
    title: ["茶馆", "Tea house"],
    tea: ["龙井，一壶", "A pot of Longjing"],
    pots: ["几壶", "How many pots"],
    pay: ["付款", "Pay"],
    paid: ["已付款，茶马上来", "Paid. Your tea is coming"],
    notPaid: ["没有付款，可以再试一次", "Not paid; you can try again"],
});

/** Of one pot, in minor units. */
const PRICE = 3_600;

interface Model {
    language: string;
    currency: string;
    /** Kept for each further attempt at the same order, so that nobody pays twice. */
    orderNo: string;
    pots: number;
    state: "choosing" | "asked" | "paid" | "not-paid";
}

type Msg = { type: "pots"; pots: number } | { type: "pay" } | { type: "answered"; paid: Paid };

const { button, page, stack, stepper, text } = widgets<Msg>();

export default program<Model, Msg>({
    init(launch, saved) {
        return {
            language: launch.language,
            currency: launch.currency,
            orderNo: typeof saved === "string" ? saved : id(),
            pots: 1,
            state: "choosing",
        };
    },

    update(model, message, ctx) {
        switch (message.type) {
            case "pots":
                // Another content is another order.
                return { ...model, pots: message.pots, orderNo: id() };
            case "pay": {
                const { tea } = words(model.language);
                const lines = [{ title: tea, quantity: model.pots, amount: PRICE * model.pots }];
                const order = { orderNo: model.orderNo, currency: model.currency, lines, purpose: tea };
                pay(ctx, order, (paid): Msg => ({ type: "answered", paid }));
                return { ...model, state: "asked" };
            }
            case "answered":
                return { ...model, state: message.paid.isPaid ? "paid" : "not-paid" };
        }
    },

    /** The message of a payment that an earlier instance asked for. */
    outcome(outcome) {
        return outcome.call === "payment.pay" ? { type: "answered", paid: paidOf(outcome) } : undefined;
    },

    view(model) {
        const say = words(model.language);
        if (model.state === "paid") {
            return page({ title: say.title }, text({ text: say.paid, size: "title", live: true }));
        }
        return page(
            { title: say.title },
            stack(
                {},
                text({ text: say.tea, size: "title" }),
                text({ text: money(model.currency, PRICE * model.pots), size: "large", live: true }),
                stepper({ label: say.pots, value: model.pots, min: 1, max: 8, onChange: (pots) => ({ type: "pots", pots }) }),
                text({ text: say.notPaid, live: true, hidden: model.state !== "not-paid" }),
                button({ label: say.pay, tone: "primary", wide: true, busy: model.state === "asked", onTap: { type: "pay" } }),
            ),
        );
    },

    save(model) {
        return model.state === "paid" ? undefined : model.orderNo;
    },
});
