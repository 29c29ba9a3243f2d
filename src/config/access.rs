//! Who may do what besides root and the daemon's own user, who may do everything.

use super::value::Party;
use super::{ALLOW_UIDS_MAX, ConfigError, Effective, Origin, Settings, Sources, source};
use factord_core::abi::right;
use serde_json::{Value, json};

/// What `allow_uids` stands for.
const ALLOWED: u64 = right::ATTACH | right::LOCAL;
/// What `operator_uids` stands for.
const OPERATOR: u64 = ALLOWED | right::OBSERVE | right::READ | right::PUBLISH;

/// Rights that somebody is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub party: Party,
    /// Bits of [`right`].
    pub rights: u64,
}

/// Takes each list from the first source that names it, and says which one that was.
pub(super) fn resolve(
    flags: &Settings,
    sources: &Sources<'_>,
) -> Result<(Vec<Grant>, Vec<Effective>), ConfigError> {
    let file = sources.file();
    let users = |uids: Option<Vec<u32>>| uids.map(|uids| uids.into_iter().map(Party::User));
    let list = |uids: Option<Vec<u32>>| users(uids).map(Iterator::collect);
    let allowed =
        sources.find(&source::ALLOW_UIDS, flags.allow_uids.clone(), file.allow_uids.clone())?;
    let operators = sources.find(
        &source::OPERATOR_UIDS,
        flags.operator_uids.clone(),
        file.operator_uids.clone(),
    )?;
    let mut lists = vec![
        ("allow_uids", ALLOWED, (list(allowed.0), allowed.1)),
        ("operator_uids", OPERATOR, (list(operators.0), operators.1)),
    ];
    let single = [
        ("may_attach", right::ATTACH, source::MAY_ATTACH, &flags.may_attach, &file.may_attach),
        (
            "may_evaluate",
            right::LOCAL,
            source::MAY_EVALUATE,
            &flags.may_evaluate,
            &file.may_evaluate,
        ),
        ("may_observe", right::OBSERVE, source::MAY_OBSERVE, &flags.may_observe, &file.may_observe),
        ("may_read", right::READ, source::MAY_READ, &flags.may_read, &file.may_read),
        ("may_publish", right::PUBLISH, source::MAY_PUBLISH, &flags.may_publish, &file.may_publish),
    ];
    for (key, rights, setting, flag, file) in single {
        lists.push((key, rights, sources.find(&setting, flag.clone(), file.clone())?));
    }
    let (mut grants, mut seen) = (Vec::new(), Vec::new());
    for (key, rights, (parties, origin)) in lists {
        let parties: Vec<Party> = parties.unwrap_or_default();
        check(key, &parties, &origin)?;
        grants.extend(parties.iter().map(|&party| Grant { party, rights }));
        seen.push(Effective { key, value: parties.into_iter().map(shown).collect(), origin });
    }
    Ok((grants, seen))
}

fn check(key: &'static str, parties: &[Party], origin: &Origin) -> Result<(), ConfigError> {
    let found = parties.len();
    if found > ALLOW_UIDS_MAX {
        return Err(ConfigError::TooManyUids { key, found, origin: origin.clone() });
    }
    Ok(())
}

/// As the file takes it.
fn shown(party: Party) -> Value {
    match party {
        Party::User(uid) => json!(uid),
        Party::Group(gid) => json!(format!("@{gid}")),
    }
}
