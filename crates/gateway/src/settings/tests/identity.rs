//! What a company may configure about identity.

use super::*;

#[test]
fn identity_settings_are_set_for_each_company() {
    let file = TemporaryFile::new(format!(
        "exchange_keys = [\"{key}\"]\noutcomes = {{ days = 7, per_profile = 3 }}\n{}{}",
        with_company(
            "[company.identity]\nanonymous_ids = 5\nmerges = 0\nreplaced_days = 0\n\
             sentinels = [\"kiosk\"]\ndifferent_external_id = \"new_profile\"\n"
        ),
        "[[company]]\nid = \"XYZ789\"\n",
        key = "0f".repeat(32),
    ));
    let Configuration { companies, server, .. } = file.configure(&[]).unwrap();
    let identity = |id: &str| Arc::clone(&companies.find(id).unwrap().identity);
    assert_eq!((identity("ABC123").anonymous_ids, identity("ABC123").merges), (5, 0));
    assert_eq!(identity("ABC123").replaced_days, 0);
    assert!(identity("ABC123").placeholders.contains("KIOSK"));
    assert_eq!(
        identity("ABC123").different_external_id,
        profile_store::DifferentExternalId::NewProfile
    );
    assert_eq!(*identity("XYZ789"), profile_store::IdentitySettings::default());
    assert_eq!(server.outcomes, Retention { days: 7, per_profile: 3, ..Retention::default() });
}

#[test]
fn identity_settings_out_of_range_are_reported() {
    refuses(
        &with_company(
            "[company.identity]\nanonymous_ids = 0\nmerges = \"many\"\nrule = 8\n\
             different_external_id = \"merge\"\n",
        ),
        &[
            "line 4: company[ABC123].identity.anonymous_ids must be a whole number from 1 to 256",
            "line 5: company[ABC123].identity.merges must be a whole number from 0 to 10000",
            "line 6: company[ABC123].identity.rule is unknown; expected one of anonymous_ids, \
             secondary_emails, merges, replaced_days, sentinels, not_sentinels, \
             different_external_id",
            "line 7: company[ABC123].identity.different_external_id must be \"same_profile\" or \
             \"new_profile\"",
        ],
    );
}
