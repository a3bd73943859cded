/** Words in several languages; numbers and amounts. */

/**
 * A program's words, each in several languages at once, so that no language can lack one.
 *
 * ```ts
 * const words = texts(["zh", "en"], {
 *     greeting: ["你好", "Hello"],
 *     table: ["{n} 号桌", "Table {n}"],
 * });
 * words("en-GB").greeting; // "Hello"; a language that is not there reads the first one
 * fill(words("en").table, { n: 7 }); // "Table 7"
 * ```
 */
export function texts<const L extends readonly [string, ...string[]], W extends { [name: string]: { [I in keyof L]: string } }>(
    languages: L,
    words: W,
): (language: string) => { readonly [N in keyof W]: string } {
    const tables = languages.map((_, at) => {
        const table: { [name: string]: string } = {};
        for (const name in words) table[name] = words[name]![at]!;
        return table as { [N in keyof W]: string };
    });
    return (language) => {
        const main = (tag: string) => tag.toLowerCase().split("-")[0];
        const exact = languages.findIndex((known) => known.toLowerCase() === language.toLowerCase());
        const near = exact >= 0 ? exact : languages.findIndex((known) => main(known) === main(language));
        return tables[Math.max(near, 0)]!;
    };
}

/** A text with the values of its {names}. */
export function fill(text: string, values: { [name: string]: string | number }): string {
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A whole number. */
export function number(value: number): string {
    return String(Math.trunc(value));
}

/** An amount in minor units with two decimals after its sign: `amount("¥", 3600)` is "¥36.00". */
export function amount(sign: string, minor: number): string {
    return `${sign}${number(minor / 100)}.${String(Math.abs(minor) % 100).padStart(2, "0")}`;
}

const SIGNS: { [currency: string]: string } = { CNY: "¥", EUR: "€", USD: "$", HKD: "HK$", SGD: "S$" };

/** An amount of a currency (ISO 4217) in its minor units, as on a price tag: ¥36.00, €36.00, ¥3600 of JPY. */
export function money(currency: string, minor: number): string {
    if (currency === "JPY") return `¥${number(minor)}`;
    if (currency === "KRW") return `₩${number(minor)}`;
    return amount(SIGNS[currency] ?? `${currency} `, minor);
}
