//! One tree: from LightGBM's numbers of splits and leaves into breadth-first order.

use super::LightGbmError;
use super::text::Block;
use factord_eval::forest::{ForestError, Missing, NODE_COUNT_MAX, Node};

/// Bits of a decision: categorical, default left, and two for what is missing.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
const MISSING_SHIFT: u32 = 2;

/// Reads a tree's block into nodes, breadth first.
pub(super) fn read(
    number: usize,
    block: &Block<'_>,
    nodes: &mut Vec<Node>,
) -> Result<(), LightGbmError> {
    nodes.clear();
    let leaf_count = block.number::<usize>("num_leaves")?;
    // Before any list is read by it.
    if leaf_count > NODE_COUNT_MAX {
        return Err(ForestError::TooManyNodes { tree: number }.into());
    }
    if block.get("is_linear").is_some_and(|entry| entry.text != "0") {
        let what = "a linear tree".to_owned();
        return Err(block.refuse("is_linear", what, "train with linear_tree=false"));
    }
    if block.get("num_cat").is_some_and(|entry| entry.text != "0") {
        let what = "a categorical split".to_owned();
        let instead = "train on numbers: encode the categories, one column each";
        return Err(block.refuse("num_cat", what, instead));
    }
    let leaves = block.list::<f64>("leaf_value", leaf_count.max(1))?;
    if leaf_count <= 1 {
        nodes.extend(leaves.into_iter().map(Node::Leaf));
        return Ok(());
    }
    let splits = splits(block, leaf_count - 1)?;
    order(block, &splits, &leaves, nodes)
}

/// A split with its children: at 0 and above another split, below 0 a leaf, as its complement.
struct Split {
    node: Node,
    children: [i64; 2],
}

fn splits(block: &Block<'_>, count: usize) -> Result<Vec<Split>, LightGbmError> {
    let features = block.list::<u16>("split_feature", count)?;
    let thresholds = block.list::<f64>("threshold", count)?;
    let decisions = block.list::<u8>("decision_type", count)?;
    let left = block.list::<i64>("left_child", count)?;
    let right = block.list::<i64>("right_child", count)?;
    let columns = features.into_iter().zip(thresholds).zip(decisions).zip(left).zip(right);
    columns
        .enumerate()
        .map(|(index, ((((feature, threshold), decision), left), right))| {
            let refuse = |what: &str, instead| {
                let what = format!("node {index}: {what} (decision_type {decision})");
                Err(block.refuse("decision_type", what, instead))
            };
            let missing = match decision >> MISSING_SHIFT {
                0 => Missing::None,
                1 => Missing::Zero,
                2 => Missing::Nan,
                _ => return refuse("unknown bits", "use a newer factord"),
            };
            if decision & CATEGORICAL != 0 {
                return refuse("a categorical split", "train on numbers");
            }
            let default_left = missing == Missing::None || decision & DEFAULT_LEFT != 0;
            let node = Node::Split { feature, threshold, missing, default_left };
            Ok(Split { node, children: [left, right] })
        })
        .collect()
}

/// Puts splits and leaves in breadth-first order; each is the child of exactly one split, but for
/// the root.
fn order(
    block: &Block<'_>,
    splits: &[Split],
    leaves: &[f64],
    nodes: &mut Vec<Node>,
) -> Result<(), LightGbmError> {
    let astray = |node| LightGbmError::Child { place: block.place("left_child"), node };
    let mut queue: Vec<i64> = vec![0];
    let mut seen = (vec![false; splits.len()], vec![false; leaves.len()]);
    let mut at = 0;
    // Ends: no node comes twice.
    while let Some(&node) = queue.get(at) {
        at += 1;
        let is_leaf = node < 0;
        let place =
            usize::try_from(if is_leaf { !node } else { node }).map_err(|_| astray(node))?;
        let seen = if is_leaf { &mut seen.1 } else { &mut seen.0 };
        match seen.get_mut(place) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(astray(node)),
        }
        match (splits.get(place).filter(|_| !is_leaf), leaves.get(place)) {
            (Some(split), _) => {
                nodes.push(split.node);
                queue.extend(split.children);
            }
            (None, Some(&leaf)) => nodes.push(Node::Leaf(leaf)),
            (None, None) => return Err(astray(node)),
        }
    }
    let left_out = |seen: &[bool]| seen.iter().position(|seen| !seen).map(|place| place as i64);
    match (left_out(&seen.0), left_out(&seen.1)) {
        (None, None) => Ok(()),
        (Some(split), _) => Err(astray(split)),
        (None, Some(leaf)) => Err(astray(!leaf)),
    }
}
