//! Reads a pickle as data. Nothing is imported, constructed or called: a class is a name from
//! the allow-list, an object is that name with its arguments and state, as written.
//!
//! Nodes live in one flat list and refer to each other by index, so neither nesting nor cycles
//! cost stack. Time and memory are bounded by [`BYTES_MAX`], [`OPCODE_COUNT_MAX`] and
//! [`NODE_COUNT_MAX`]; texts and bytes are slices of the input.

mod class;
mod input;
mod machine;
mod opcode;

pub(super) use class::Class;

use crate::file::TEXT_LEN_MAX;
use thiserror::Error;

/// The most bytes of a pickle.
// 4 MiB: scikit-learn's pickle of a pipeline with 1,024 features takes under 100 KiB.
pub const BYTES_MAX: usize = 4 << 20;

/// The most opcodes of a pickle.
pub const OPCODE_COUNT_MAX: usize = 1 << 20;

/// The most nodes, stack entries and memo entries while reading.
// 65,536: that pipeline makes about 3,000 nodes.
pub const NODE_COUNT_MAX: usize = 1 << 16;

/// Why a pickle was not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PickleError {
    /// It is longer than the limit.
    #[error("{found} bytes: a pickle may have at most {BYTES_MAX}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It does not start as a pickle of protocol 2 to 5.
    #[error("not a pickle of protocol 2 to 5: save it again with pickle.dump(model, file)")]
    Protocol,
    /// It ends early.
    #[error("the pickle is cut off at byte {offset}: copy the file again")]
    Truncated {
        /// Where the missing bytes should be.
        offset: usize,
    },
    /// Something follows its end.
    #[error("{count} bytes follow the end of the pickle: it must be alone in its file")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// It names something outside the allow-list.
    #[error("refused: {name} is not on the allow-list (byte {offset})")]
    Refused {
        /// The class or function, as `module.name`.
        name: String,
        /// Where.
        offset: usize,
    },
    /// It uses an opcode outside the allow-list.
    #[error("refused: opcode {name} is not on the allow-list (byte {offset})")]
    Opcode {
        /// The opcode's name.
        name: String,
        /// Where.
        offset: usize,
    },
    /// It exceeds a limit.
    #[error("refused: more than {limit} {what} (byte {offset})")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// Where.
        offset: usize,
    },
    /// An opcode does not fit what is on the stack, or its argument is malformed.
    #[error("malformed pickle: {problem} (byte {offset})")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
        /// Where.
        offset: usize,
    },
}

/// The position of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

/// One value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    /// Items in order; lists and tuples alike.
    List(Vec<NodeId>),
    Tuple(Vec<NodeId>),
    /// Pairs in order of insertion; the last of equal keys counts.
    Dict(Vec<(NodeId, NodeId)>),
    Class(Class),
    Object {
        class: Class,
        /// Positions of the arguments, a tuple.
        args: NodeId,
        state: Option<NodeId>,
    },
}

/// All values of a pickle, and which one it is about.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    root: NodeId,
}

impl<'a> Tree<'a> {
    /// The value the pickle is about.
    pub(super) fn root(&self) -> NodeId {
        self.root
    }

    /// A value.
    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        // Only the machine makes ids, one for each node it has pushed.
        &self.nodes[id.0 as usize]
    }

    /// The items of a list or tuple.
    pub(super) fn items(&self, id: NodeId) -> Option<&[NodeId]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string.
    pub(super) fn text(&self, id: NodeId) -> Option<&'a str> {
        match self.node(id) {
            Node::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a dictionary under a key that is a string.
    pub(super) fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        let Node::Dict(pairs) = self.node(id) else { return None };
        pairs.iter().rev().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// What a value is, for messages.
    pub(super) fn describe(&self, id: NodeId) -> String {
        let sort = match self.node(id) {
            Node::None => "None",
            Node::Bool(value) => return if *value { "True" } else { "False" }.to_owned(),
            Node::Int(value) => return format!("the integer {value}"),
            Node::Float(value) => return format!("the float {value}"),
            Node::Str(text) => return format!("the string {:?}", shortened(text)),
            Node::Bytes(_) => "a bytes object",
            Node::List(_) => "a list",
            Node::Tuple(_) => "a tuple",
            Node::Dict(_) => "a dictionary",
            Node::Class(class) => return format!("the class {}", class.name()),
            Node::Object { class, .. } => return format!("a {}", class.name()),
        };
        sort.to_owned()
    }
}

/// Whether bytes start as a pickle of protocol 2 or later.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x80)
}

/// Text of a hostile length, short enough for a message.
pub(super) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that is to be kept; `None` when it is longer than an artifact's text may be. A pickle may
/// name one long text thousands of times, and each copy would be as long.
pub(super) fn kept(text: &str) -> Option<String> {
    (text.len() <= TEXT_LEN_MAX).then(|| text.to_owned())
}

/// Reads a whole pickle.
///
/// # Errors
///
/// [`PickleError`] names what is refused and where.
pub(super) fn read(bytes: &[u8]) -> Result<Tree<'_>, PickleError> {
    machine::run(bytes)
}
