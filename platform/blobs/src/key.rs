//! Names of blobs: whose, of which content, made by whom. Nothing in them can leave its folder.

use crate::BlobError;

/// The SHA-256 of a blob's bytes.
pub type Sha256Sum = [u8; 32];

const PART_LENGTH_MAX: usize = 64;

/// One content in one space, under one owner, with everything made of it. The owner makes a name that
/// is never used again: deleting an old group cannot meet a new one of the same content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobGroup {
    space: String,
    sha256: Sha256Sum,
    owner: String,
}

/// One blob of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobKey {
    group: BlobGroup,
    part: String,
}

impl BlobGroup {
    pub fn new(
        space: impl Into<String>,
        sha256: Sha256Sum,
        owner: impl Into<String>,
    ) -> Result<Self, BlobError> {
        Ok(Self {
            space: checked(space.into())?,
            sha256,
            owner: checked(owner.into())?,
        })
    }

    pub fn space(&self) -> &str {
        &self.space
    }
    pub fn owner(&self) -> &str {
        &self.owner
    }
    pub fn sha256(&self) -> &Sha256Sum {
        &self.sha256
    }

    pub fn part(&self, part: impl Into<String>) -> Result<BlobKey, BlobError> {
        Ok(BlobKey {
            group: self.clone(),
            part: checked(part.into())?,
        })
    }

    /// `space/ab/abcd....owner`.
    pub fn path(&self) -> String {
        let sum = hex::encode(self.sha256);
        format!("{}/{}/{sum}.{}", self.space, &sum[..2], self.owner)
    }
}

impl BlobKey {
    pub fn group(&self) -> &BlobGroup {
        &self.group
    }
    pub fn part(&self) -> &str {
        &self.part
    }

    /// `space/ab/abcd....owner/part`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group.path(), self.part)
    }

    /// Reads what [`Self::path`] wrote; `None` for anything else.
    pub fn parse(path: &str) -> Option<Self> {
        let mut steps = path.split('/');
        let (space, fan, name, part) = (steps.next()?, steps.next()?, steps.next()?, steps.next()?);
        let (sum, owner) = name.split_once('.')?;
        if steps.next().is_some() || !sum.starts_with(fan) {
            return None;
        }
        let mut sha256 = Sha256Sum::default();
        hex::decode_to_slice(sum, &mut sha256).ok()?;
        let key = BlobGroup::new(space, sha256, owner).ok()?.part(part).ok()?;
        (key.path() == path).then_some(key)
    }
}

/// Letters, digits, `_`, `-` and `.`, the last not in front.
fn checked(text: String) -> Result<String, BlobError> {
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = (1..=PART_LENGTH_MAX).contains(&text.len());
    match fits && !text.starts_with('.') && text.bytes().all(sane) {
        true => Ok(text),
        false => Err(BlobError::Name { text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_cannot_climb() {
        let group = BlobGroup::new("ten_01", [0xab; 32], "med_02").expect("a group");
        let key = group.part("640.webp").expect("a key");
        let path = format!("ten_01/ab/{}.med_02/640.webp", "ab".repeat(32));
        assert_eq!(key.path(), path);
        assert_eq!(BlobKey::parse(&path), Some(key));
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "a\0", "é"] {
            assert!(group.part(bad).is_err(), "{bad}");
            assert!(BlobGroup::new(bad, [0; 32], "x").is_err(), "{bad}");
        }
        for bad in ["", "a/b/c/d", "ten_01/ab", &path[1..], &format!("{path}/x")] {
            assert_eq!(BlobKey::parse(bad).filter(|key| key.path() != bad), None);
        }
        assert_eq!(BlobKey::parse(&path.replace("/ab/", "/cd/")), None);
    }
}
