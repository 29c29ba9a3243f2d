//! Forests: regression trees whose leaves are added up, with the arithmetic of the library that
//! grew them, so that the sum has that library's bits.
//!
//! A tree only chooses a leaf, and that choice is exact whatever finds it; the sum is then made in
//! one order. The one family so far is that of LightGBM's text:
//!
//! * a row goes to the left child when `x <= threshold`, in f64; features with |x| up to
//!   [`ZERO`] count as 0;
//! * NaN is missing. A split says what it takes for missing ([`Missing`]) and to which side that
//!   goes; where NaN is not missing, it is 0. Infinities are no input: callers refuse them;
//! * leaves are added in the order of the trees, from 0, and the sum is divided by the number of
//!   trees where the forest averages ([`Forest::divisor`]);
//! * [`Link`] makes the output of it.
//!
//! A forest is a run of words, the same in memory and in an image (docs/abi.md):
//!
//! ```text
//! 0  trees u32, nodes u32 | 1 inputs u32, 0 | 2 divisor | 3 scale of the sigmoid, or 0 | 0 ...
//! 8  inputs, a word each:  feature u16, mode u16, 0
//!    trees, a word each:   root u32, depth u32; then a word of padding where nodes would be odd
//!    nodes, 2 words each:  split: threshold | input u16, 0, left child u32 (the right one follows)
//!                          leaf:  value     | 0xFFFF,    0, its own place u32
//! ```
//!
//! The nodes of a tree stand in breadth-first order, so that a child stands behind its parent and
//! no word but the kinds of nodes is free. An input is a feature with what is missing replaced:
//! by minus infinity, which goes left at any threshold, or by infinity. A walk reads nothing beyond
//! the words and ends after [`DEPTH_MAX`] steps, whatever the words are.

mod build;
mod check;

pub use build::{Builder, ForestError};
pub use check::Check;

use crate::kind::FEATURE_COUNT_MAX;
use std::sync::Arc;

/// Up to here a feature counts as 0: LightGBM's `kZeroThreshold`, an f32.
pub const ZERO: f64 = 1e-35_f32 as f64;

/// The most levels of splits of a tree.
// 1,024: a tree of 64 leaves has at most 63, and of a million leaves some 40 where it is grown from
// data. It bounds the walk.
pub const DEPTH_MAX: usize = 1024;

/// The most nodes of a forest, leaves included.
// Two million: 32 MiB of 16 bytes each.
pub const NODE_COUNT_MAX: usize = 1 << 21;

/// Words before the inputs.
pub const HEAD_WORDS: usize = 8;

/// Trees walked in step: their loads wait for each other no more.
// 8: as many as the walk keeps in registers.
const ABREAST: usize = 8;

/// The input of a leaf, which is minus infinity: it never goes on to the right.
const LEAF: u16 = 0xFFFF;

/// What a split takes for missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing; NaN is 0.
    None,
    /// Zero and NaN.
    Zero,
    /// NaN.
    Nan,
}

/// One node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// Goes on to one of two children.
    Split {
        /// Which feature decides.
        feature: u16,
        /// The greatest value that goes left; infinity is the same as the greatest number.
        threshold: f64,
        /// What is missing.
        missing: Missing,
        /// Where it goes; means nothing where nothing is missing, and is `true` then.
        default_left: bool,
    },
    /// Ends with a value.
    Leaf(f64),
}

/// What becomes of the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    /// The output is the sum.
    Identity,
    /// The output is the probability `1 / (1 + exp(-scale * sum))` of class 1.
    Sigmoid {
        /// Finite and above 0.
        scale: f64,
    },
}

/// A forest whose words are kept in `M`: they were checked, and do not change.
#[derive(Clone, Debug)]
pub struct Forest<M = Arc<[u64]>> {
    words: M,
    width: usize,
    parts: Parts,
}

/// Where what stands among the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    inputs: usize,
    trees: usize,
    nodes: usize,
}

