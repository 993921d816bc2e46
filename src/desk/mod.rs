//! What an officer or an operator sees: command grammar, commands, text and JSON. May not decide anything
//! about a protocol or a disk.

pub mod operator;
pub mod operator_grammar;
