//! [`Method`]: the methods that are taken.

/// A method that is taken: by some route, or with OPTIONS by the guard itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// GET.
    Get,
    /// HEAD: as GET, without the body of the reply.
    Head,
    /// POST.
    Post,
    /// OPTIONS: which methods a path takes.
    Options,
}

impl Method {
    /// The word in the request line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Options => "OPTIONS",
        }
    }

    /// The method of a request line.
    pub(crate) fn of(word: &str) -> Option<Method> {
        [Method::Get, Method::Head, Method::Post, Method::Options]
            .into_iter()
            .find(|method| method.name() == word)
    }
}
