//! The notation in which tests write requests: a few words on one line.
//!
//! | Word          | Meaning                                                      |
//! |---------------|--------------------------------------------------------------|
//! | `server`      | the caller is the company's server, otherwise a client       |
//! | `create`      | the server creates a profile; likewise `import`, and         |
//! |               | `update:0` of the profile that was created first             |
//! | `e:-`         | `null` for the email; likewise `x:-` and `p:-`               |
//! | `x:7`         | external id `7`                                              |
//! | `e:ann`       | email `ann@example.com`                                      |
//! | `p:5`         | phone number `+15005550005`                                  |
//! | `a:tab`       | anonymous id `tab`                                           |
//! | `id:0`        | the id of the profile that was created first, `id:1` second … |
//! | `id:?`        | an id that no profile has                                    |
//! | `id:old`      | an id of another system's form                               |
//! | `kx:0`        | a token for that id, older than all revocations;             |
//! |               | `kx:expired` and the like                                    |
//! | `kx:new/0`    | such a token, newer than all revocations                     |
//! | `kx:0/tab`    | a token for the device `tab` of that profile; also `new/0/tab` |
//! | `@e:ann`      | the same in `meta.identifiers`; likewise every kind          |
//! | `+e:ann`      | append a secondary address; `-e:ann`, unappend it            |
//! | `t:phone`     | the push token `phone`; `t:phone/denied` with that status     |
//! | `name=Ann`    | a first name; also `city`, `zip` and `tz`                    |
//! | `plan=gold`   | a property; `plan=` unsets it                                |

use std::sync::Arc;

use profile_protocol::{
    AnonymousId, Change, ClaimedId, DeviceMetadata, Email, EnablementStatus, ExchangeToken, Field,
    IdentifierKind, Identifiers, MetadataField, Patch, PhoneNumber, Platform, ProfileId,
    PropertyValue, PushTokenDetails, RequestParts, Revision, SecondaryEmails, Vendor,
};
use profile_store::{
    Caller, Claims, DeviceDigest, Identifier, Intent, InvalidToken, Placeholders, Profile,
    ProfileIdentifiers, RequestSender, Submission, Timestamp, TokenContent, TokenTerms,
};

/// One request in words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TestRequest {
    /// Whether the caller is the company's server.
    pub server: bool,
    /// Identifiers of `meta.identifiers`, each with its kind.
    pub subject: Vec<(String, String)>,
    /// Identifiers among the attributes, each with its kind.
    pub attributes: Vec<(String, String)>,
    /// Secondary addresses to append.
    pub append: Vec<String>,
    /// Secondary addresses to unappend.
    pub unappend: Vec<String>,
    /// Fields and properties with their values; an empty value clears or unsets one.
    pub facts: Vec<(String, String)>,
    /// Letters of the kinds that are cleared.
    pub cleared: Vec<String>,
    /// The push token.
    pub push_token: Option<String>,
    /// The intent.
    pub intent: TestIntent,
}

/// A push token in the notation.
pub fn push_token(word: &str) -> PushTokenDetails {
    let (token, status) = word.split_once('/').unwrap_or((word, ""));
    let mut metadata = DeviceMetadata::default();
    metadata.set(MetadataField::AppName, "Shop".parse().unwrap());
    PushTokenDetails {
        token: token.parse().unwrap(),
        platform: Platform::Android,
        vendor: Vendor::Fcm,
        enablement_status: (status == "denied").then_some(EnablementStatus::Denied),
        background: None,
        metadata: Some(metadata),
    }
}

/// The intent of a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TestIntent {
    /// To create or update a profile.
    #[default]
    Upsert,
    /// The same, whole or not at all.
    Import,
    /// To create a profile.
    Create,
    /// To update the profile with this number.
    Update(usize),
}

/// Reads the notation.
pub fn parse_request(words: &str) -> TestRequest {
    let mut request = TestRequest::default();
    for word in words.split_whitespace() {
        if word == "server" {
            request.server = true;
        } else if let Some(intent) = intent(word) {
            request = request.with_intent(intent);
        } else if let Some(kind) = word.strip_suffix(":-") {
            request.cleared.push(kind.into());
        } else if let Some((name, value)) = word.split_once('=') {
            request.facts.push((name.into(), value.into()));
        } else if let Some(name) = word.strip_prefix("+e:") {
            request.append.push(name.into());
        } else if let Some(name) = word.strip_prefix("-e:") {
            request.unappend.push(name.into());
        } else if let Some(token) = word.strip_prefix("t:") {
            request.push_token = Some(token.into());
        } else if let Some(word) = word.strip_prefix('@') {
            request.subject.push(kind_and_text(word));
        } else {
            request.attributes.push(kind_and_text(word));
        }
    }
    request
}

fn intent(word: &str) -> Option<TestIntent> {
    match word {
        "import" => Some(TestIntent::Import),
        "create" => Some(TestIntent::Create),
        word => Some(TestIntent::Update(word.strip_prefix("update:")?.parse().unwrap())),
    }
}

fn kind_and_text(word: &str) -> (String, String) {
    let (kind, text) = word.split_once(':').unwrap();
    (kind.into(), text.into())
}

impl TestRequest {
    /// The caller.
    pub fn caller(&self) -> Caller {
        if self.server { Caller::Server } else { Caller::Client }
    }

