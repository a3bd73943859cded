//! A Youji mini-program.
