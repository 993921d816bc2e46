//! Weaves mutants into a copy of the source, each behind a switch: `weave MUTANTS.json FROM TO` writes every file that a
//! mutant names, and prints the numbers of those that stand where only the compiler computes (`constant N`), that the
//! language refuses and that would take others with them (`refused N`), or that stand at no place that is known here
//! (`lost N`). Which mutant is on is decided in `switch.rs`, when the woven program runs.
//!
//! ```text
//! a < b         (if crate::mutation::on(7) { /*<7*/ a <= b /*7>*/ } else { a < b })
//! fn f() { … }  fn f() { if crate::mutation::on(7) { /*<7*/ return None; /*7>*/ } … }
//! an iterator   on(7).then(|| …).into_iter().flatten().chain((!on(7)).then(|| { … }).into_iter().flatten())
//! A => …        A if !(crate::mutation::on(7)) => …
//! ```
//! The marks lead from an error of the compiler to the mutant that it is about. A mutant's own text has no further
//! switch in it, so the source grows with the depth of expressions and no faster.

use proc_macro2::{LineColumn, Span};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

struct Mutant {
    number: u64,
    genre: String,
    /// Bytes of what is replaced, or left out.
    span: Range<usize>,
    replacement: String,
}

/// A text and where each of its lines begins.
struct Text<'a>(&'a str, Vec<usize>);

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(text, std::iter::once(0).chain(after).collect())
    }

    /// The byte at a line, from 1, and a column in characters, from 0.
    fn at(&self, line: usize, column: usize) -> usize {
        let from = self.1[line - 1];
        from + self.0[from..].chars().take(column).map(char::len_utf8).sum::<usize>()
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let byte = |LineColumn { line, column }| self.at(line, column);
        byte(span.start())..byte(span.end())
    }
}

struct Weaver<'a> {
    text: Text<'a>,
    mutants: Vec<Mutant>,
    /// What is put in before a byte, in its order.
    edits: BTreeMap<usize, (String, String)>,
    constant: usize,
    constants: Vec<u64>,
    refused: Vec<u64>,
}

impl Weaver<'_> {
    /// Takes out the mutants of a genre that pass; none that the compiler computes.
    fn take(&mut self, fits: impl Fn(&Mutant) -> bool) -> Vec<Mutant> {
        let (taken, left) = std::mem::take(&mut self.mutants).into_iter().partition(fits);
        self.mutants = left;
        if self.constant == 0 {
            return taken;
        }
        self.constants.extend(taken.iter().map(|mutant: &Mutant| mutant.number));
        Vec::new()
    }

    fn open(&mut self, at: usize, text: &str) {
        self.edits.entry(at).or_default().1.push_str(text);
    }

    fn close(&mut self, at: usize, text: &str) {
        self.edits.entry(at).or_default().0.push_str(text);
    }

    /// One expression and its mutants; `inner` weaves what is within.
    fn switch(&mut self, whole: &Range<usize>, mutants: &[Mutant], inner: impl FnOnce(&mut Self)) {
        for Mutant { number, span, replacement, .. } in mutants {
            let (before, after) = (&self.text.0[whole.start..span.start], &self.text.0[span.end..whole.end]);
            let text = format!(
                "{}if crate::mutation::on({number}) {{ /*<{number}*/ {before}{replacement}{after} /*{number}>*/ }} else ",
                if *number == mutants[0].number { "(" } else { "" }
            );
            self.open(whole.start, &text);
        }
        if mutants.is_empty() {
            return inner(self);
        }
        self.open(whole.start, "{ ");
        inner(self);
        self.close(whole.end, " })");
    }

    /// A function's body. It is no constant one any more where a switch comes into it.
    fn body(&mut self, block: &syn::Block, constant: Option<syn::token::Const>) {
        let whole = self.text.bytes(block.brace_token.span.join());
        if let Some(constant) =
            constant.filter(|_| self.mutants.iter().any(|it| whole.contains(&it.span.start)))
        {
            let word = self.text.bytes(constant.span());
            self.open(word.start, "/*");
            self.close(word.end, "*/");
        }
        let first = block.stmts.first().map(|first| self.text.bytes(first.span()).start);
        let mutants = self.take(|it| {
            let (from, within) = (it.span.start, whole.contains(&it.span.start));
            it.genre == "FnValue" && within && first.is_none_or(|first| first == from)
        });
        let iterates = mutants.iter().any(|it| it.replacement.starts_with("::std::iter::"));
        for (nth, Mutant { number, replacement, .. }) in mutants.iter().enumerate() {
            let (on, mark) = (format!("crate::mutation::on({number})"), format!("/*<{number}*/"));
            let text = match (iterates, nth) {
                (false, _) => format!(" if {on} {{ {mark} return {replacement}; /*{number}>*/ }} "),
                (true, 0) => {
                    format!(" {on}.then(|| {{ {mark} {replacement} /*{number}>*/ }}).into_iter().flatten()")
                }
                (true, _) => {
                    format!(
                        ".chain({on}.then(|| {{ {mark} {replacement} /*{number}>*/ }}).into_iter().flatten())"
                    )
                }
            };
            self.open(whole.start + 1, &text);
        }
        if iterates {
            let on: Vec<_> = mutants.iter().map(|it| format!("crate::mutation::on({})", it.number)).collect();
            self.open(whole.start + 1, &format!(".chain((!({})).then(move || {{ ", on.join(" || ")));
        }
        visit::visit_block(self, block);
        if iterates {
            self.close(whole.end - 1, " }).into_iter().flatten())");
        }
    }

    fn computed(&mut self, visit: impl FnOnce(&mut Self)) {
        self.constant += 1;
        visit(self);
        self.constant -= 1;
    }
}

