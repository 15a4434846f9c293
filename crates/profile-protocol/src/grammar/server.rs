//! The other bodies that servers send. Each belongs to one endpoint.

use super::{
    names::{FieldName, IdentifierField},
    profile::PROFILE_RESOURCE,
    rules::{BodyRule, Documentation, FieldRule, ObjectRule, ValueRule},
};
use crate::limits;

const PROFILE: &str = "profile";
const MERGE_RESOURCE: &str = "profile-merge";
const UNMERGE_RESOURCE: &str = "profile-unmerge";
const DELETION_RESOURCE: &str = "data-privacy-deletion-job";
const EXPLAIN_RESOURCE: &str = "profile-explain";
const TOKEN_REVOCATION_RESOURCE: &str = "exchange-token-revocation";
const REPAIR_RESOURCE: &str = "profile-repair";
const BULK_IMPORT_RESOURCE: &str = "profile-bulk-import-job";

/// The body of `POST /api/profile-merge`.
pub static MERGE: BodyRule = body(&object(
    MERGE_RESOURCE,
    &[data(&object(
        MERGE_RESOURCE,
        &[
            resource_type(MERGE_RESOURCE),
            identifier(IdentifierField::Id).required().described("The profile that is left."),
            FieldRule::new(FieldName::Relationships, ValueRule::Object(&MERGE_RELATIONSHIPS))
                .required(),
        ],
    ))],
));

static MERGE_RELATIONSHIPS: ObjectRule = object(
    MERGE_RESOURCE,
    &[FieldRule::new(FieldName::Profiles, ValueRule::Object(&MERGE_SOURCES)).required()],
);

static MERGE_SOURCES: ObjectRule = object(
    MERGE_RESOURCE,
    &[FieldRule::new(
        FieldName::Data,
        ValueRule::Resources {
            element: &object(
                PROFILE,
                &[resource_type(PROFILE), identifier(IdentifierField::Id).required()],
            ),
            min: 1,
            max: 1,
            count: "exactly one profile",
        },
    )
    .required()],
);

/// The body of `POST /api/profile-unmerge`.
pub static UNMERGE: BodyRule = body(&object(
    UNMERGE_RESOURCE,
    &[data(&object(
        UNMERGE_RESOURCE,
        &[
            resource_type(UNMERGE_RESOURCE),
            FieldRule::new(FieldName::Attributes, ValueRule::Object(&UNMERGE_ATTRIBUTES))
                .required(),
        ],
    ))],
));

static UNMERGE_ATTRIBUTES: ObjectRule = object(
    UNMERGE_RESOURCE,
    &[
        FieldRule::new(FieldName::ProfileId, ValueRule::Identifier(IdentifierField::Id))
            .required()
            .described("The profile that was merged into another."),
        FieldRule::new(FieldName::Mode, ValueRule::Choice(&["preview", "apply"]))
            .described("`apply`, unless given. A preview writes nothing."),
    ],
);

/// The body of `POST /api/data-privacy-deletion-jobs`. Exactly one of its identifiers must be
/// given.
pub static DELETION: BodyRule = body(&object(
    DELETION_RESOURCE,
    &[data(&object(
        DELETION_RESOURCE,
        &[
            resource_type(DELETION_RESOURCE),
            FieldRule::new(FieldName::Attributes, ValueRule::Object(&DELETION_ATTRIBUTES))
                .required(),
        ],
    ))],
));

/// The identifiers beside `profile` are an older form.
static DELETION_ATTRIBUTES: ObjectRule = object(
    DELETION_RESOURCE,
    &[
        FieldRule::new(FieldName::Profile, ValueRule::Object(&DELETED_PROFILE))
            .documented(Documentation::Required),
        FieldRule::new(FieldName::ProfileId, ValueRule::Identifier(IdentifierField::Id))
            .documented(Documentation::Omitted),
        identifier(IdentifierField::Email).documented(Documentation::Omitted),
        identifier(IdentifierField::PhoneNumber).documented(Documentation::Omitted),
    ],
);

static DELETED_PROFILE: ObjectRule = object(
    DELETION_RESOURCE,
    &[FieldRule::new(FieldName::Data, ValueRule::ResourceWithOneIdentifier(&DELETED_RESOURCE))
        .required()],
);

static DELETED_RESOURCE: ObjectRule = object(
    PROFILE,
    &[
        resource_type(PROFILE),
        identifier(IdentifierField::Id),
        FieldRule::new(FieldName::Attributes, ValueRule::Object(&DELETED_ATTRIBUTES)),
    ],
);

static DELETED_ATTRIBUTES: ObjectRule = object(
    PROFILE,
    &[identifier(IdentifierField::Email), identifier(IdentifierField::PhoneNumber)],
);

/// The body of `POST /api/profile-explain`.
pub static EXPLAIN: BodyRule = body(&object(
    EXPLAIN_RESOURCE,
    &[data(&object(
        EXPLAIN_RESOURCE,
        &[
            resource_type(EXPLAIN_RESOURCE),
            FieldRule::new(FieldName::Attributes, ValueRule::Object(&EXPLAIN_ATTRIBUTES))
                .required(),
        ],
    ))],
));

