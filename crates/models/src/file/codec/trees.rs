//! The section of a forest: its trees, breadth first, in columns. Children follow from the order,
//! so that no index in a file can lead anywhere.

use crate::file::ArtifactError;
use factord_eval::forest::{Builder, ForestError, Link, Missing, Node};
use factord_eval::{Forest, Model, ModelError};
use serde::{Deserialize, Serialize};

/// What a node is: 0 for a leaf, and for a split 1, plus 2 where it goes left for missing, plus 4
/// where NaN is missing, or plus 8 where zero is, too.
const SPLIT: u8 = 1;
const LEFT: u8 = 2;
const NAN: u8 = 4;
const ZERO: u8 = 8;

/// The trees of a forest.
#[derive(Serialize, Deserialize)]
pub(super) struct Trees {
    width: u32,
    /// The scale of the sigmoid, 0 for none.
    scale: f64,
    is_average: bool,
    /// Nodes of each tree.
    sizes: Vec<u32>,
    /// What each node is.
    sorts: Vec<u8>,
    /// Of each split, which feature.
    features: Vec<u16>,
    /// Thresholds and leaves, one a node.
    values: Vec<f64>,
}

impl Trees {
    pub(super) fn of(forest: &Forest) -> Trees {
        let scale = match forest.link() {
            Link::Identity => 0.0,
            Link::Sigmoid { scale } => scale,
        };
        let mut trees = Trees {
            width: forest.width() as u32,
            scale,
            is_average: forest.divisor() != 1.0,
            sizes: forest.tree_sizes().map(|size| size as u32).collect(),
            sorts: Vec::with_capacity(forest.node_count()),
            features: Vec::with_capacity(forest.node_count() / 2),
            values: Vec::with_capacity(forest.node_count()),
        };
        for node in forest.nodes() {
            match node {
                Node::Leaf(value) => {
                    trees.sorts.push(0);
                    trees.values.push(value);
                }
                Node::Split { feature, threshold, missing, default_left } => {
                    let side = if default_left { LEFT } else { 0 };
                    trees.sorts.push(match missing {
                        Missing::None => SPLIT | LEFT,
                        Missing::Nan => SPLIT | NAN | side,
                        Missing::Zero => SPLIT | ZERO | side,
                    });
                    trees.features.push(feature);
                    trees.values.push(threshold);
                }
            }
        }
        trees
    }
}

/// The forest of trees of any origin.
pub(super) fn forest(trees: Trees) -> Result<Model, ArtifactError> {
    let unsound = |error: ForestError| ArtifactError::Model(ModelError::Forest(error));
    // 0 alone is no sigmoid; -0 would be spelt as it in what is written.
    let link = match trees.scale {
        0.0 => Link::Identity,
        scale => Link::Sigmoid { scale },
    };
    let mut builder =
        Builder::new(trees.width as usize, link, trees.is_average).map_err(unsound)?;
    if trees.sorts.len() != trees.values.len() {
        return Err(ArtifactError::NotCanonical);
    }
    let mut features = trees.features.into_iter();
    let mut nodes = trees.sorts.into_iter().zip(trees.values);
    let mut tree = Vec::new();
    for size in trees.sizes {
        tree.clear();
        for (sort, value) in nodes.by_ref().take(size as usize) {
            tree.push(node(sort, value, &mut features).ok_or(ArtifactError::NotCanonical)?);
        }
        builder.push(&tree).map_err(unsound)?;
    }
    // What is left over has no place in what is written, and is refused there.
    Ok(Model::Forest(builder.finish().map_err(unsound)?))
}

