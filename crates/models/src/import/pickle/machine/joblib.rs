//! What joblib writes between the opcodes of a pickle: the bytes of arrays, each behind the object
//! that stands for it.

use super::{Class, Machine, Node, NodeId, PickleError};

impl<'a> Machine<'a> {
    /// Reads the array behind its stand-in, which becomes that array.
    pub(super) fn wrapped(&mut self, object: NodeId, state: NodeId) -> Result<(), PickleError> {
        let (shape, dtype) = (self.entry(state, "shape")?, self.entry(state, "dtype")?);
        let order = self.entry(state, "order")?;
        if self.is_objects(dtype) {
            return self.nested(object);
        }
        // Newer versions align the bytes, and say by how many.
        let padded = self.entry(state, "numpy_array_alignment_bytes").ok();
        if padded.is_some_and(|bytes| *self.node(bytes) != Node::None) {
            let padding = usize::from(self.input.byte()?);
            self.input.take(padding)?;
        }
        let len = self.content_len(shape, dtype)?;
        let content = Node::Bytes(self.input.take(len)?);
        let content = self.keep(content)?;
        let args = self.keep(Node::Tuple(vec![content, dtype, shape, order]))?;
        self.replace(object, Node::Object { class: Class::FromBuffer, args, state: None });
        Ok(())
    }

    /// An entry of a stand-in's state.
    fn entry(&self, state: NodeId, key: &str) -> Result<NodeId, PickleError> {
        let found = match self.node(state) {
            Node::Dict(pairs) => {
                let named = |(name, _): &&(NodeId, NodeId)| *self.node(*name) == Node::Str(key);
                pairs.iter().rev().find(named).map(|(_, value)| *value)
            }
            _ => None,
        };
        found.ok_or_else(|| self.malformed("an array of joblib lacks its shape, type or order"))
    }

    /// The code of an element type, such as `f8`.
    fn code(&self, dtype: NodeId) -> Option<&'a str> {
        let Node::Object { class: Class::Dtype, args, .. } = self.node(dtype) else { return None };
        let Node::Tuple(args) = self.node(*args) else { return None };
        match self.node(*args.first()?) {
            Node::Str(code) => Some(code),
            _ => None,
        }
    }

    fn is_objects(&self, dtype: NodeId) -> bool {
        self.code(dtype).is_some_and(|code| code.starts_with('O'))
    }

    /// The bytes of an array.
    fn content_len(&self, shape: NodeId, dtype: NodeId) -> Result<usize, PickleError> {
        let malformed = || self.malformed("an array of joblib has no known length");
        let size: usize = self
            .code(dtype)
            .and_then(|code| code.get(1..)?.parse().ok())
            .filter(|size| (1..=16).contains(size))
            .ok_or_else(malformed)?;
        let Node::Tuple(lengths) = self.node(shape) else { return Err(malformed()) };
        let mut len = size;
        for &length in lengths {
            let Node::Int(length) = *self.node(length) else { return Err(malformed()) };
            let length = usize::try_from(length).map_err(|_| malformed())?;
            len = len.checked_mul(length).ok_or_else(malformed)?;
        }
        Ok(len)
    }

    /// Reads the pickle inside, by which joblib writes arrays of objects; its value takes the place
    /// of the stand-in.
    fn nested(&mut self, object: NodeId) -> Result<(), PickleError> {
        match self.input.take(2)? {
            [0x80, 2..=5] => {}
            _ => return Err(self.malformed("an array of objects is not pickled behind it")),
        }
        let root = self.inside()?;
        let array = self.node(root).clone();
        self.replace(object, array);
        Ok(())
    }

    /// Runs a pickle inside of this one, which has a stack and a memo of its own and none inside.
    fn inside(&mut self) -> Result<NodeId, PickleError> {
        if std::mem::replace(&mut self.is_inside, true) {
            return Err(self.malformed("a pickle inside of a pickle inside of a pickle"));
        }
        let outer = (
            std::mem::take(&mut self.stack),
            std::mem::take(&mut self.marks),
            std::mem::take(&mut self.memo),
        );
        let root = self.root()?;
        (self.stack, self.marks, self.memo) = outer;
        self.is_inside = false;
        Ok(root)
    }

    /// A value that was read.
    fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// Puts another value in the place of one.
    fn replace(&mut self, id: NodeId, node: Node<'a>) {
        self.nodes[id.0 as usize] = node;
    }

    /// Keeps a value that is not on the stack.
    fn keep(&mut self, node: Node<'a>) -> Result<NodeId, PickleError> {
        self.push(node)?;
        self.pop()
    }
}
