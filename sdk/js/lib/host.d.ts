/** The contract's imports, as the script engine offers them to the SDK. Made from sdk/wit; do not edit. */

declare module "youji:host" {
    export type Scalar = boolean | number | string;
    /** Named values. */
    export type Fields = { [name: string]: Scalar | undefined };
    /** Something that was asked for and is answered later. */
    export type Ticket = string;
    /** What a refused call throws. */
    export interface Failure extends Error {
        code: string;
        fields: Fields;
    }
    /** The contract's event. */
    export interface Happened {
        code: string;
        ticket: Ticket;
        fields: Fields;
        body: Uint8Array;
    }
    export const utf8: { decode(bytes: Uint8Array): string; encode(text: string): Uint8Array };
    export const identity: {
        openId(): string;
        unionId(): string;
        profile(names: readonly string[], options: Fields): Ticket;
        loginCode(options: Fields): string;
    };
    export interface Line {
        title: string;
        quantity: number;
        amount: number;
        options: Fields;
    }
    export interface Order {
        orderNo: string;
        merchant: string;
        amount: number;
        currency: string;
        lines: Line[];
        options: Fields;
    }
    export const payment: {
        pay(order: Order): Ticket;
        lookup(orderNo: string, options: Fields): Fields;
        act(orderNo: string, action: string, options: Fields): Ticket;
    };
    export const messaging: {
        subscribe(templates: readonly string[], options: Fields): Ticket;
        send(to: string, template: string, fields: Fields, clientId: string, options: Fields): number;
        share(title: string, page: string, query: Fields, options: Fields): Ticket;
    };
    export const storage: {
        get(key: string): Uint8Array | undefined;
        set(key: string, value: Uint8Array | string): void;
        remove(key: string): void;
        keys(): string[];
    };
    export interface Row {
        key: string;
        value: Uint8Array;
        version: number;
        stamps: Fields;
    }
    export const records: {
        get(collection: string, key: string): Row | undefined;
        put(collection: string, key: string, expected: number, value: Uint8Array | string, options: Fields): number;
        remove(collection: string, key: string, expected: number): void;
        list(collection: string, options: Fields): Row[];
        watch(collection: string, options: Fields): Ticket;
        unwatch(ticket: Ticket): void;
    };
    export const timer: {
        wakeAfter(milliseconds: number): Ticket;
        cancel(ticket: Ticket): void;
    };
    export const navigation: {
        push(path: string, query: Fields): void;
        replace(path: string, query: Fields): void;
        back(): void;
        close(): void;
        open(program: string, path: string, query: Fields): Ticket;
    };
    export const scanner: {
        scan(options: Fields): Ticket;
    };
    export const location: {
        locate(options: Fields): Ticket;
    };
    export const clock: {
        now(): number;
    };
    export const random: {
        bytes(length: number): Uint8Array;
    };
    export const log: {
        write(level: string, message: string): void;
    };
}
