//! [`Method`]: the methods that routes take.

/// A method that some route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// GET.
    Get,
    /// HEAD: as GET, without the body of the reply.
    Head,
    /// POST.
    Post,
}

impl Method {
    /// The word in the request line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
    }

    /// The method of a request line.
    pub(crate) fn of(word: &str) -> Option<Method> {
        [Method::Get, Method::Head, Method::Post].into_iter().find(|method| method.name() == word)
    }
}
