//! The contract's open codes as types. Each has an arm for the codes of later hosts, so that no program breaks on one.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$arm_doc:meta])* $arm:ident = $code:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$arm_doc])* $arm,)*
            /// One that this program was not built with.
            Other(String),
        }

        impl $name {
            /// From the wire.
            pub fn from_code(code: &str) -> Self {
                match code {
                    $($code => $name::$arm,)*
                    other => $name::Other(other.to_owned()),
                }
            }

            /// As on the wire.
            pub fn code(&self) -> &str {
                match self {
                    $($name::$arm => $code,)*
                    $name::Other(code) => code,
                }
            }
        }
    };
}

codes! {
    /// Why a call was refused, or why an outcome is a failure. Treat [`Other`](FailureCode::Other) as [`Failed`](FailureCode::Failed).
    FailureCode {
        /// The manifest does not request it.
        Undeclared = "undeclared",
        /// The person said no.
        Denied = "denied",
        /// The person has not been asked, and this call can't ask.
        NotAsked = "not-asked",
        /// Only allowed while a tap is handled.
        NeedsTap = "needs-tap",
        /// Imports can't be called inside `view`.
        InView = "in-view",
        /// An argument is malformed.
        Invalid = "invalid",
        /// A limit was reached.
        Limit = "limit",
        /// No such record, order, ticket or page.
        NotFound = "not-found",
        /// Somebody else was first; read again.
        Conflict = "conflict",
        /// The order number is somebody else's, or stands for other content.
        Taken = "taken",
        /// The role or ownership for it is missing.
        Forbidden = "forbidden",
        /// This host does not offer it.
        Unsupported = "unsupported",
        /// The balance is too small.
        InsufficientFunds = "insufficient-funds",
        /// The host could not do it now; nothing was changed.
        Failed = "failed",
        /// The disk failed in the middle: look it up later, don't repeat it.
        InDoubt = "in-doubt",
    }
}

codes! {
    /// State of an order.
    PayState {
        /// Not decided yet.
        Pending = "pending",
        /// Paid.
        Succeeded = "succeeded",
        /// Held, to be captured or returned.
        RequiresCapture = "requires_capture",
        /// Not paid; nothing moved, or it was returned.
        Canceled = "canceled",
        /// Held in a dispute.
        Disputed = "disputed",
    }
}

codes! {
    /// How a ticket ended.
    Ended {
        /// What was asked for happened.
        Done = "done",
        /// The person said no.
        Declined = "declined",
        /// It could not be done.
        Failed = "failed",
        /// Nobody answered in time.
        Expired = "expired",
    }
}

codes! {
    /// Why the program was opened.
    Cause {
        /// A code was scanned.
        Scan = "scan",
        /// A link was followed.
        Link = "link",
        /// It was chosen from a list.
        List = "list",
        /// A card was opened.
        Card = "card",
        /// Another program asked for it.
        FromProgram = "program",
        /// It was unloaded and is back.
        Resume = "resume",
    }
}

codes! {
    /// The instance's lifecycle.
    Phase {
        /// On the stage.
        Shown = "shown",
        /// Not on the stage; suspended soon.
        Hidden = "hidden",
        /// About to be dropped.
        Unloaded = "unloaded",
        /// Something went wrong in the host's part of the program.
        Error = "error",
    }
}
