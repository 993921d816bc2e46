//! What an officer or an operator sees: command grammar, commands, text and JSON. May not decide anything
//! about a protocol or a disk.

pub mod demo;
pub mod demo_relay;
pub mod demo_text;
pub mod operator;
pub mod operator_grammar;
