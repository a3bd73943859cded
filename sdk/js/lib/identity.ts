/** Who the person is to this program. Never who they are elsewhere. */

import type { Outcome } from "youji/event";
import type { Ctx } from "youji/program";
import type { Fields } from "youji:host";
import { answer } from "youji/runtime";
import { identity } from "youji:host";

/** The pairwise id of this person for this program. Throws a `Failure`. */
export function openId(): string {
    return identity.openId();
}

/** The pairwise id of this person for all programs of this publisher. Throws a `Failure`. */
export function unionId(): string {
    return identity.unionId();
}

/** A single-use code that the publisher's server exchanges for the open id within 5 minutes. Throws a `Failure`. */
export function loginCode(options: Fields = {}): string {
    return identity.loginCode(options);
}

/** Asks the person for profile fields ("nickname", "avatar", "phone", "address", "region"). `fields` of the outcome has "profile.NAME". */
export function profile<Msg>(ctx: Ctx<Msg>, names: readonly string[], purpose: string, make: (outcome: Outcome) => NoInfer<Msg>): void {
    answer(ctx, "identity.profile", "", () => identity.profile(names, { purpose }), make);
}
