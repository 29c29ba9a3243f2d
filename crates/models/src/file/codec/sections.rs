//! The table of sections of format 2: which there are, and where each ends. It knows no contents.
//!
//! ```text
//! offset  size  field
//!      0     4  number of sections n, little-endian, 1 to SECTION_COUNT_MAX
//!      4  16 n  of each: tag (four of A-Z and 0-9), flags (bit 0: required; the others are 0),
//!               length in bytes; tags ascend, so that none is there twice
//!               then the sections' bytes, in the same order, with nothing between or behind
//! ```

use super::super::limits::SECTION_COUNT_MAX;
use super::super::{ArtifactError, Section, Tag};

/// Bytes of a table's row.
const ROW_LEN: usize = 16;

/// The flag of a section that a reader must know.
const REQUIRED: u32 = 1;

/// One section of a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part<'a> {
    pub(super) tag: Tag,
    pub(super) required: bool,
    pub(super) bytes: &'a [u8],
}

/// Takes a payload apart; copies and allocates nothing but the list.
pub(super) fn split(payload: &[u8]) -> Result<Vec<Part<'_>>, ArtifactError> {
    let bad = |problem: &'static str| ArtifactError::Sections { problem };
    let short = || bad("ends early");
    let (count, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
    let count = u32::from_le_bytes(*count) as usize;
    if !(1..=SECTION_COUNT_MAX).contains(&count) {
        return Err(bad("has no sections, or more than 64"));
    }
    let (table, mut rest) = rest.split_at_checked(count * ROW_LEN).ok_or_else(short)?;
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(count);
    for row in table.as_chunks::<ROW_LEN>().0 {
        let [a, b, c, d, f0, f1, f2, f3, length @ ..] = *row;
        let tag = Tag::new([a, b, c, d]).ok_or_else(|| bad("holds a tag not of A-Z and 0-9"))?;
        if parts.last().is_some_and(|before| before.tag >= tag) {
            return Err(bad("is not in the order of its tags, or holds one twice"));
        }
        let flags = u32::from_le_bytes([f0, f1, f2, f3]);
        if flags & !REQUIRED != 0 {
            return Err(bad("holds unknown flags"));
        }
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| short())?;
        let (bytes, behind) = rest.split_at_checked(length).ok_or_else(short)?;
        parts.push(Part { tag, required: flags == REQUIRED, bytes });
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(bad("leaves bytes over"));
    }
    Ok(parts)
}

/// Puts sections together, in the order of their tags.
pub(super) fn join(mut sections: Vec<(Tag, bool, &[u8])>) -> Vec<u8> {
    sections.sort_unstable_by_key(|section| section.0);
    let contents: usize = sections.iter().map(|section| section.2.len()).sum();
    let mut payload = Vec::with_capacity(4 + sections.len() * ROW_LEN + contents);
    // At most SECTION_COUNT_MAX.
    payload.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    for (tag, required, bytes) in &sections {
        payload.extend_from_slice(&tag.bytes());
        payload.extend_from_slice(&u32::from(*required).to_le_bytes());
        payload.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    }
    sections.iter().for_each(|(_, _, bytes)| payload.extend_from_slice(bytes));
    payload
}

/// The sections that this version does not know; they are kept as they stand.
pub(super) fn others(parts: &[Part<'_>], known: &[Tag]) -> Result<Vec<Section>, ArtifactError> {
    let unknown = parts.iter().filter(|part| !known.contains(&part.tag));
    let keep = |part: &Part<'_>| match part.required {
        true => Err(ArtifactError::UnknownSection { tag: part.tag }),
        false => Ok(Section { tag: part.tag, bytes: part.bytes.into() }),
    };
    unknown.map(keep).collect()
}