/// Whether an arm takes all that is left.
fn takes_the_rest(arm: &syn::Arm) -> bool {
    let binds = |name: &syn::Ident| name.to_string().starts_with(char::is_lowercase);
    arm.guard.is_none()
        && match &arm.pat {
            syn::Pat::Wild(_) => true,
            syn::Pat::Ident(pat) => binds(&pat.ident),
            _ => false,
        }
}

/// Whether a `let` is one of those that it joins.
fn binds(node: &syn::ExprBinary) -> bool {
    [&node.left, &node.right].into_iter().any(|side| match &**side {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(side) => binds(side),
        _ => false,
    })
}

/// What the compiler computes, all that is in it.
macro_rules! computed {
    ($($visit:ident: $node:ident,)*) => {
        $(fn $visit(&mut self, node: &'ast syn::$node) {
            self.computed(|it| visit::$visit(it, node));
        })*
    };
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    computed! {
        visit_item_const: ItemConst,
        visit_item_static: ItemStatic,
        visit_impl_item_const: ImplItemConst,
        visit_trait_item_const: TraitItemConst,
        visit_type_array: TypeArray,
        visit_generic_argument: GenericArgument,
        visit_variant: Variant,
    }

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
        self.computed(|it| it.visit_expr(&node.len));
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.body(&node.block, node.sig.constness);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.body(&node.block, node.sig.constness);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.body(block, None);
        }
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let (whole, op) = (self.text.bytes(node.span()), self.text.bytes(node.op.span()));
        let mutants = self.take(|it| it.genre.starts_with("Binary") && it.span == op);
        if binds(node) {
            // No switch can stand around a `let`, and nothing but `&&` can join it.
            self.refused.extend(mutants.iter().map(|it| it.number));
            return visit::visit_expr_binary(self, node);
        }
        self.switch(&whole, &mutants, |it| visit::visit_expr_binary(it, node));
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let (whole, op) = (self.text.bytes(node.span()), self.text.bytes(node.op.span()));
        let mutants = self.take(|it| it.genre.starts_with("Unary") && it.span == op);
        self.switch(&whole, &mutants, |it| visit::visit_expr_unary(it, node));
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        let whole = self.text.bytes(node.span());
        let fields: Vec<_> = node.fields.iter().map(|field| self.text.bytes(field.span())).collect();
        let mut mutants = self
            .take(|it| it.genre == "StructField" && fields.iter().any(|field| field.start == it.span.start));
        for mutant in &mut mutants {
            let rest = &self.text.0[mutant.span.end..];
            mutant.span.end += rest.len() - rest.trim_start().trim_start_matches(',').len();
        }
        self.switch(&whole, &mutants, |it| visit::visit_expr_struct(it, node));
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        if !node.arms.iter().any(takes_the_rest) {
            // Without one of them its cases are not all there; one that has a guard counts for none.
            for arm in node.arms.iter().filter(|arm| arm.guard.is_none()) {
                let (arm, pat) = (self.text.bytes(arm.span()), self.text.bytes(arm.pat.span()));
                let of_it = |it: &Mutant| it.span.start == arm.start || it.span.start == pat.start;
                let mutants = self.take(|it| it.genre == "MatchArm" && of_it(it));
                self.refused.extend(mutants.iter().map(|it| it.number));
            }
        }
        visit::visit_expr_match(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        let (arm, pat) = (self.text.bytes(node.span()), self.text.bytes(node.pat.span()));
        let guard = node.guard.as_ref().map(|(_, guard)| self.text.bytes(guard.span()));
        let left = self
            .take(|it| it.genre == "MatchArm" && (it.span.start == arm.start || it.span.start == pat.start));
        let guarded = self
            .take(|it| it.genre == "MatchArmGuard" && guard.as_ref().is_some_and(|guard| *guard == it.span));
        let on = |mutants: Vec<&Mutant>| {
            let on: Vec<_> = mutants.iter().map(|it| format!("crate::mutation::on({})", it.number)).collect();
            if on.is_empty() { "false".to_owned() } else { on.join(" || ") }
        };
        let (always, never): (Vec<_>, Vec<_>) = guarded.iter().partition(|it| it.replacement == "true");
        let never = on(never.into_iter().chain(&left).collect());
        if left.is_empty() && guarded.is_empty() {
            return visit::visit_arm(self, node);
        }
        let Some(guard) = guard else {
            self.open(pat.end, &format!(" if !({never})"));
            return visit::visit_arm(self, node);
        };
        self.open(guard.start, &format!("!({never}) && ({} || (", on(always)));
        visit::visit_arm(self, node);
        self.close(guard.end, "))");
    }
}

