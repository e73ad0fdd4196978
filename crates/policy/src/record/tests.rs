mod documented;

use super::*;
use crate::judgement::{Place, Remember, RuleRef};

fn time() -> Timestamp {
    Timestamp::from_unix_ms(1_795_289_999_123)
}

#[test]
fn a_judgement_leaves_its_rule_and_reason() {
    let rule = RuleRef {
        index: 3,
        name: Some("push".into()),
        place: Place {
            file: "policy.toml".into(),
            line: 12,
        },
    };
    let judgement = Judgement::asks_in_tests(Some(rule), "rule asks", Remember::Never);
    let record = Record::new(Event::Sign, RecordOutcome::Ok, time()).judged(&judgement);
    assert_eq!(record.verdict, Some(Verdict::Ask));
    assert_eq!(record.rule.as_deref(), Some("push"));
    assert_eq!(record.rule_place.as_deref(), Some("policy.toml:12"));
    assert_eq!(record.reason.as_deref(), Some("rule asks"));
    assert_eq!(record.decided_by, Some(DecidedBy::Policy));
}
