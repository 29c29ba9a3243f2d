//! A forest made from trees, with errors that name tree and node.

use super::check::Shape;
use super::{DEPTH_MAX, Forest, HEAD_WORDS, LEAF, Link, NODE_COUNT_MAX, Node, Parts, mode};
use crate::kind::FEATURE_COUNT_MAX;
use std::collections::HashMap;
use thiserror::Error;

/// Why trees are no forest. Trees and nodes count from 0, nodes breadth first.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ForestError {
    /// The number of features is out of range.
    #[error("a forest takes 1 to {FEATURE_COUNT_MAX} features, this one has {found}")]
    Width {
        /// The number found.
        found: usize,
    },
    /// There is no tree.
    #[error("a forest needs at least one tree")]
    Empty,
    /// There are more nodes than a forest may have.
    #[error("tree {tree}: a forest has at most {NODE_COUNT_MAX} nodes")]
    TooManyNodes {
        /// The tree that has one too many.
        tree: usize,
    },
    /// A split asks for a feature that there is none of.
    #[error("tree {tree}, node {node}: feature {feature} of {width}")]
    Feature {
        /// Which tree.
        tree: usize,
        /// Which node.
        node: usize,
        /// The feature.
        feature: u16,
        /// How many there are.
        width: usize,
    },
    /// A threshold is NaN, or a leaf not finite.
    #[error("tree {tree}, node {node}: {what} {value} is not a number to use")]
    Value {
        /// Which tree.
        tree: usize,
        /// Which node.
        node: usize,
        /// `threshold` or `leaf`.
        what: &'static str,
        /// What was found.
        value: f64,
    },
    /// A tree's nodes are not one tree, breadth first.
    #[error("tree {tree}, node {node}: the nodes are not those of one tree in breadth-first order")]
    Shape {
        /// Which tree.
        tree: usize,
        /// The first node that does not fit, or the number of nodes where some are missing.
        node: usize,
    },
    /// A tree is deeper than a walk goes.
    #[error("tree {tree} has {depth} levels of splits, the limit is {DEPTH_MAX}")]
    Depth {
        /// Which tree.
        tree: usize,
        /// Its depth.
        depth: usize,
    },
    /// The sigmoid's scale is none.
    #[error("a sigmoid of scale {scale}: it must be finite and above 0")]
    Scale {
        /// What was found.
        scale: f64,
    },
}

/// Trees on their way into a forest.
#[derive(Debug)]
pub struct Builder {
    width: usize,
    link: Link,
    is_average: bool,
    /// Feature and mode of each input, and their numbers.
    inputs: Vec<u64>,
    numbers: HashMap<u64, u16>,
    trees: Vec<u64>,
    nodes: Vec<u64>,
}

impl Builder {
    /// Starts a forest of `width` features without trees. `is_average` divides the sum by their
    /// number.
    ///
    /// # Errors
    ///
    /// [`ForestError::Width`] and [`ForestError::Scale`].
    pub fn new(width: usize, link: Link, is_average: bool) -> Result<Builder, ForestError> {
        if width == 0 || width > FEATURE_COUNT_MAX {
            return Err(ForestError::Width { found: width });
        }
        if let Link::Sigmoid { scale } = link
            && !(scale.is_finite() && scale > 0.0)
        {
            return Err(ForestError::Scale { scale });
        }
        let (inputs, trees, nodes) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Builder { width, link, is_average, inputs, numbers: HashMap::new(), trees, nodes })
    }

    /// Adds a tree, its nodes in breadth-first order: the root, its children, left before right,
    /// and so on.
    ///
    /// # Errors
    ///
    /// [`ForestError`] names tree and node.
    pub fn push(&mut self, nodes: &[Node]) -> Result<(), ForestError> {
        let (tree, root) = (self.trees.len(), self.nodes.len() / 2);
        if nodes.len() > NODE_COUNT_MAX - root {
            return Err(ForestError::TooManyNodes { tree });
        }
        let mut shape = Shape::new(root);
        for (index, node) in nodes.iter().enumerate() {
            let (at, is_split) = (root + index, matches!(node, Node::Split { .. }));
            let child = shape.pass(at, is_split).ok_or(ForestError::Shape { tree, node: index })?;
            let (value, input) = self.seen(node, (tree, index))?;
            let next = if is_split { child } else { at };
            self.nodes.extend([value.to_bits(), u64::from(input) | (next as u64) << 32]);
        }
        let end = root + nodes.len();
        let missing = ForestError::Shape { tree, node: nodes.len() };
        let depth = shape.end(end).filter(|_| end > root).ok_or(missing)?;
        if depth > DEPTH_MAX {
            return Err(ForestError::Depth { tree, depth });
        }
        self.trees.push(root as u64 | (depth as u64) << 32);
        Ok(())
    }

    /// Value and input of a node.
    fn seen(
        &mut self,
        node: &Node,
        (tree, index): (usize, usize),
    ) -> Result<(f64, u16), ForestError> {
        let value = |what, value| ForestError::Value { tree, node: index, what, value };
        match *node {
            Node::Leaf(leaf) if !leaf.is_finite() => Err(value("leaf", leaf)),
            Node::Leaf(leaf) => Ok((leaf, LEAF)),
            Node::Split { threshold, .. } if threshold.is_nan() => {
                Err(value("threshold", threshold))
            }
            Node::Split { feature, .. } if usize::from(feature) >= self.width => {
                Err(ForestError::Feature { tree, node: index, feature, width: self.width })
            }
            Node::Split { feature, threshold, missing, default_left } => {
                let word = u64::from(feature) | u64::from(mode(missing, default_left)) << 16;
                let next = self.inputs.len() as u16;
                let number = *self.numbers.entry(word).or_insert(next);
                if number == next {
                    self.inputs.push(word);
                }
                // No input that is a number is above either; infinity stands for a missing one.
                Ok((threshold.min(f64::MAX), number))
            }
        }
    }

    /// Makes the forest.
    ///
    /// # Errors
    ///
    /// [`ForestError::Empty`].
    pub fn finish(self) -> Result<Forest, ForestError> {
        if self.trees.is_empty() {
            return Err(ForestError::Empty);
        }
        let (inputs, trees) = (self.inputs.len(), self.trees.len());
        let parts = Parts { inputs, trees, nodes: self.nodes.len() / 2 };
        let divisor = if self.is_average { trees as f64 } else { 1.0 };
        let scale = match self.link {
            Link::Identity => 0.0,
            Link::Sigmoid { scale } => scale,
        };
        let mut words = Vec::with_capacity(parts.first_node() + self.nodes.len());
        words.extend([trees as u64 | (parts.nodes as u64) << 32, inputs as u64]);
        words.extend([divisor.to_bits(), scale.to_bits()]);
        words.resize(HEAD_WORDS, 0);
        words.extend(self.inputs);
        words.extend(self.trees);
        words.resize(parts.first_node(), 0);
        words.extend(self.nodes);
        Ok(Forest { words: words.into(), width: self.width, parts })
    }
}
