//! Numbers of lines as people read them: counted from 1, runs joined, and no more of them than can be read.
//! May not know what they are lines of.

/// Runs of one phrase, at most.
const RUNS_MAX: usize = 8;

/// `line 3`, `lines 1-3 and 7`, `lines 1, 3, 5 and 40 more`, from rising indices counted from 0.
pub(crate) fn numbered(what: &str, indices: impl IntoIterator<Item = usize>) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for index in indices {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => runs.push((index, index)),
        }
    }
    let total: usize = runs.iter().map(|(first, last)| last - first + 1).sum();
    let shown = if runs.len() > RUNS_MAX { RUNS_MAX } else { runs.len() };
    let mut parts: Vec<String> = runs
        .iter()
        .take(shown)
        .map(|(first, last)| match last - first {
            0 => format!("{}", first + 1),
            _ => format!("{}-{}", first + 1, last + 1),
        })
        .collect();
    let rest: usize = runs.iter().skip(shown).map(|(first, last)| last - first + 1).sum();
    if rest > 0 {
        parts.push(format!("{rest} more"));
    }
    let plural = if total == 1 { "" } else { "s" };
    format!("{what}{plural} {}", listed(&parts))
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_the_rest_is_counted() {
        assert_eq!(numbered("line", [2]), "line 3");
        assert_eq!(numbered("line", [0, 1, 2, 6]), "lines 1-3 and 7");
        assert_eq!(numbered("line", [0, 1]), "lines 1-2");
        let odd = (0..20).map(|n| 2 * n);
        assert_eq!(numbered("line", odd), "lines 1, 3, 5, 7, 9, 11, 13, 15 and 12 more");
    }
}
