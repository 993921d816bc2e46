//! What an officer or an operator sees: command grammar, commands, text and JSON. May not decide anything
//! about a protocol or a disk.

pub mod act;
pub mod ask;
pub mod cases;
pub mod content;
pub mod converse;
pub mod demo;
pub mod demo_relay;
pub mod demo_text;
pub mod failure;
pub mod grammar;
pub mod handover;
pub mod held;
pub mod introduce;
pub mod names;
pub mod open;
pub mod operator;
pub mod operator_grammar;
pub mod persons;
pub mod promise;
pub mod qr;
pub mod record;
pub mod run;
pub mod screen;
pub mod settings;
pub mod show;
pub mod sign;
pub mod status;
pub mod sync;
pub mod tell;
pub mod terms;
pub mod transcript;
pub mod words;
