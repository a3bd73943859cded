/** A counter: a model, the messages that change it, and a view of it. */

import { number, program, texts } from "youji";
import { widgets } from "youji/widgets";

/** What people read. The host says which language the person has. */
const words = texts(["zh", "en"], {
    title: ["计数", "Count"],
    more: ["加一", "One more"],
    less: ["减一", "One less"],
});

/** The model. */
interface Model {
    language: string;
    count: number;
}

/** What changes it. */
type Msg = { type: "more" } | { type: "less" };

const { button, page, row, stack, text } = widgets<Msg>();

export default program<Model, Msg>({
    /** Called once, first. `saved` is what `save` gave when the program was left the last time. */
    init(launch, saved) {
        return { language: launch.language, count: typeof saved === "number" ? saved : 0 };
    },

    /** Gives the model that there is after a message. */
    update(model, message) {
        switch (message.type) {
            case "more":
                return { ...model, count: model.count + 1 };
            case "less":
                return { ...model, count: Math.max(model.count - 1, 0) };
        }
    },

    /** Pure: it asks the host for nothing. The host compares it with the view before and sends what changed. */
    view(model) {
        const say = words(model.language);
        return page(
            { title: say.title },
            stack(
                {},
                text({ text: number(model.count), size: "large", live: true }),
                row(
                    {},
                    button({ label: say.less, disabled: model.count === 0, onTap: { type: "less" } }),
                    button({ label: say.more, tone: "primary", onTap: { type: "more" } }),
                ),
            ),
        );
    },

    save(model) {
        return model.count;
    },
});
