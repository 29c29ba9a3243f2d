//! The check of words that somebody else wrote, in steps of a bounded length.

use super::{DEPTH_MAX, Forest, HEAD_WORDS, LEAF, MODES, Parts};
use crate::kind::FEATURE_COUNT_MAX;

/// A check under way. Words that pass it are exactly what a [`Builder`](super::Builder) writes but
/// for the order of the inputs.
///
/// ```
/// use factord_eval::forest::{Builder, Check, Link, Node};
///
/// let mut builder = Builder::new(1, Link::Identity, false)?;
/// builder.push(&[Node::Leaf(0.5)])?;
/// let forest = builder.finish()?;
/// let mut check = Check::new(forest.words(), 1).expect("the counts are sound");
/// assert_eq!(check.step(forest.words(), 1000), Some(true));
/// # Ok::<(), factord_eval::forest::ForestError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Check {
    width: usize,
    parts: Parts,
    tree: usize,
    node: usize,
    shape: Shape,
}

/// The shape of a tree as far as its nodes were seen, in breadth-first order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Where the next split's children stand.
    next_child: usize,
    /// The last place of this level.
    level_end: usize,
    depth: usize,
}

impl Shape {
    /// A tree whose root is at `root`.
    pub(super) fn new(root: usize) -> Shape {
        Shape { next_child: root + 1, level_end: root, depth: 0 }
    }

    /// Goes on behind the node at `at`, if one may stand there; returns where its children stand.
    pub(super) fn pass(&mut self, at: usize, is_split: bool) -> Option<usize> {
        if at >= self.next_child {
            return None;
        }
        let child = self.next_child;
        self.next_child += if is_split { 2 } else { 0 };
        if at == self.level_end && self.next_child > at + 1 {
            self.level_end = self.next_child - 1;
            self.depth += 1;
        }
        Some(child)
    }

    /// The depth of a tree whose nodes end before `end`; `None` when some are missing or too many.
    pub(super) fn end(&self, end: usize) -> Option<usize> {
        (self.next_child == end).then_some(self.depth)
    }
}

impl Check {
    /// Starts with the counts and what is said once; `None` when they are not sound. `width` is
    /// the number of features.
    pub fn new(words: &[u64], width: usize) -> Option<Check> {
        let parts = Parts::of(words)?;
        let float = |index: usize| words.get(index).map(|&word| f64::from_bits(word));
        let (divisor, scale) = (float(2)?, float(3)?);
        let tree_count = parts.trees as f64;
        let is_sound = (1..=FEATURE_COUNT_MAX).contains(&width)
            && (divisor == 1.0 || divisor == tree_count)
            && (scale.to_bits() == 0 || (scale.is_finite() && scale > 0.0))
            && words[1] >> 32 == 0
            && words.get(4..HEAD_WORDS)?.iter().all(|&word| word == 0);
        let is_input = |&word: &u64| {
            usize::from(word as u16) < width
                && word >> 32 == 0
                && MODES.contains(&((word >> 16) as u16))
        };
        let (inputs, trees, _) = parts.split(words);
        let padding = words.get(HEAD_WORDS + inputs.len() + trees.len()..parts.first_node())?;
        let is_sound = is_sound && padding.iter().all(|&word| word == 0);
        (is_sound && inputs.iter().all(is_input)).then(|| Check {
            width,
            parts,
            tree: 0,
            node: 0,
            shape: Shape::new(0),
        })
    }

    /// Goes on over at most `limit` nodes of the same words; whether all are checked. `None` when
    /// one is not sound.
    pub fn step(&mut self, words: &[u64], limit: usize) -> Option<bool> {
        let (inputs, trees, nodes) = self.parts.split(words);
        for _ in 0..limit {
            if self.node == self.parts.nodes {
                return Some(true);
            }
            let tree = *trees.get(self.tree)?;
            let [value, meta] = *nodes.get(self.node)?;
            let (input, child) = (meta as u16, (meta >> 32) as usize);
            let value = f64::from_bits(value);
            let is_split = input != LEAF;
            let place = self.shape.pass(self.node, is_split)?;
            let is_sound = if is_split {
                usize::from(input) < inputs.len() && !value.is_nan() && child == place
            } else {
                value.is_finite() && child == self.node
            };
            if !is_sound || meta >> 16 & 0xFFFF != 0 || (tree as u32 as usize) > self.node {
                return None;
            }
            self.node += 1;
            let next = trees.get(self.tree + 1).map(|&tree| tree as u32 as usize);
            let end = next.unwrap_or(self.parts.nodes);
            if self.node == end {
                let depth = self.shape.end(end)?;
                if depth > DEPTH_MAX || depth as u64 != tree >> 32 {
                    return None;
                }
                self.tree += 1;
                self.shape = Shape::new(end);
            } else if self.node > end {
                return None;
            }
        }
        Some(self.node == self.parts.nodes)
    }

    /// The forest of words that have been checked to their end; `None` before that.
    pub fn forest<M: AsRef<[u64]>>(&self, words: M) -> Option<Forest<M>> {
        let is_done = self.node == self.parts.nodes && self.tree == self.parts.trees;
        let is_same = Parts::of(words.as_ref()) == Some(self.parts);
        (is_done && is_same).then_some(Forest { words, width: self.width, parts: self.parts })
    }
}
