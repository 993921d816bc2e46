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

/// Draws nodes, each below what it belongs to, in their order.
#[must_use]
pub fn draw(nodes: &[Node]) -> String {
    // What would stand too deep is moved up to the place its parent hangs on. Parents come first.
    let mut places: Vec<(Option<usize>, usize)> = Vec::with_capacity(nodes.len());
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let above = node.parent.and_then(|parent| places.get(parent).map(|place| (parent, *place)));
        let place = match above {
            None => (None, 0),
            Some((_, (grandparent, depth))) if depth == DEPTH_MAX => (grandparent, depth),
            Some((parent, (_, depth))) => (Some(parent), depth + 1),
        };
        places.push(place);
        if let Some(children) = place.0.and_then(|parent| children.get_mut(parent)) {
            children.push(at);
        }
    }
    let mut out = String::new();
    let roots = places.iter().enumerate().filter(|(_, (parent, _))| parent.is_none());
    let mut stack: Vec<(usize, String, bool)> =
        roots.map(|(at, _)| (at, String::new(), true)).collect::<Vec<_>>().into_iter().rev().collect();
    while let Some((at, margin, is_last)) = stack.pop() {
        let (Some(node), Some(below)) = (nodes.get(at), children.get(at)) else { continue };
        let is_root = places.get(at).is_none_or(|(parent, _)| parent.is_none());
        let (mark, rest) = match (is_root, is_last) {
            (true, _) => ("", ""),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
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
        stack.extend(below.iter().enumerate().rev().map(|(nth, child)| (*child, under.clone(), nth == last)));
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
