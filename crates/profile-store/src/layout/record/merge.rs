//! The record of a merge: the absorbed profile, and what the merge may have changed of the
//! survivor.

use profile_protocol::ProfileId;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    decode_profile, encode_profile,
    profile_ref::{decode_profile_ref, encode_profile_ref},
};
use crate::{Merge, Timestamp, decide::merge::survivor_part::survivor_part};

const VERSION: u8 = 3;

/// The version that has both profiles just before the merge, and no position.
const WITH_WHOLE_SURVIVOR: u8 = 2;

/// The record of a merge. The absorbed profile's id is in the key.
pub(crate) fn encode_merge(merge: &Merge) -> Vec<u8> {
    let Merge { sequence, at, position, survivor, absorbed, links, protect } = merge;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(*sequence);
    writer.number(at.millis());
    writer.number(*position);
    writer.byte(u8::from(*protect));
    writer.id(survivor.id);
    writer.blob(&encode_profile(survivor));
    writer.blob(&encode_profile(absorbed));
    writer.count(links.len());
    links.iter().for_each(|link| encode_profile_ref(&mut writer, link));
    writer.finish()
}

/// The merge that absorbed the profile with this id.
pub(crate) fn decode_merge(absorbed: ProfileId, record: &[u8]) -> Result<Merge, InvalidRecord> {
    let mut reader = RecordReader::part(record);
    let version = reader.byte()?;
    if ![VERSION, WITH_WHOLE_SURVIVOR].contains(&version) {
        return Err(InvalidRecord::Version(version));
    }
    let sequence = reader.number()?;
    let at = Timestamp::from_millis(reader.number()?);
    let position = if version == VERSION { Some(reader.number()?) } else { None };
    let protect = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(InvalidRecord::Value),
    };
    let survivor_id = reader.id()?;
    let survivor = decode_profile(survivor_id, reader.blob()?)?;
    let absorbed = decode_profile(absorbed, reader.blob()?)?;
    let links =
        (0..reader.count()?).map(|_| decode_profile_ref(&mut reader)).collect::<Result<_, _>>()?;
    reader.finish()?;
    let (position, survivor) = match position {
        Some(position) => (position, survivor),
        // Each merge of a request found one more profile merged than the one before.
        None => (survivor.absorbed.len() as u64, survivor_part(&survivor, &absorbed, protect)),
    };
    Ok(Merge { sequence, at, position, survivor, absorbed, links, protect })
}