fn node(sort: u8, value: f64, features: &mut impl Iterator<Item = u16>) -> Option<Node> {
    if sort == 0 {
        return Some(Node::Leaf(value));
    }
    let missing = match sort & !LEFT {
        SPLIT => Missing::None,
        sort if sort == SPLIT | NAN => Missing::Nan,
        sort if sort == SPLIT | ZERO => Missing::Zero,
        _ => return None,
    };
    let default_left = sort & LEFT != 0;
    Some(Node::Split { feature: features.next()?, threshold: value, missing, default_left })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Artifact, Details, codec};
    use factord_eval::forest::NODE_COUNT_MAX;

    fn split(feature: u16, threshold: f64, missing: Missing) -> Node {
        let default_left = missing != Missing::Zero;
        Node::Split { feature, threshold, missing, default_left }
    }

    fn artifact() -> Artifact {
        let mut builder = Builder::new(2, Link::Sigmoid { scale: 1.5 }, true).unwrap();
        let (left, right) = (split(1, 0.5, Missing::Zero), split(0, -1.0, Missing::Nan));
        let leaves = [0.25, -0.5, 1.0, -1.0].map(Node::Leaf);
        let nodes = [&[split(0, 0.125, Missing::None), left, right][..], &leaves].concat();
        builder.push(&nodes).unwrap();
        builder.push(&[Node::Leaf(-0.0)]).unwrap();
        let forest = Model::Forest(builder.finish().unwrap());
        let feature_names = vec!["a".to_owned(), "b".to_owned()];
        let details = Details { name: "small".to_owned(), feature_names, ..Details::default() };
        Artifact::new(forest, details).unwrap()
    }

    #[test]
    fn a_forest_is_read_as_it_was_written() {
        let bytes = artifact().encode();
        let read = codec::decode(&bytes).unwrap();
        assert_eq!(read, artifact());
        assert_eq!(read.encode(), bytes);
        assert_eq!((read.format_version(), read.family()), (2, "lightgbm"));
        assert!(read.golden().iter().any(|golden| golden.x.iter().any(|x| x.is_nan())));
        assert!(read.golden().iter().any(|golden| golden.x[0] == 0.125f64.next_up()));
        // Two levels and an addition, an addition, a division, and a sigmoid.
        assert_eq!(read.operations(), 3 + 1 + 1 + 24);
    }

    #[test]
    fn every_changed_bit_of_the_trees_is_refused_or_another_forest() {
        let artifact = artifact();
        let payload = codec::payload(&artifact);
        for at in 0..payload.len() * 8 {
            let mut changed = payload.clone();
            changed[at / 8] ^= 1 << (at % 8);
            if let Ok(read) = codec::decode(&codec::frame(2, &changed)) {
                assert_ne!(read, artifact, "bit {at}");
            }
        }
    }

    #[test]
    fn trees_that_are_none_are_refused_by_tree_and_node() {
        let refused = |change: &dyn Fn(&mut Trees)| -> String {
            let Model::Forest(forest) = artifact().model().clone() else { panic!("no forest") };
            let mut trees = Trees::of(&forest);
            change(&mut trees);
            forest_error(trees).to_string()
        };
        for (change, expected) in [
            (&(|t: &mut Trees| t.width = 0) as &dyn Fn(&mut Trees), "1 to 1024 features, this one"),
            (&|t| t.width = 1025, "this one has 1025"),
            (&|t| t.scale = f64::NAN, "a sigmoid of scale NaN"),
            (&|t| t.sizes.clear(), "at least one tree"),
            (&|t| t.sizes[0] = 0, "tree 0, node 0: the nodes are not those of one tree"),
            (&|t| t.sizes[0] = 6, "tree 0, node 6: the nodes are not those of one tree"),
            (&|t| t.sizes[1] = 2, "canonical"),
            (&|t| t.sizes.push(1), "tree 2, node 0: the nodes"),
            (&|t| t.sorts[0] = 0, "tree 0, node 1: the nodes"),
            (&|t| t.sorts[3] = 3, "canonical"),
            (&|t| t.sorts[0] = 128, "canonical"),
            (&|t| t.sorts[0] = SPLIT | NAN | ZERO, "canonical"),
            (&|t| t.features[1] = 2, "tree 0, node 1: feature 2 of 2"),
            (&|t| t.features.truncate(2), "canonical"),
            (&|t| t.features.push(1), "canonical"),
            (&|t| t.values.truncate(2), "canonical"),
            (&|t| t.values[2] = f64::NAN, "tree 0, node 2: threshold NaN"),
            (&|t| t.values[2] = f64::INFINITY, "golden vector"),
            (&|t| t.sizes[1] = u32::MAX, "canonical"),
            (&|t| t.values[7] = f64::NAN, "tree 1, node 0: leaf NaN"),
            (&|t| t.values[7] = 1.0, "golden vector"),
            (&|t| t.values[3] = 0.75, "golden vector"),
        ] {
            let found = refused(change);
            assert!(found.contains(expected), "{found:?} lacks {expected:?}");
        }
    }

    /// What is said of an artifact with other trees.
    fn forest_error(trees: Trees) -> ArtifactError {
        let payload = codec::payload(&artifact());
        let parts = codec::sections::split(&payload).unwrap();
        let bytes = codec::to_bytes(&trees);
        let known = crate::file::Tag::known(*b"TREE");
        let parts = parts.iter().map(|part| {
            let own = if part.tag == known { &bytes[..] } else { part.bytes };
            (part.tag, part.required, own)
        });
        codec::decode(&codec::frame(2, &codec::sections::join(parts.collect()))).unwrap_err()
    }

    #[test]
    fn a_node_too_many_is_refused() {
        let count = NODE_COUNT_MAX + 1;
        let trees = Trees {
            width: 1,
            scale: 0.0,
            is_average: false,
            sizes: vec![1; count],
            sorts: vec![0; count],
            features: Vec::new(),
            values: vec![0.0; count],
        };
        let limit = ForestError::TooManyNodes { tree: NODE_COUNT_MAX };
        assert_eq!(forest(trees), Err(ArtifactError::Model(ModelError::Forest(limit))));
    }
}
