//! A tree of text in 80 columns, drawn with lines. May not know what stands in it.

use crate::desk::screen::{COLUMNS, wrap};

/// How deep a tree is drawn; what is deeper stands beside what it belongs to.
const DEPTH_MAX: usize = 10;

/// One place in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it belongs to: the place of an earlier node.
    pub parent: Option<usize>,
    /// Its text, wrapped where it is too long.
    pub text: Vec<String>,
}

/// A tree as it can be drawn.
pub struct Tree {
    /// What stands below nothing.
    pub roots: Vec<usize>,
    /// What stands below each, in order.
    pub children: Vec<Vec<usize>>,
}

/// Arranges what hangs on what in a tree of at most `depth_max` steps down: what would stand deeper is moved up to the
/// place its parent hangs on. Parents come first.
#[must_use]
pub fn arrange(parents: &[Option<usize>], depth_max: usize) -> Tree {
    let mut places: Vec<(Option<usize>, usize)> = Vec::with_capacity(parents.len());
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (at, parent) in parents.iter().enumerate() {
        let above = parent.and_then(|parent| places.get(parent).map(|place| (parent, *place)));
        let place = match above {
            None => (None, 0),
            Some((_, (grandparent, depth))) if depth == depth_max => (grandparent, depth),
            Some((parent, (_, depth))) => (Some(parent), depth + 1),
        };
        places.push(place);
        if let Some(children) = place.0.and_then(|parent| children.get_mut(parent)) {
            children.push(at);
        }
    }
    let roots = places.iter().enumerate().filter(|(_, (parent, _))| parent.is_none());
    Tree { roots: roots.map(|(at, _)| at).collect(), children }
}

/// Draws nodes, each below what it belongs to, in their order.
#[must_use]
pub fn draw(nodes: &[Node]) -> String {
    let parents: Vec<Option<usize>> = nodes.iter().map(|node| node.parent).collect();
    let Tree { roots, children } = arrange(&parents, DEPTH_MAX);
    let mut out = String::new();
    // Each with the margin of what it stands below; whether it is the last there, of a root nothing.
    let mut stack: Vec<(usize, String, Option<bool>)> =
        roots.into_iter().rev().map(|at| (at, String::new(), None)).collect();
    while let Some((at, margin, is_last)) = stack.pop() {
        let (Some(node), Some(below)) = (nodes.get(at), children.get(at)) else { continue };
        let (mark, rest) = match is_last {
            None => ("", ""),
            Some(true) => ("└─ ", "   "),
            Some(false) => ("├─ ", "│  "),
        };
        let under = format!("{margin}{rest}");
        let stem = if below.is_empty() { "   " } else { "│  " };
        let room = COLUMNS.saturating_sub(under.chars().count() + 3);
        let lines = node.text.iter().flat_map(|text| wrap(text, room));
        for (at, line) in lines.enumerate() {
            let line = if at == 0 { format!("{margin}{mark}{line}") } else { format!("{under}{stem}{line}") };
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let last = below.len().saturating_sub(1);
        stack.extend(
            below.iter().enumerate().rev().map(|(nth, child)| (*child, under.clone(), Some(nth == last))),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::screen::width;

    fn node(parent: Option<usize>, text: &str) -> Node {
        Node { parent, text: text.lines().map(str::to_owned).collect() }
    }

    #[test]
    fn each_node_stands_below_what_it_belongs_to() {
        let nodes = [
            node(None, "a\nmore of a"),
            node(Some(0), "b"),
            node(Some(0), "c\nmore of c"),
            node(Some(1), "d"),
            node(None, "e"),
        ];
        let drawn = "a\n│  more of a\n├─ b\n│  └─ d\n└─ c\n      more of c\ne\n";
        assert_eq!(draw(&nodes), drawn);
    }

    #[test]
    fn a_long_haggle_stays_within_the_columns() {
        let text = "слово ".repeat(30);
        let nodes: Vec<Node> = (0..5_000usize).map(|at| node(at.checked_sub(1), &text)).collect();
        let drawn = draw(&nodes);
        assert!(drawn.lines().all(|line| width(line) <= COLUMNS));
        assert_eq!(drawn.matches("─ ").count(), 4_999);
    }
}
