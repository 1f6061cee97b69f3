//! One event does not spoil sums for good.

use serde_json::{Value, json};

use crate::{
    event::{
        Body, Draft, Family, FieldKind, Time,
        bounds::{Most, SUMMED, of_field},
    },
    text::Redactor,
};

fn refused(object: &Value) -> Option<String> {
    let draft = Draft::from_object(object.as_object().cloned().expect("an object"));
    draft.and_then(|draft| draft.check(Time::default(), &Redactor::default())).err().map(|invalid| invalid.to_string())
}

#[test]
fn every_number_that_is_summed_has_a_bound_and_is_taken_up_to_it() {
    for (family, kind) in [(Family::Provider, "api_call"), (Family::Resource, "resource_usage")] {
        for field in family.fields().iter().filter(|field| matches!(field.kind, FieldKind::Count | FieldKind::Number)) {
            let Most { most, why } = of_field(family.name(), field.name).expect(field.name);
            let given = |value: Value| json!({"type": kind, "coder_id": "a", field.name: value});
            assert_eq!(refused(&given((*most).into())), None, "{}", field.name);
            let beyond = [json!(most + 1), json!(u64::MAX)].into_iter();
            let huge = (field.kind == FieldKind::Number).then(|| [json!(1e300), json!(f64::MAX)]).into_iter().flatten();
            for value in beyond.chain(huge) {
                let told = refused(&given(value)).expect(field.name);
                let expected = format!("at most {most} ({why})");
                // Parts make the total.
                let names = [field.name, "tokens_used"].map(|name| format!("`{name}` is `"));
                assert!(names.iter().any(|name| told.starts_with(name)) && told.contains(&expected), "{told}");
            }
        }
    }
    // How long a coder took is worked out from times, and summed nowhere.
    assert!(of_field(Family::Derived.name(), "duration").is_none());
    assert_eq!(Body::empty(Family::Derived).check_numbers(), Ok(()));
}

#[test]
fn what_is_summed_of_data_has_a_bound_however_deep_it_lies() {
    let given = |data: Value| refused(&json!({"type": "progress", "coder_id": "a", "data": data}));
    for (key, bound) in SUMMED {
        assert_eq!(given(json!({key.name(): bound.most})), None, "{key:?}");
        assert_eq!(given(json!({key.name(): "as somebody says it"})), None, "{key:?}");
        for value in [json!(bound.most + 1), json!(-1e300), json!({"m": {"-1": [0, u64::MAX]}})] {
            assert!(given(json!({key.name(): value})).is_some(), "{key:?}: {value}");
        }
    }
    assert_eq!(given(json!({"mine": u64::MAX})), None, "a sender's own keys are its own");
}
