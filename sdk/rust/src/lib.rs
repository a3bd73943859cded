//! What a Youji mini-program author imports.