impl Parts {
    /// Reads the counts; `None` when the words are not exactly as many as these say.
    fn of(words: &[u64]) -> Option<Parts> {
        let counts = *words.first()?;
        let low = |word: u64| word as u32 as usize;
        let parts =
            Parts { inputs: low(*words.get(1)?), trees: low(counts), nodes: low(counts >> 32) };
        let is_sound = parts.inputs <= INPUT_COUNT_MAX
            && (1..=parts.nodes).contains(&parts.trees)
            && parts.nodes <= NODE_COUNT_MAX;
        (is_sound && parts.first_node() + 2 * parts.nodes == words.len()).then_some(parts)
    }

    fn first_node(self) -> usize {
        // Even, so that no node lies in two lines.
        (HEAD_WORDS + self.inputs + self.trees).next_multiple_of(2)
    }

    /// Inputs, trees and nodes; short where the words are.
    #[inline]
    fn split(self, words: &[u64]) -> (&[u64], &[u64], &[[u64; 2]]) {
        let trees = HEAD_WORDS + self.inputs;
        let part = |range| words.get(range).unwrap_or_default();
        let nodes = words.get(self.first_node()..).unwrap_or_default();
        (part(HEAD_WORDS..trees), part(trees..trees + self.trees), nodes.as_chunks().0)
    }
}

/// A way to see each feature: NaN as 0; NaN missing, left or right; zero missing, left or right.
const MODES: [u16; 5] = [0, MODE_NAN, MODE_NAN | MODE_RIGHT, MODE_ZERO, MODE_ZERO | MODE_RIGHT];
const MODE_RIGHT: u16 = 1;
const MODE_NAN: u16 = 2;
const MODE_ZERO: u16 = 4;

/// The most inputs.
const INPUT_COUNT_MAX: usize = FEATURE_COUNT_MAX * MODES.len();

fn mode(missing: Missing, default_left: bool) -> u16 {
    let side = if default_left { 0 } else { MODE_RIGHT };
    match missing {
        Missing::None => 0,
        Missing::Nan => MODE_NAN | side,
        Missing::Zero => MODE_ZERO | side,
    }
}

impl<M: AsRef<[u64]>> Forest<M> {
    /// The words, all of them.
    pub fn words(&self) -> &[u64] {
        self.words.as_ref()
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many trees there are, at least one.
    pub fn tree_count(&self) -> usize {
        self.parts.trees
    }

    /// How many nodes there are, leaves included.
    pub fn node_count(&self) -> usize {
        self.parts.nodes
    }

    fn float(&self, index: usize) -> f64 {
        f64::from_bits(self.words().get(index).copied().unwrap_or(0))
    }

    /// What the sum is divided by: 1, or the number of trees.
    pub fn divisor(&self) -> f64 {
        self.float(2)
    }

    /// What becomes of the sum.
    pub fn link(&self) -> Link {
        match self.float(3) {
            0.0 => Link::Identity,
            scale => Link::Sigmoid { scale },
        }
    }

    /// Nodes of each tree, in order.
    pub fn tree_sizes(&self) -> impl Iterator<Item = usize> + '_ {
        let trees = self.parts.split(self.words()).1;
        let root = |word: &u64| *word as u32 as usize;
        let ends = trees.iter().skip(1).map(root).chain([self.parts.nodes]);
        trees.iter().map(root).zip(ends).map(|(root, end)| end.saturating_sub(root))
    }

