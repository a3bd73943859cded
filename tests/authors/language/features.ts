/** What of the language is there: a piece of text for each feature, which is compiled and run on its own, and must be true. */

import { program } from "youji";
import { widgets } from "youji/widgets";

/** Edition, name, and what must be true. */
export const features: readonly (readonly [number, string, string])[] = [
    [2015, "let, const", "{ let a = 1; const b = 2; { let a = 3; } return a + b === 3; }"],
    [2015, "arrow functions", "return ((a) => a * 2)(2) === 4"],
    [2015, "classes", "class A { m() { return 1 } static s() { return 2 } get g() { return 3 } } class B extends A { m() { return super.m() + 4 } } return new B().m() === 5 && A.s() === 2 && new B().g === 3"],
    [2015, "default parameters", "return ((a, b = a + 1) => b)(1) === 2"],
    [2015, "rest and spread", "return ((...all) => Math.max(...all))(1, 3, 2) === 3"],
    [2015, "destructuring", "const { a, b: [c, d = 4], ...rest } = { a: 1, b: [2], e: 5 }; return a + c + d + rest.e === 12"],
    [2015, "template literals", "const tag = (parts, value) => parts.raw[0] + value; return `${1 + 1}` === '2' && tag`a${3}` === 'a3'"],
    [2015, "for of", "let sum = 0; for (const one of [1, 2, 3]) sum += one; return sum === 6"],
    [2015, "generators", "function* g() { const x = yield 1; yield x * 2 } const it = g(); it.next(); return it.next(4).value === 8"],
    [2015, "iterators of one's own", "const it = { *[Symbol.iterator]() { yield* [1, 2] } }; return [...it].length === 2"],
    [2015, "Map, Set, WeakMap, WeakSet", "const key = {}; return new Map([[1, 2]]).get(1) === 2 && new Set([1, 1]).size === 1 && new WeakMap([[key, 1]]).get(key) === 1 && new WeakSet([key]).has(key)"],
    [2015, "Symbol", "return Symbol.for('a') === Symbol.for('a') && Symbol('a').description === 'a'"],
    [2015, "Proxy, Reflect", "return new Proxy({}, { get: (_, name) => name }).hello === 'hello' && Reflect.ownKeys({ a: 1 })[0] === 'a'"],
    [2015, "Promise", "return Promise.resolve(1) instanceof Promise && typeof Promise.all === 'function'"],
    [2015, "typed arrays, DataView", "const view = new DataView(new ArrayBuffer(4)); view.setUint16(0, 258); return new Uint8Array(view.buffer)[1] === 2"],
    [2015, "RegExp flags u and y", "return /^.$/u.test('\\u{20BB7}') && /a/y.test('ba') === false"],
    [2015, "tail of strings", "return 'abc'.includes('b') && 'a'.repeat(3) === 'aaa' && 'abc'.startsWith('ab') && 'a\\u0301'.normalize('NFC').length === 1"],
    [2015, "Object.assign, Array.from", "return Object.assign({}, { a: 1 }).a === 1 && Array.from({ length: 2 }, (_, at) => at)[1] === 1"],
    [2016, "exponent, includes", "return 2 ** 10 === 1024 && [1, NaN].includes(NaN)"],
    [2017, "async functions", "return (async () => { await 1 })() instanceof Promise"],
    [2017, "entries, padStart", "return Object.entries({ a: 1 })[0][1] === 1 && '1'.padStart(3, '0') === '001'"],
    [2017, "SharedArrayBuffer, Atomics", "return typeof SharedArrayBuffer === 'function' && typeof Atomics === 'object'"],
    [2018, "object spread", "return { ...{ a: 1 }, b: 2 }.a === 1"],
    [2018, "async iteration", "return typeof (async function* () { for await (const one of []) yield one })().next === 'function'"],
    [2018, "RegExp named groups", "return /(?<year>\\d{4})/.exec('in 2018').groups.year === '2018'"],
    [2018, "RegExp lookbehind", "return /(?<=\\$)\\d+/.exec('a $42')[0] === '42'"],
    [2018, "RegExp properties", "return /\\p{Script=Han}/u.test('有') && !/\\p{Script=Han}/u.test('a')"],
    [2018, "RegExp flag s", "return /a.b/s.test('a\\nb')"],
    [2018, "Promise finally", "return typeof Promise.prototype.finally === 'function'"],
    [2019, "flat, flatMap, fromEntries", "return [[1], [2]].flat().length === 2 && [1].flatMap((a) => [a, a]).length === 2 && Object.fromEntries([['a', 1]]).a === 1"],
    [2019, "catch without a name", "try { throw 1 } catch { return true }"],
    [2019, "stable sort", "return Array.from({ length: 600 }, (_, at) => [at % 2, at]).sort((a, b) => a[0] - b[0]).every((one, at, all) => at === 0 || all[at - 1][0] !== one[0] || all[at - 1][1] < one[1])"],
    [2020, "BigInt", "return 2n ** 64n === 18446744073709551616n && BigInt.asUintN(8, 257n) === 1n"],
    [2020, "?? and ?.", "return (null ?? 1) === 1 && undefined?.a === undefined && ({ a: () => 2 }).a?.() === 2"],
    [2020, "matchAll", "return [...'a1b2'.matchAll(/\\d/g)].length === 2"],
    [2020, "globalThis, allSettled", "return globalThis.Math === Math && typeof Promise.allSettled === 'function'"],
    [2021, "||=, &&=, ??=", "let a = null; a ??= 1; a &&= 2; a ||= 3; return a === 2"],
    [2021, "replaceAll", "return 'a-a'.replaceAll('a', 'b') === 'b-b'"],
    [2021, "numeric separators", "return 1_000 === 1000"],
    [2021, "WeakRef, Promise.any", "return new WeakRef({}) instanceof WeakRef && typeof Promise.any === 'function'"],
    [2022, "class fields", "class A { a = 1; #b = 2; static c = 3; get b() { return this.#b } } return new A().a + new A().b + A.c === 6"],
    [2022, "private methods, static blocks, #in", "class A { #m() { return 1 } static s; static { A.s = new A().#m() } static has(it) { return #m in it } } return A.s === 1 && A.has(new A()) && !A.has({})"],
    [2022, "at, hasOwn", "return [1, 2].at(-1) === 2 && Object.hasOwn({ a: 1 }, 'a')"],
    [2022, "Error cause", "return new Error('a', { cause: 1 }).cause === 1"],
    [2022, "RegExp flag d", "return /a(b)/d.exec('ab').indices[1][0] === 1"],
    [2023, "toSorted, with, findLast", "return [2, 1].toSorted()[0] === 1 && [1, 2].with(0, 3)[0] === 3 && [1, 2, 3].findLast((a) => a < 3) === 2"],
    [2023, "symbols as WeakMap keys", "const key = Symbol(); return new WeakMap([[key, 1]]).get(key) === 1"],
    [2024, "Object.groupBy, Map.groupBy", "return Object.groupBy([1, 2, 3], (a) => (a % 2 ? 'odd' : 'even')).odd.length === 2 && Map.groupBy([1], (a) => a).size === 1"],
    [2024, "Promise.withResolvers", "return typeof Promise.withResolvers().resolve === 'function'"],
    [2024, "RegExp flag v", "return /[\\p{L}--[a-z]]/v.test('A') && !/[\\p{L}--[a-z]]/v.test('a')"],
    [2024, "ArrayBuffer resize, transfer", "const buffer = new ArrayBuffer(1, { maxByteLength: 4 }); buffer.resize(4); return buffer.byteLength === 4 && buffer.transfer().byteLength === 4"],
    [2024, "isWellFormed", "return 'a'.isWellFormed() && !'\\ud800'.isWellFormed()"],
    [2025, "iterator helpers", "return [1, 2, 3].values().map((a) => a * 2).filter((a) => a > 2).toArray().length === 2"],
    [2025, "Set methods", "return new Set([1, 2]).union(new Set([3])).size === 3 && new Set([1]).isSubsetOf(new Set([1, 2]))"],
    [2025, "Promise.try, RegExp.escape", "return typeof Promise.try === 'function' && RegExp.escape('a.b').includes('\\\\.')"],
    [2025, "Float16Array", "return new Float16Array([1.5])[0] === 1.5"],
    [2026, "Array.fromAsync", "return typeof Array.fromAsync === 'function'"],
    [2026, "Error.isError", "return Error.isError(new Error()) && !Error.isError({})"],
    [2026, "Uint8Array base64", "return new Uint8Array([1, 2, 3]).toBase64() === 'AQID'"],
    [2026, "Math.sumPrecise", "return Math.sumPrecise([1e20, 0.1, -1e20]) === 0.1"],
    [0, "Intl", "return new Intl.NumberFormat('en').format(1234.5) === '1,234.5'"],
    [0, "Temporal", "return Temporal.PlainDate.from('2024-01-31').add({ months: 1 }).toString() === '2024-02-29'"],
];

/** Names of those that are not there. */
export function missing(): string[] {
    return features.filter(([, , text]) => !holds(text)).map(([, name]) => name);
}

function holds(text: string): boolean {
    try {
        return new Function(text)() === true;
    } catch {
        return false;
    }
}

const { page, text } = widgets<never>();

export default program<string[], never>({
    init: missing,
    update: (model) => model,
    view: (model) => page({ title: "Language" }, text({ text: `of ${features.length} features, missing: ${model.join("; ") || "none"}` })),
});