    /// The same request of the company's server with this intent.
    #[must_use]
    pub fn with_intent(mut self, intent: TestIntent) -> TestRequest {
        if let TestIntent::Update(number) = intent {
            self.attributes.retain(|(kind, _)| kind != "id");
            self.attributes.push(("id".into(), number.to_string()));
        }
        TestRequest { server: true, intent, ..self }
    }

    fn intent(&self, created: &[ProfileId]) -> Intent {
        match self.intent {
            TestIntent::Upsert => Intent::Upsert,
            TestIntent::Import => Intent::Import,
            TestIntent::Create => Intent::Create,
            TestIntent::Update(number) => Intent::Update(nth(&number.to_string(), created)),
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

    /// The request as the protocol has it. `created` are the profiles in the order
    /// of their creation. The store has no limit for the number of addresses, so a request may have
    /// more than any body.
    pub fn request(&self, created: &[ProfileId]) -> RequestParts {
        let emails = |names: &[String]| names.iter().map(|name| email(name)).collect();
        RequestParts {
            revision: Revision::LATEST,
            subject: identifiers(&self.subject, created),
            identifiers: identifiers(&self.attributes, created),
            cleared: Vec::new(),
            secondary_emails: SecondaryEmails {
                append: emails(&self.append),
                unappend: emails(&self.unappend),
            },
            patch: patch(&self.facts),
        }
    }

    /// The same, ready to be submitted. Panics if all identifiers are
    /// placeholders.
    pub fn submission(&self, company: &str, created: &[ProfileId]) -> Submission {
        let request = self.request(created);
        Submission {
            company: company.parse().unwrap(),
            caller: self.caller(),
            intent: self.intent(created),
            revision: request.revision,
            request_ids: None,
            sender: RequestSender::default(),
            claims: Claims::from_request(
                &request,
                self.caller(),
                &Placeholders::default(),
                |token| open(token, created),
            )
            .unwrap(),
            cleared: self.cleared(),
            leaving_emails: request.secondary_emails.unappend,
            patch: request.patch,
            push_token: self.push_token.as_deref().map(|token| Box::new(push_token(token))),
            settings: Arc::default(),
        }
    }
}

/// What the seal of a real token is to the gateway, its text is to these tests.
pub fn open(token: &ExchangeToken, created: &[ProfileId]) -> Result<TokenContent, InvalidToken> {
    match token.as_str() {
        "unsealed" => Err(InvalidToken::Unsealed),
        "foreign" => Err(InvalidToken::Foreign),
        "expired" => Err(InvalidToken::Expired),
        text => {
            let (is_new, rest) = match text.strip_prefix("new/") {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let (number, device) = match rest.split_once('/') {
                Some((number, device)) => (number, Some(device)),
                None => (rest, None),
            };
            let device = device.map(|device| device.parse::<AnonymousId>().unwrap());
            let terms = TokenTerms {
                issued: Timestamp::from_millis(if is_new { u64::MAX } else { 0 }),
                device: device.as_ref().map(DeviceDigest::from_device),
            };
            Ok(TokenContent { profile: nth(number, created), terms })
        }
    }
}

fn nth(number: &str, created: &[ProfileId]) -> ProfileId {
    let number: usize = number.parse().unwrap_or(usize::MAX);
    created.get(number).copied().unwrap_or(ProfileId::from_bits(u128::MAX))
}

fn identifiers(said: &[(String, String)], created: &[ProfileId]) -> Identifiers {
    let mut identifiers = Identifiers::default();
    for (kind, text) in said {
        match (kind.as_str(), identifier(kind, text)) {
            ("id", _) if text == "old" => identifiers.id = Some(ClaimedId::Foreign),
            ("id", _) => identifiers.id = Some(ClaimedId::Profile(nth(text, created))),
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
pub fn identifier(kind: &str, text: &str) -> Option<Identifier> {
    match kind {
        "x" => Some(Identifier::ExternalId(text.parse().unwrap())),
        "e" => Some(Identifier::Email(email(text))),
        "p" => Some(Identifier::PhoneNumber(phone_number(text))),
        "a" => Some(Identifier::AnonymousId(text.parse().unwrap())),
        _ => None,
    }
}

/// The address of this name.
pub fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

/// The phone number with these last digits.
pub fn phone_number(digits: &str) -> PhoneNumber {
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
        let field = FIELDS.iter().find(|(created, _)| created == name);
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
pub fn describe_identifiers(identifiers: &ProfileIdentifiers) -> String {
    let ProfileIdentifiers { external_id, email, phone_number, devices, secondary_emails, .. } =
        identifiers;
    let name = |email: &Email| email.as_str().replace("@example.com", "");
    let mut words = Vec::new();
    words.extend(external_id.iter().map(|id| format!("x:{}", id.as_str())));
    words.extend(email.iter().map(|email| format!("e:{}", name(email))));
    words.extend(phone_number.iter().map(|number| {
        let digits = number.as_str().trim_start_matches("+1500555").trim_start_matches('0');
        format!("p:{digits}")
    }));
    words.extend(devices.iter().map(|device| format!("a:{}", device.id.as_str())));
    words.extend(secondary_emails.iter().map(|email| format!("+e:{}", name(email))));
    words.join(" ")
}

/// What is created of a profile beside, in the notation.
pub fn facts(profile: &Profile) -> String {
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
pub fn letter(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::AnonymousId => "a",
        IdentifierKind::PhoneNumber => "p",
        IdentifierKind::Email => "e",
        IdentifierKind::ExternalId => "x",
        IdentifierKind::Id => "id",
    }
}