fn mutant(text: &Text, number: u64, value: &Value) -> Mutant {
    let byte = |end: &str| {
        let place = |what: &str| value["span"][end][what].as_u64().expect("a place") as usize;
        text.at(place("line"), place("column") - 1)
    };
    let said = |what: &str| value[what].as_str().unwrap_or_default().to_owned();
    Mutant {
        number,
        genre: said("genre"),
        span: byte("start")..byte("end"),
        replacement: said("replacement"),
    }
}

fn weave(source: &str, mutants: &[&Value]) -> String {
    let read = |text: &Text| {
        mutants.iter().map(|it| mutant(text, it["number"].as_u64().expect("a number"), it)).collect()
    };
    let text = Text::new(source);
    let mutants = read(&text);
    let (edits, constants, refused) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut weaver = Weaver { text, mutants, edits, constant: 0, constants, refused };
    weaver.visit_file(&syn::parse_file(source).expect("a source file"));
    weaver.constants.iter().for_each(|number| println!("constant {number}"));
    weaver.refused.iter().for_each(|number| println!("refused {number}"));
    weaver.mutants.iter().for_each(|it| println!("lost {}", it.number));
    let (mut out, mut last) = (String::new(), 0);
    for (at, (closed, opened)) in &weaver.edits {
        out.extend([&source[last..*at], closed, opened]);
        last = *at;
    }
    out + &source[last..]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mutants, from, to] = &args[..] else { panic!("weave MUTANTS.json FROM TO") };
    let mutants: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(mutants).expect("the list")).expect("a list");
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for mutant in &mutants {
        files.entry(mutant["file"].as_str().expect("a file")).or_default().push(mutant);
    }
    for (file, mutants) in files {
        let source = std::fs::read_to_string(Path::new(from).join(file)).expect("a source file");
        std::fs::write(Path::new(to).join(file), weave(&source, &mutants)).expect("written");
    }
}