    /// The nodes of all trees, each tree breadth first.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        let (inputs, _, nodes) = self.parts.split(self.words());
        nodes.iter().map(move |&[value, meta]| {
            let value = f64::from_bits(value);
            let input = inputs.get(usize::from(meta as u16));
            input.map_or(Node::Leaf(value), |&word| {
                let (feature, mode) = (word as u16, (word >> 16) as u16);
                let missing = match mode & (MODE_NAN | MODE_ZERO) {
                    MODE_NAN => Missing::Nan,
                    MODE_ZERO => Missing::Zero,
                    _ => Missing::None,
                };
                let default_left = mode & MODE_RIGHT == 0;
                Node::Split { feature, threshold: value, missing, default_left }
            })
        })
    }

    /// Floating-point operations of one evaluation up to the link, along the longest path of each
    /// tree: comparisons, one addition a tree and the division.
    pub fn operations(&self) -> u64 {
        let trees = self.parts.split(self.words()).1;
        trees.iter().map(|tree| (tree >> 32) + 1).sum::<u64>() + 1
    }

    /// The sum of the leaves that a row reaches, divided: the library's raw score. Missing values
    /// of `x` are NaN, and infinities are nobody's: callers refuse them.
    #[inline]
    pub fn score(&self, x: &[f64]) -> f64 {
        // The stack has room for as many inputs as are used, in three sizes: clearing all of the
        // largest would take longer than a small forest does.
        let sum = match self.parts.inputs {
            0..64 => self.sum::<64>(x),
            64..512 => self.sum::<512>(x),
            _ => self.sum::<8192>(x),
        };
        sum / self.divisor()
    }

    #[inline(never)]
    fn sum<const N: usize>(&self, x: &[f64]) -> f64 {
        const { assert!(N.is_power_of_two() && N <= 1 << 16) };
        let (inputs, trees, nodes) = self.parts.split(self.words());
        let mut seen = [f64::NEG_INFINITY; N];
        for (seen, &input) in seen[..N - 1].iter_mut().zip(inputs) {
            *seen = value(x, input);
        }
        let mut sum = 0.0;
        for trees in trees.chunks(ABREAST) {
            for value in walk(&seen, trees, nodes).into_iter().take(trees.len()) {
                sum += value;
            }
        }
        sum
    }
}

/// An input: the feature, or what stands for a missing one.
#[inline(always)]
fn value(x: &[f64], input: u64) -> f64 {
    let (feature, mode) = (usize::from(input as u16), (input >> 16) as u16);
    let x = x.get(feature).copied().unwrap_or(f64::NAN);
    let (nan, zero) = (x.is_nan(), x.abs() <= ZERO);
    let is_missing = (mode & MODE_NAN != 0 && nan) || (mode & MODE_ZERO != 0 && (nan || zero));
    match is_missing {
        true if mode & MODE_RIGHT == 0 => f64::NEG_INFINITY,
        true => f64::INFINITY,
        false if nan || zero => 0.0,
        false => x,
    }
}

/// The values of the leaves that are reached in up to eight trees; the others mean nothing.
#[inline(always)]
fn walk<const N: usize>(seen: &[f64; N], trees: &[u64], nodes: &[[u64; 2]]) -> [f64; ABREAST] {
    // What a place beyond the nodes is: words of any sort are walked within bounds.
    const NOWHERE: [u64; 2] = [0, LEAF as u64];
    let node = |at: u32| *nodes.get(at as usize).unwrap_or(&NOWHERE);
    let mut at = [0; ABREAST];
    let mut depth = 0;
    for (at, &tree) in at.iter_mut().zip(trees) {
        *at = tree as u32;
        depth = depth.max((tree >> 32) as usize);
    }
    for _ in 0..depth.min(DEPTH_MAX) {
        let mut moved = 0;
        for at in &mut at {
            let [threshold, meta] = node(*at);
            let is_right = seen[usize::from(meta as u16) & (N - 1)] > f64::from_bits(threshold);
            let next = ((meta >> 32) as u32).wrapping_add(u32::from(is_right));
            moved |= next ^ *at;
            *at = next;
        }
        if moved == 0 {
            break;
        }
    }
    at.map(|at| f64::from_bits(node(at)[0]))
}

impl<M: AsRef<[u64]>, O: AsRef<[u64]>> PartialEq<Forest<O>> for Forest<M> {
    fn eq(&self, other: &Forest<O>) -> bool {
        self.width == other.width && self.words() == other.words()
    }
}

#[cfg(test)]
#[path = "forest/walk_tests.rs"]
mod tests;
