//! Cycles among tables that refer to each other. Knows numbers, no names.

/// What is in [`Search::number`] of a node that was not reached yet.
const UNSEEN: usize = usize::MAX;

struct Search {
    number: Vec<usize>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
}

/// The sets of nodes that reach each other, those of one node left out. `edges[n]` are the nodes
/// that `n` refers to; edges to nodes that are not there are ignored.
///
/// Source: Tarjan, "Depth-first search and linear graph algorithms", without recursion. Linear time.
pub(super) fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let count = edges.len();
    let mut search = Search {
        number: vec![UNSEEN; count],
        low: vec![0; count],
        on_stack: vec![false; count],
        stack: Vec::new(),
        next: 0,
    };
    let mut found = Vec::new();
    for root in 0..count {
        if search.number.get(root) == Some(&UNSEEN) {
            search.from(root, edges, &mut found);
        }
    }
    found
}

impl Search {
    fn from(&mut self, root: usize, edges: &[Vec<usize>], found: &mut Vec<Vec<usize>>) {
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((node, at)) = path.last_mut() {
            let node = *node;
            match edges.get(node).and_then(|next| next.get(*at)).copied() {
                Some(next) => {
                    *at += 1;
                    if self.number.get(next) == Some(&UNSEEN) {
                        self.enter(next);
                        path.push((next, 0));
                    } else if self.on_stack.get(next) == Some(&true) {
                        self.lower(node, self.number.get(next).copied());
                    }
                }
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        self.lower(*parent, self.low.get(node).copied());
                    }
                    if self.low.get(node) == self.number.get(node) {
                        let cycle = self.take_down_to(node);
                        if cycle.len() > 1 {
                            found.push(cycle);
                        }
                    }
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        for list in [&mut self.number, &mut self.low] {
            if let Some(entry) = list.get_mut(node) {
                *entry = self.next;
            }
        }
        self.next += 1;
        self.stack.push(node);
        if let Some(entry) = self.on_stack.get_mut(node) {
            *entry = true;
        }
    }

    fn lower(&mut self, node: usize, to: Option<usize>) {
        if let (Some(low), Some(to)) = (self.low.get_mut(node), to) {
            *low = (*low).min(to);
        }
    }

    fn take_down_to(&mut self, node: usize) -> Vec<usize> {
        let mut cycle = Vec::new();
        while let Some(last) = self.stack.pop() {
            if let Some(entry) = self.on_stack.get_mut(last) {
                *entry = false;
            }
            cycle.push(last);
            if last == node {
                break;
            }
        }
        cycle.sort_unstable();
        cycle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_reach_each_other_are_found() {
        assert!(cycles(&[vec![1], vec![2], vec![]]).is_empty());
        assert!(cycles(&[vec![0]]).is_empty());
        let mut found = cycles(&[vec![1], vec![2], vec![0, 3], vec![4], vec![3, 9], vec![0]]);
        found.sort();
        assert_eq!(found, [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let edges: Vec<_> = (0..200_000).map(|node| vec![(node + 1) % 200_000]).collect();
        assert_eq!(cycles(&edges).first().map(Vec::len), Some(200_000));
    }
}
