//! Everything that a store shows of its companies as lines of text, through its public readers
//! only. A line depends on no name of a type and on no wording of a message.

use std::fmt::Write as _;

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind};
use profile_store::{
    Audit, Caller, ClaimOutcome, ClaimResult, ClaimSource, Effect, Engine, History, Identifier,
    Ignored, ImportBody, ImportError, ImportHead, InvalidToken, Listing, Outcome, Profile, Refused,
    SenderDigest, SortCursor, SortKey, Span, Store, Timestamp, Unsigned, audit, engine::Order,
};
use profile_store_suite::harness::LAYOUT;

/// Profiles in a page of a list, and outcomes in a page of a history: few, so that cursors are
/// used.
const PAGE: usize = 3;

/// Texts longer than this are written as their length and a hash.
const LONGEST: usize = 120;

/// Everything that the readers show of `companies`, and what an audit counts. `engine` is the one
/// that `store` runs over.
pub(crate) async fn dump(store: &Store, engine: &dyn Engine, companies: &[&str]) -> String {
    let mut lines = String::new();
    for name in companies {
        company(&mut lines, store, &name.parse().unwrap()).await;
    }
    audited(&mut lines, &audit(engine).await.unwrap());
    lines
}

async fn company(lines: &mut String, store: &Store, company: &CompanyId) {
    writeln!(lines, "company {company}").unwrap();
    // Store::newest_outcome
    let newest = store.newest_outcome(company).await.unwrap();
    writeln!(lines, "newest outcome {newest}").unwrap();
    // Store::list by id, page by page
    let profiles = listed(store, company, SortKey::Id, Order::Ascending).await;
    for profile in &profiles {
        one_profile(lines, store, company, profile).await;
    }
    orders(lines, store, company).await;
    // Store::outcomes
    for outcome in &store.outcomes(company, 0, usize::MAX).await.unwrap() {
        writeln!(lines, "outcome {}", outcome_text(outcome)).unwrap();
    }
    imports(lines, store, company).await;
}

/// A profile as the list has it: it is the same by its id, by the id of each profile that was
/// merged into it (`Store::profile`), and by each of its identifiers (`Store::find`).
async fn one_profile(lines: &mut String, store: &Store, company: &CompanyId, profile: &Profile) {
    let id = profile.id;
    writeln!(
        lines,
        "profile {id} created={} updated={} newest_outcome={}",
        profile.created.millis(),
        profile.updated.millis(),
        option(profile.last_outcome),
    )
    .unwrap();
    assert_eq!(store.profile(company, id).await.unwrap().as_ref(), Some(profile));
    let held = &profile.identifiers;
    for identifier in held.iter() {
        let place = match &identifier {
            Identifier::Email(email) if held.email.as_ref() != Some(email) => "secondary_email",
            _ => kind(identifier.kind()),
        };
        writeln!(lines, "  {place} {}", text(identifier.as_str())).unwrap();
        let found = store.find(company, &identifier).await.unwrap();
        assert_eq!(found.map(|found| found.id), Some(id), "{place}");
    }
    for (field, value) in profile.attributes.fields.iter() {
        let Some(value) = value else { continue };
        let author = author(profile.authored.field(field));
        writeln!(lines, "  {} {} by {author}", field.name(), text(value.as_str())).unwrap();
    }
    for (name, value) in profile.attributes.properties.iter() {
        let author = author(profile.authored.property(name));
        let (name, value) = (text(name.as_str()), text(value.as_json()));
        writeln!(lines, "  property {name} {value} by {author}").unwrap();
    }
    for &absorbed in &profile.absorbed {
        writeln!(lines, "  absorbed {absorbed}").unwrap();
        let survivor = store.profile(company, absorbed).await.unwrap();
        assert_eq!(survivor.map(|survivor| survivor.id), Some(id));
    }
    for mark in &profile.do_not_merge {
        // `LinkDigest { bits: <decimal> }`
        let digest: String =
            format!("{:?}", mark.link).chars().filter(char::is_ascii_digit).collect();
        writeln!(lines, "  do_not_merge into {} digest {digest}", mark.from).unwrap();
    }
    if profile.former_identifiers != 0 {
        writeln!(lines, "  former_identifiers {}", profile.former_identifiers).unwrap();
    }
    if let Some(at) = profile.tokens_revoked {
        writeln!(lines, "  tokens_revoked {}", at.millis()).unwrap();
    }
    history(lines, store, company, profile).await;
}

