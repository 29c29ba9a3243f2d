//! The rule of circles: files of one crate do not import each other in a circle, be it directly or
//! by way of others. What a module has from those above it makes no circle: they declare it.

use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// As many re-exports are followed from one name to its definition.
const HOPS_MAX: usize = 8;

/// A name that a file brings into its scope, or hands on: `use path as name`.
struct Import {
    path: Vec<String>,
    name: String,
}

struct File<'a> {
    path: &'a str,
    code: &'a str,
    imports: Vec<Import>,
}

/// The files of one crate by their modules: `` is the root, then `a`, then `a::b`.
type House<'a> = BTreeMap<String, File<'a>>;

/// For each module the modules that it imports, and the names that it takes from them.
type Ties = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// No files of a crate import each other in a circle.
pub(crate) fn none(sources: &[Source]) -> Vec<String> {
    roots(sources).into_iter().flat_map(|root| circles(&house(sources, root))).collect()
}

/// The folders with a crate's root file.
fn roots(sources: &[Source]) -> BTreeSet<&str> {
    let root = |source| {
        let Source { path, .. }: &Source = source;
        ["lib.rs", "main.rs"].iter().find_map(|file| path.strip_suffix(file))
    };
    sources.iter().filter_map(root).filter(|root| root.ends_with('/')).collect()
}

fn house<'a>(sources: &'a [Source], root: &str) -> House<'a> {
    let mut house = House::new();
    for source in sources {
        let inside = source.path.strip_prefix(root).and_then(|path| path.strip_suffix(".rs"));
        let Some(inside) = inside else { continue };
        let inside = inside.strip_suffix("/mod").unwrap_or(inside);
        let module = if ["lib", "main"].contains(&inside) { "" } else { inside };
        let imports = imports(&source.code);
        let file = File { path: &source.path, code: &source.code, imports };
        house.entry(module.replace('/', "::")).or_insert(file);
    }
    house
}

/// What the `use` declarations of a file name, one by one.
fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        if code[..at].ends_with(is_of_name) {
            continue;
        }
        let tree = code[at + 4..].split(';').next().unwrap_or("");
        leaves(&[], tree, &mut found);
    }
    found
}

/// The leaves of a tree of imports: `a::{b, c::D as E}` has two.
fn leaves(above: &[String], tree: &str, found: &mut Vec<Import>) {
    let (head, group) = tree.split_once('{').map_or((tree, None), |(a, b)| (a, Some(b)));
    let (head, alias) = head.split_once(" as ").map_or((head, None), |(a, b)| (a, Some(b)));
    let mut path = above.to_vec();
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty());
    path.extend(names.map(str::to_owned));
    if let Some(group) = group {
        branches(group).into_iter().for_each(|branch| leaves(&path, branch, found));
        return;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last() else { return };
    let name = alias.map_or(last.as_str(), str::trim).to_owned();
    found.push(Import { path, name });
}

/// The branches of a group, up to the brace that closes it.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && c == ',' {
            found.push(group[from..at].trim());
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|branch| !branch.is_empty());
    found
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths of two names and more that stand in the code: `a::b::C`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let words = code.split(|c: char| !is_of_name(c) && c != ':');
    let chains = words.filter(|word| word.contains("::"));
    chains
        .map(|chain| chain.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect())
        .filter(|path: &Vec<String>| path.len() > 1)
        .collect()
}

fn within(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The module whose file defines what a path means in `module`, and the name; nothing where the
/// path leads out of the crate or to a module as a whole.
fn defined(house: &House, module: &str, path: &[String], hops: usize) -> Option<(String, String)> {
    let mut at = module.to_owned();
    let mut rest = path;
    let mut bare = true;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => at = String::new(),
            "super" => at = at.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned(),
            "self" => {}
            name if house.contains_key(&within(&at, name)) => at = within(&at, name),
            name => {
                return handed_on(house, &at, rest, hops).or((!bare).then_some((at, name.into())));
            }
        }
        (rest, bare) = (others, false);
    }
    None
}

/// The same for a path that begins with a name which `module` itself has from elsewhere.
fn handed_on(
    house: &House,
    module: &str,
    path: &[String],
    hops: usize,
) -> Option<(String, String)> {
    let (first, others) = path.split_first()?;
    let import = house.get(module)?.imports.iter().find(|import| import.name == *first)?;
    let whole: Vec<String> = import.path.iter().chain(others).cloned().collect();
    if hops == HOPS_MAX || whole == path {
        return None;
    }
    defined(house, module, &whole, hops + 1)
}

/// Who imports whom.
fn ties(house: &House) -> Ties {
    let mut ties = Ties::new();
    for (module, file) in house {
        let imported = file.imports.iter().map(|import| import.path.clone());
        for path in imported.chain(paths(file.code)).collect::<BTreeSet<_>>() {
            let Some((to, name)) = defined(house, module, &path, 0) else { continue };
            let above = to.is_empty() || format!("{module}::").starts_with(&format!("{to}::"));
            if !above {
                let to = ties.entry(module.clone()).or_default().entry(to).or_default();
                to.insert(name);
            }
        }
    }
    ties
}

/// All that a module imports, directly and by way of others.
fn reach<'a>(ties: &'a Ties, module: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        let to = ties.get(module).into_iter().flat_map(BTreeMap::keys);
        next.extend(to.map(String::as_str).filter(|to| reached.insert(*to)));
    }
    reached
}

/// One fault a circle, at the first of its files, with what ties it.
fn circles(house: &House) -> Vec<String> {
    let ties = ties(house);
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        ties.keys().map(|module| (module.as_str(), reach(&ties, module))).collect();
    let mut broken = Vec::new();
    for (module, reached) in &reach {
        let back = |other: &&str| reach.get(other).is_some_and(|reached| reached.contains(module));
        let circle: BTreeSet<&str> = reached.iter().copied().filter(back).collect();
        if circle.first() != Some(module) {
            continue;
        }
        let inside = |(from, to): &(&str, &str)| circle.contains(from) && circle.contains(to);
        let arrows = circle.iter().flat_map(|from| ties[*from].iter().map(|to| (*from, to)));
        let told: Vec<String> = arrows
            .filter(|(from, (to, _))| inside(&(*from, to.as_str())))
            .map(|(from, (to, names))| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("  {} takes {} of {}", house[from].path, names.join(", "), house[to].path)
            })
            .collect();
        broken.push(format!(
            "{}:1: a circle of imports:\n{}",
            house[*module].path,
            told.join("\n")
        ));
    }
    broken
}
