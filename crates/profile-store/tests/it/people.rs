//! Requests as tests write them: a few words on one line.
//!
//! | Word          | What it says                                                 |
//! |---------------|--------------------------------------------------------------|
//! | `server`      | the company itself asks; without it, a client does           |
//! | `create`      | the company creates a profile; so `import`, and `update:0`   |
//! |               | of the profile that was created first                        |
//! | `e:-`         | `null` for the email; so `x:-` and `p:-`                     |
//! | `x:7`         | external id `7`                                              |
//! | `e:ann`       | email `ann@example.com`                                      |
//! | `p:5`         | phone number `+15005550005`                                  |
//! | `a:tab`       | anonymous id `tab`                                           |
//! | `id:0`        | the id of the profile that was created first, `id:1` second … |
//! | `id:?`        | an id that no profile has                                    |
//! | `id:old`      | an id of another system's form                               |
//! | `kx:0`        | a token that stands for that id; `kx:expired` and the like   |
//! | `@e:ann`      | the same in `meta.identifiers`, and so for every kind        |
//! | `+e:ann`      | the address joins the secondary ones; `-e:ann`, it leaves    |
//! | `name=Ann`    | a first name; also `city`, `zip` and `tz`                    |
//! | `plan=gold`   | a property; `plan=` takes it away                            |

use std::sync::Arc;

use profile_protocol::{
    Change, ClaimedId, Email, ExchangeToken, Field, IdentifierKind, Identifiers, Patch,
    PhoneNumber, ProfileId, ProfileRequest, PropertyValue, Revision, SecondaryEmails,
};
use profile_store::{
    Caller, Claims, Identifier, Intent, InvalidToken, Profile, ProfileIdentifiers, Sentinels,
    Submission,
};

/// One request, taken apart into plain words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) server: bool,
    /// Identifiers of `meta.identifiers`, each with its kind.
    pub(crate) subject: Vec<(String, String)>,
    /// Identifiers among the attributes, each with its kind.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) append: Vec<String>,
    pub(crate) unappend: Vec<String>,
    pub(crate) facts: Vec<(String, String)>,
    /// Letters of the kinds that are cleared.
    pub(crate) cleared: Vec<String>,
    pub(crate) meant: Meant,
}

/// What a request is meant to do, with the number of the profile it is to update.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Meant {
    #[default]
    Upsert,
    Import,
    Create,
    Update(usize),
}

/// Reads the notation.
pub(crate) fn asked(words: &str) -> Asked {
    let mut asked = Asked::default();
    for word in words.split_whitespace() {
        if word == "server" {
            asked.server = true;
        } else if let Some(meant) = meant(word) {
            asked = asked.meaning(meant);
        } else if let Some(kind) = word.strip_suffix(":-") {
            asked.cleared.push(kind.into());
        } else if let Some((name, value)) = word.split_once('=') {
            asked.facts.push((name.into(), value.into()));
        } else if let Some(name) = word.strip_prefix("+e:") {
            asked.append.push(name.into());
        } else if let Some(name) = word.strip_prefix("-e:") {
            asked.unappend.push(name.into());
        } else if let Some(word) = word.strip_prefix('@') {
            asked.subject.push(kind_and_text(word));
        } else {
            asked.attributes.push(kind_and_text(word));
        }
    }
    asked
}

fn meant(word: &str) -> Option<Meant> {
    match word {
        "import" => Some(Meant::Import),
        "create" => Some(Meant::Create),
        word => Some(Meant::Update(word.strip_prefix("update:")?.parse().unwrap())),
    }
}

fn kind_and_text(word: &str) -> (String, String) {
    let (kind, text) = word.split_once(':').unwrap();
    (kind.into(), text.into())
}

impl Asked {
    pub(crate) fn caller(&self) -> Caller {
        if self.server { Caller::Server } else { Caller::Client }
    }

    /// The same, said by the company itself and meant so.
    pub(crate) fn meaning(mut self, meant: Meant) -> Asked {
        if let Meant::Update(number) = meant {
            self.attributes.retain(|(kind, _)| kind != "id");
            self.attributes.push(("id".into(), number.to_string()));
        }
        Asked { server: true, meant, ..self }
    }

    fn intent(&self, known: &[ProfileId]) -> Intent {
        match self.meant {
            Meant::Upsert => Intent::Upsert,
            Meant::Import => Intent::Import,
            Meant::Create => Intent::Create,
            Meant::Update(number) => Intent::Update(nth(&number.to_string(), known)),
        }
    }

    fn cleared(&self) -> Vec<IdentifierKind> {
        let kind = |letter: &String| match letter.as_str() {
            "x" => IdentifierKind::ExternalId,
            "e" => IdentifierKind::Email,
            "p" => IdentifierKind::PhoneNumber,
            other => panic!("not to be cleared: {other}"),
        };
        self.cleared.iter().map(kind).collect()
    }

    /// The request as the protocol has it. `known` are the profiles in the order
    /// of their creation.
    pub(crate) fn request(&self, known: &[ProfileId]) -> ProfileRequest {
        let emails = |names: &[String]| names.iter().map(|name| email(name)).collect();
        ProfileRequest {
            revision: Revision::LATEST,
            subject: identifiers(&self.subject, known),
            identifiers: identifiers(&self.attributes, known),
            cleared: Vec::new(),
            secondary_emails: SecondaryEmails {
                append: emails(&self.append),
                unappend: emails(&self.unappend),
            },
            patch: patch(&self.facts),
        }
    }

