//! The record of a merge: both profiles just before the merge.

use profile_protocol::ProfileId;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    decode_profile, encode_profile,
    profile_ref::{decode_profile_ref, encode_profile_ref},
};
use crate::{Merge, Timestamp};

const VERSION: u8 = 2;

/// The record of a merge. The absorbed profile's id is in the key.
pub(crate) fn encode_merge(merge: &Merge) -> Vec<u8> {
    let Merge { sequence, at, survivor, absorbed, links, protect } = merge;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(*sequence);
    writer.number(at.millis());
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
    let mut reader = RecordReader::new(record, VERSION)?;
    let sequence = reader.number()?;
    let at = Timestamp::from_millis(reader.number()?);
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
    Ok(Merge { sequence, at, survivor, absorbed, links, protect })
}
