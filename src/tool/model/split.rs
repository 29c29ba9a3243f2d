//! `factord model split`: divides the requests for a name among versions.

use super::super::{Failure, Globals};
use super::asked;
use super::versions::{At, Place, adopted};
use crate::exit::Code;
use factord_core::channel::Shares;
use factord_models::store::{Arm, Salt, Store, WEIGHT_SUM};
use std::str::FromStr;

/// The flags of `factord model split`.
#[derive(Debug, clap::Args)]
pub(super) struct SplitArgs {
    /// The name
    name: String,
    /// How a version's hash begins, and its share in 1/256, as in 3f5a=179; the champion first
    #[arg(value_name = "VERSION=WEIGHT", required = true)]
    shares: Vec<Share>,
    /// What the hash of unit keys starts from, 16 hex digits: another name's, for the same division
    #[arg(long)]
    salt: Option<Salt>,
    #[command(flatten)]
    at: At,
}

/// A version, by the start of its hash, and its weight.
#[derive(Clone, Debug)]
struct Share {
    prefix: String,
    weight: u16,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let refused = || {
            format!(
                "write the start of a hash and a weight from 1 to {}, as in 3f5a=179",
                WEIGHT_SUM - 1
            )
        };
        let (prefix, weight) = text.split_once('=').ok_or_else(refused)?;
        let weight = weight.parse().map_err(|_| refused())?;
        Ok(Share { prefix: prefix.to_owned(), weight })
    }
}

pub(super) fn split(args: &SplitArgs, globals: &Globals) -> Result<(), Failure> {
    if let [Share { prefix, .. }] = &args.shares[..] {
        let message = format!(
            "one version gets all requests: that is `factord model promote {} {prefix}`",
            args.name
        );
        return Err(Failure::new(Code::Usage, message));
    }
    let root = match args.at.place(globals)? {
        Place::Here(root) => root,
        Place::Daemon(socket) => {
            let share = |share: &Share| (share.prefix.clone(), share.weight);
            let arms = args.shares.iter().map(share).collect();
            let shares = Shares { arms, salt: args.salt.map(|salt| salt.0) };
            return asked::split(&socket, &args.name, &shares);
        }
    };
    let served = {
        let mut store = Store::open(&root)?;
        let arm = |share: &Share| -> Result<Arm, Failure> {
            let version = store.version(&args.name, &share.prefix)?;
            Ok(Arm { version, weight: share.weight })
        };
        let arms = args.shares.iter().map(arm).collect::<Result<Vec<_>, _>>()?;
        store.split(&args.name, &arms, args.salt)?
    };
    adopted(&args.name, &served, globals)
}