    /// The same, ready to be submitted. Fails if nobody is named but by
    /// placeholders.
    pub(crate) fn submission(&self, company: &str, known: &[ProfileId]) -> Submission {
        let request = self.request(known);
        Submission {
            company: company.parse().unwrap(),
            caller: self.caller(),
            intent: self.intent(known),
            revision: request.revision,
            claims: Claims::from_request(&request, self.caller(), &Sentinels::default(), |token| {
                open(token, known)
            })
            .unwrap(),
            cleared: self.cleared(),
            leaving_emails: request.secondary_emails.unappend,
            patch: request.patch,
            rules: Arc::default(),
        }
    }
}

/// What the seal of a real token is to the gateway, its text is to these tests.
pub(crate) fn open(token: &ExchangeToken, known: &[ProfileId]) -> Result<ProfileId, InvalidToken> {
    match token.as_str() {
        "unsealed" => Err(InvalidToken::Unsealed),
        "foreign" => Err(InvalidToken::Foreign),
        "expired" => Err(InvalidToken::Expired),
        number => Ok(nth(number, known)),
    }
}

fn nth(number: &str, known: &[ProfileId]) -> ProfileId {
    let number: usize = number.parse().unwrap_or(usize::MAX);
    known.get(number).copied().unwrap_or(ProfileId::from_bits(u128::MAX))
}

fn identifiers(said: &[(String, String)], known: &[ProfileId]) -> Identifiers {
    let mut identifiers = Identifiers::default();
    for (kind, text) in said {
        match (kind.as_str(), identifier(kind, text)) {
            ("id", _) if text == "old" => identifiers.id = Some(ClaimedId::Foreign),
            ("id", _) => identifiers.id = Some(ClaimedId::Profile(nth(text, known))),
            (_, None) => identifiers.exchange_token = text.parse().ok(),
            (_, Some(Identifier::ExternalId(id))) => identifiers.external_id = Some(id),
            (_, Some(Identifier::Email(email))) => identifiers.email = Some(email),
            (_, Some(Identifier::PhoneNumber(number))) => identifiers.phone_number = Some(number),
            (_, Some(Identifier::AnonymousId(id))) => identifiers.anonymous_id = Some(id),
        }
    }
    identifiers
}

/// The identifier of that kind and text, unless it is a profile's id or token.
pub(crate) fn identifier(kind: &str, text: &str) -> Option<Identifier> {
    match kind {
        "x" => Some(Identifier::ExternalId(text.parse().unwrap())),
        "e" => Some(Identifier::Email(email(text))),
        "p" => Some(Identifier::PhoneNumber(phone_number(text))),
        "a" => Some(Identifier::AnonymousId(text.parse().unwrap())),
        _ => None,
    }
}

pub(crate) fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

pub(crate) fn phone_number(digits: &str) -> PhoneNumber {
    format!("+1500555{digits:0>4}").parse().unwrap()
}

const FIELDS: [(&str, Field); 4] = [
    ("name", Field::FirstName),
    ("city", Field::City),
    ("zip", Field::Zip),
    ("tz", Field::Timezone),
];

fn patch(facts: &[(String, String)]) -> Patch {
    let mut patch = Patch::default();
    for (name, value) in facts {
        let field = FIELDS.iter().find(|(known, _)| known == name);
        match (field, value.as_str()) {
            (Some(&(_, field)), "") => patch.fields[field] = Change::Clear,
            (Some(&(_, field)), text) => patch.fields[field] = Change::Set(text.parse().unwrap()),
            (None, "") => patch.properties.unset.push(name.parse().unwrap()),
            (None, text) => patch.properties.set.push((name.parse().unwrap(), quoted(text))),
        }
    }
    patch
}

fn quoted(text: &str) -> PropertyValue {
    format!("\"{text}\"").parse().unwrap()
}

/// What a profile holds, in the notation: external id, email, phone number,
/// devices and secondary addresses, the last two oldest first.
pub(crate) fn holds(identifiers: &ProfileIdentifiers) -> String {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        identifiers;
    let name = |email: &Email| email.as_str().replace("@example.com", "");
    let mut words = Vec::new();
    words.extend(external_id.iter().map(|id| format!("x:{}", id.as_str())));
    words.extend(email.iter().map(|email| format!("e:{}", name(email))));
    words.extend(phone_number.iter().map(|number| {
        let digits = number.as_str().trim_start_matches("+1500555").trim_start_matches('0');
        format!("p:{digits}")
    }));
    words.extend(anonymous_ids.iter().map(|id| format!("a:{}", id.as_str())));
    words.extend(secondary_emails.iter().map(|email| format!("+e:{}", name(email))));
    words.join(" ")
}

/// What is known of a profile beside, in the notation.
pub(crate) fn facts(profile: &Profile) -> String {
    let fields = FIELDS.iter().filter_map(|&(name, field)| {
        let value = profile.attributes.fields[field].as_ref()?;
        Some(format!("{name}={}", value.as_str()))
    });
    let properties = profile.attributes.properties.iter();
    let properties = properties
        .map(|(name, value)| format!("{}={}", name.as_str(), value.as_json().trim_matches('"')));
    fields.chain(properties).collect::<Vec<String>>().join(" ")
}

/// The letter of a kind in the notation.
pub(crate) fn letter(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::AnonymousId => "a",
        IdentifierKind::PhoneNumber => "p",
        IdentifierKind::Email => "e",
        IdentifierKind::ExternalId => "x",
        IdentifierKind::Id => "id",
    }
}
