//! The commands and their help; each calls one room.