static EXPLAIN_ATTRIBUTES: ObjectRule = object(
    EXPLAIN_RESOURCE,
    &[
        FieldRule::new(FieldName::Scope, ValueRule::Choice(&["client", "server"])).required(),
        FieldRule::new(FieldName::Body, ValueRule::ProfileBody).required(),
    ],
);

/// The body of `POST /api/exchange-token-revocation`. The scope `profile` requires a profile, and
/// the scope `company` takes none.
pub static TOKEN_REVOCATION: BodyRule = body(&object(
    TOKEN_REVOCATION_RESOURCE,
    &[data(&object(
        TOKEN_REVOCATION_RESOURCE,
        &[
            resource_type(TOKEN_REVOCATION_RESOURCE),
            FieldRule::new(FieldName::Attributes, ValueRule::Object(&REVOCATION_ATTRIBUTES))
                .required(),
        ],
    ))],
));

static REVOCATION_ATTRIBUTES: ObjectRule = object(
    TOKEN_REVOCATION_RESOURCE,
    &[
        FieldRule::new(FieldName::Scope, ValueRule::Choice(&["company", "profile"])).required(),
        FieldRule::new(FieldName::ProfileId, ValueRule::Identifier(IdentifierField::Id)).described(
            "The profile whose tokens are revoked: required for `profile`, refused for `company`.",
        ),
    ],
);

/// The body of `POST /api/profile-repair`. Exactly one of the three senders must be given.
pub static REPAIR: BodyRule = body(&object(
    REPAIR_RESOURCE,
    &[data(&object(
        REPAIR_RESOURCE,
        &[
            resource_type(REPAIR_RESOURCE),
            FieldRule::new(FieldName::Attributes, ValueRule::Object(&REPAIR_ATTRIBUTES)).required(),
        ],
    ))],
));

static REPAIR_ATTRIBUTES: ObjectRule = object(
    REPAIR_RESOURCE,
    &[
        FieldRule::new(FieldName::Mode, ValueRule::Choice(&["preview", "apply"])).required(),
        FieldRule::new(FieldName::Since, ValueRule::Text { example: "2026-11-30T12:00:00Z" })
            .required()
            .described("The time since when requests are undone."),
        FieldRule::new(FieldName::ClientAddress, ValueRule::Text { example: "192.0.2.1" })
            .described("Requests from the network of this address."),
        identifier(IdentifierField::AnonymousId).described("Requests of this device."),
        FieldRule::new(FieldName::Sender, ValueRule::Text { example: "00112233445566ff" })
            .described("Requests of a sender by its name in an outcome, which changes each day."),
    ],
);

/// The body of `POST /api/profile-bulk-import-jobs`.
pub static BULK_IMPORT: BodyRule = BodyRule {
    document: &object(BULK_IMPORT_RESOURCE, &[data(&BULK_IMPORT_DATA)]),
    max_bytes: limits::BULK_BODY_BYTES,
};

static BULK_IMPORT_DATA: ObjectRule = object(
    BULK_IMPORT_RESOURCE,
    &[
        resource_type(BULK_IMPORT_RESOURCE),
        FieldRule::new(FieldName::Attributes, ValueRule::Object(&BULK_IMPORT_ATTRIBUTES))
            .required(),
        // The lists that the profiles are added to, of which this system has none.
        FieldRule::new(FieldName::Relationships, ValueRule::Ignored)
            .documented(Documentation::Omitted),
    ],
);

static BULK_IMPORT_ATTRIBUTES: ObjectRule = object(
    BULK_IMPORT_RESOURCE,
    &[FieldRule::new(FieldName::Profiles, ValueRule::Object(&BULK_IMPORT_PROFILES)).required()],
);

static BULK_IMPORT_PROFILES: ObjectRule = object(
    BULK_IMPORT_RESOURCE,
    &[FieldRule::new(
        FieldName::Data,
        ValueRule::Resources {
            element: &PROFILE_RESOURCE,
            min: 1,
            max: limits::BULK_PROFILES,
            count: "1 to 10000 profiles",
        },
    )
    .required()],
);

const _: () = assert!(limits::BULK_PROFILES == 10_000, "`count` says how many profiles there are");

const fn body(document: &'static ObjectRule) -> BodyRule {
    BodyRule { document, max_bytes: limits::BODY_BYTES }
}

const fn object(resource: &'static str, fields: &'static [FieldRule]) -> ObjectRule {
    ObjectRule { resource, fields }
}

const fn data(resource: &'static ObjectRule) -> FieldRule {
    FieldRule::new(FieldName::Data, ValueRule::Resource(resource)).required()
}

const fn identifier(field: IdentifierField) -> FieldRule {
    FieldRule::new(FieldName::Identifier(field), ValueRule::Identifier(field))
}

const fn resource_type(resource: &'static str) -> FieldRule {
    FieldRule::new(FieldName::Type, ValueRule::ResourceType(resource)).required()
}