/// The numbers of the outcomes in the history of a profile, newest first, page by page:
/// `Store::history`, then `Store::history_from`.
async fn history(lines: &mut String, store: &Store, company: &CompanyId, profile: &Profile) {
    let page = store.history(company, profile.id, PAGE).await.unwrap().unwrap();
    let History { mut outcomes, mut next } = page;
    while let Some(from) = next {
        let page = store.history_from(company, profile, from, PAGE).await.unwrap();
        outcomes.extend(page.outcomes);
        next = page.next;
    }
    let numbers: Vec<String> = outcomes.iter().map(|one| one.sequence.to_string()).collect();
    writeln!(lines, "  history {}", numbers.join(" ")).unwrap();
}

/// The ids of all profiles in every order: `Store::list`.
async fn orders(lines: &mut String, store: &Store, company: &CompanyId) {
    let sorts = [
        ("id", SortKey::Id),
        ("created", SortKey::Created),
        ("updated", SortKey::Updated),
        ("email", SortKey::Email),
    ];
    for (name, sort) in sorts {
        let ascending = listed(store, company, sort, Order::Ascending).await;
        let ids: Vec<String> = ascending.iter().map(|profile| profile.id.to_string()).collect();
        writeln!(lines, "by {name} {}", ids.join(" ")).unwrap();
        let mut descending = listed(store, company, sort, Order::Descending).await;
        descending.reverse();
        assert!(ascending == descending, "by {name}");
    }
}

async fn listed(store: &Store, company: &CompanyId, sort: SortKey, order: Order) -> Vec<Profile> {
    let (mut profiles, mut from): (Vec<Profile>, Option<SortCursor>) = (Vec::new(), None);
    loop {
        let listing = Listing {
            company: company.clone(),
            sort,
            order,
            created: Span::default(),
            updated: Span::default(),
            from,
            limit: PAGE,
        };
        let page = store.list(&listing).await.unwrap();
        profiles.extend(page.profiles);
        from = page.next;
        if from.is_none() {
            return profiles;
        }
    }
}

/// `Store::import_jobs`, `Store::import_job` and `Store::import_job_body`.
async fn imports(lines: &mut String, store: &Store, company: &CompanyId) {
    let heads = store.import_jobs(company, None, Order::Ascending, usize::MAX).await.unwrap();
    for head in heads {
        let ImportHead { id, created, started, ended, total, completed, failed } = head;
        let started = option(started.map(Timestamp::millis));
        let ended = option(ended.map(Timestamp::millis));
        writeln!(
            lines,
            "import {id} created={} started={started} ended={ended} total={total} \
             completed={completed} failed={failed}",
            created.millis(),
        )
        .unwrap();
        assert_eq!(store.import_job(company, id).await.unwrap(), Some(head));
        let body = store.import_job_body(company, id).await.unwrap().unwrap();
        let ImportBody { profiles, errors } = body;
        for id in profiles {
            writeln!(lines, "  profile {id}").unwrap();
        }
        for ImportError { row, code, title, detail, pointer } in &errors {
            let [code, title, detail, pointer] = [code, title, detail, pointer].map(|t| text(t));
            writeln!(lines, "  error row={row} {code} {title} {detail} {pointer}").unwrap();
        }
    }
}

fn audited(lines: &mut String, audit: &Audit) {
    let Audit {
        layout,
        profiles,
        identifiers,
        aliases,
        outcomes,
        merges,
        push_tokens,
        imports,
        deletions,
        breaches,
        breaches_unlisted,
    } = audit;
    assert_eq!(*layout, Some(LAYOUT));
    assert!(deletions.is_empty());
    assert_eq!(*push_tokens, 0);
    assert!(breaches.is_empty() && *breaches_unlisted == 0, "{breaches:?}");
    writeln!(
        lines,
        "audit profiles={profiles} identifiers={identifiers} aliases={aliases} \
         outcomes={outcomes} merges={merges} imports={imports}"
    )
    .unwrap();
}

