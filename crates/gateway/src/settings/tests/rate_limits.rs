//! Rate limits that are switched off.

use std::sync::Arc;

use super::*;
use crate::{capacity::rate_limit::RateLimit, tenants::directory::Company};

fn company(settings: &str) -> Arc<Company> {
    let file = TemporaryFile::new(with_company(settings));
    let configuration = file.configure(&[]).unwrap();
    Arc::clone(configuration.companies.find("ABC123").unwrap())
}

#[test]
fn no_limit_is_a_setting_of_a_company_its_networks_and_its_programs() {
    let unlimited = company("limits = \"none\"");
    assert_eq!(unlimited.limits, RateLimit::NONE);
    assert_eq!(unlimited.network_limits, RateLimit::NONE);
    assert_eq!(unlimited.api_limits_factor.get(), 1);

    let networks = company("network_limits = \"none\"");
    assert_eq!(networks.limits, limits::CLIENT_RATE_LIMIT);
    assert_eq!(networks.network_limits, RateLimit::NONE);

    let bounded = company("limits = \"none\"\nnetwork_limits = { burst = 5, steady = 6 }");
    assert_eq!(bounded.limits, RateLimit::NONE);
    assert_eq!(bounded.network_limits, RateLimit::constant(5, 6));

    let programs = company("api_limits = \"none\"");
    assert_eq!(programs.limits, limits::CLIENT_RATE_LIMIT);
    assert_eq!(limits::API_SMALL.times(programs.api_limits_factor), RateLimit::NONE);
}

#[test]
fn what_is_no_limit_and_not_none_is_reported() {
    refuses(
        &with_company("limits = \"off\"\nnetwork_limits = 7\napi_limits = 7"),
        &[
            "line 3: company[ABC123].limits must be a table, as in { burst = 350, steady = 3500 }, \
             or \"none\"",
            "line 4: company[ABC123].network_limits must be a table, as in { burst = 350, steady = \
             3500 }, or \"none\"",
            "line 5: company[ABC123].api_limits must be \"none\"; api_limits_factor multiplies the \
             limits",
        ],
    );
}