fn outcome_text(outcome: &Outcome) -> String {
    let Outcome {
        sequence,
        at,
        caller,
        revision,
        survivor,
        effect,
        claims,
        changed,
        changed_unlisted,
        withheld,
        withheld_unlisted,
        previous,
        push_token,
        request_ids,
        sender,
    } = outcome;
    // The release that wrote the directory kept none.
    assert_eq!(*push_token, None);
    let digest = |name: &str, digest: Option<SenderDigest>| {
        digest.map(|digest| format!(" {name}={digest}")).unwrap_or_default()
    };
    let caller = match caller {
        Caller::Client => "client",
        Caller::Server => "server",
    };
    let effect = match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Unchanged => "unchanged",
        Effect::Unidentified => "unidentified",
        Effect::Unmerged => "unmerged",
        Effect::Deleted => "deleted",
        Effect::NothingDeleted => "nothing_deleted",
        Effect::TokensRevoked => "tokens_revoked",
    };
    let claims: Vec<String> = claims.iter().map(claim).collect();
    let names = |changed: &[ChangedAttribute]| changed.iter().map(attribute).collect::<Vec<_>>();
    format!(
        "{sequence} at={} caller={caller} revision={revision} profile={} effect={effect} \
         claims=[{}] changed=[{}]+{changed_unlisted} withheld=[{}]+{withheld_unlisted} \
         previous={previous:?}{}{}{}",
        at.millis(),
        option(*survivor),
        claims.join(", "),
        names(changed).join(", "),
        names(withheld).join(", "),
        request_ids.as_ref().map(|ids| format!(" request={}", ids.request)).unwrap_or_default(),
        digest("network", sender.network),
        digest("device", sender.device),
    )
}

fn claim(ClaimOutcome { kind: of, origin: source, result }: &ClaimOutcome) -> String {
    let source = match source {
        ClaimSource::Subject => "subject",
        ClaimSource::Attributes => "attributes",
        ClaimSource::Append => "append",
        ClaimSource::Command => "command",
    };
    let result = match result {
        ClaimResult::Matched => "matched".to_owned(),
        ClaimResult::Attached => "attached".to_owned(),
        ClaimResult::Replaced => "replaced".to_owned(),
        ClaimResult::Absorbed(id) => format!("absorbed {id}"),
        ClaimResult::Restored(id) => format!("restored {id}"),
        ClaimResult::Released => "released".to_owned(),
        ClaimResult::Moved(id) => format!("moved {id}"),
        ClaimResult::Refused(reason) => format!("refused {}", refused(*reason)),
        ClaimResult::Ignored(reason) => format!("ignored {}", ignored(*reason)),
    };
    format!("{} in {source}: {result}", kind(*of))
}

fn refused(reason: Refused) -> String {
    match reason {
        Refused::Placeholder => "sentinel".to_owned(),
        Refused::OwnsHigher(of) => format!("owns_higher {}", kind(of)),
        Refused::HeldDifferently(of) => format!("held_differently {}", kind(of)),
        Refused::Undone => "undone".to_owned(),
        Refused::Protected => "protected".to_owned(),
        Refused::MergeCap => "merge_cap".to_owned(),
        Refused::TooLarge => "too_large".to_owned(),
        Refused::BothKnown => "both_known".to_owned(),
        Refused::MergeRate => "merge_rate".to_owned(),
    }
}

fn ignored(reason: Ignored) -> &'static str {
    match reason {
        Ignored::AnotherHeld => "place_taken",
        Ignored::UnknownId => "unknown_id",
        Ignored::ForeignId => "foreign_id",
        Ignored::ServerOnly => "server_only",
        Ignored::NoProfile => "no_profile",
        Ignored::Token(InvalidToken::Unsealed) => "token_unsealed",
        Ignored::Token(InvalidToken::Foreign) => "token_foreign",
        Ignored::Token(InvalidToken::Expired) => "token_expired",
        Ignored::Token(InvalidToken::Revoked) => "token_revoked",
        Ignored::Token(InvalidToken::DeviceNotHeld) => "token_device_not_held",
        Ignored::Unsigned(Unsigned::Missing) => "unsigned_missing",
        Ignored::Unsigned(Unsigned::Wrong) => "unsigned_wrong",
        Ignored::Unsigned(Unsigned::Expired) => "unsigned_expired",
    }
}

fn kind(of: IdentifierKind) -> &'static str {
    match of {
        IdentifierKind::AnonymousId => "anonymous_id",
        IdentifierKind::PhoneNumber => "phone_number",
        IdentifierKind::Email => "email",
        IdentifierKind::ExternalId => "external_id",
        IdentifierKind::Id => "id",
    }
}

fn attribute(attribute: &ChangedAttribute) -> String {
    match attribute {
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => format!("property {}", text(name.as_str())),
    }
}

fn author(company: bool) -> &'static str {
    if company { "company" } else { "client" }
}

fn option(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A text in quotes, on one line.
fn text(text: &str) -> String {
    if text.len() <= LONGEST {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        return format!("\"{escaped}\"");
    }
    // FNV-1a, 64 bits.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("<{} bytes, fnv1a {hash:016x}>", text.len())
}
