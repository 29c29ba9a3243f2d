use super::*;

const THREE: Taken = Taken { width: 3, takes_null: false };

#[test]
fn a_body_of_three_numbers_is_read_and_echoed_as_written() {
    let features = from_body(br#"{"features": [0, 1.0, 0.30000000000000004]}"#, THREE).unwrap();
    assert_eq!(features.values, [0.0, 1.0, 0.30000000000000004]);
    assert_eq!(serde_json::to_string(&features.echo).unwrap(), "[0,1.0,0.30000000000000004]");
}

#[test]
fn faults_read_as_the_replaced_service_wrote_them() {
    let missing = "Missing features. Expected: {\"features\": [buy_rate, large_buy, large_sell]}";
    for (body, message) in [
        ("{}", missing),
        (r#"{"x":1}"#, missing),
        ("[]", missing),
        ("null", missing),
        (r#"{"features":5}"#, missing),
        (r#"{"features":[0.5,0.2]}"#, "Expected 3 features, got 2"),
        (r#"{"features":[]}"#, "Expected 3 features, got 0"),
        (r#"{"features":["a",0.2,0.3]}"#, "Feature 0 is not numeric: a"),
        (r#"{"features":[0.5,null,0.3]}"#, "Feature 1 is not numeric: None"),
        (r#"{"features":[0.5,0.2,[1]]}"#, "Feature 2 is not numeric: [1]"),
        (
            r#"{"features":[0.5,0.2,["a",{"b":"it's"}]]}"#,
            r#"Feature 2 is not numeric: ['a', {'b': "it's"}]"#,
        ),
        (r#"{"features":[true,0.2,0.3]}"#, "Feature 0 is not numeric: True"),
    ] {
        assert_eq!(from_body(body.as_bytes(), THREE).unwrap_err().to_string(), message, "{body}");
    }
    for body in ["", "hello", r#"{"features":[NaN,0,0]}"#, r#"{"features":[1e999,0,0]}"#] {
        assert_eq!(from_body(body.as_bytes(), THREE), Err(FeatureError::NotJson), "{body}");
    }
}

#[test]
fn what_is_shown_of_a_wrong_value_is_short() {
    let body = format!(r#"{{"features":["{}",0,0]}}"#, "é".repeat(5000));
    let shown = from_body(body.as_bytes(), THREE).unwrap_err().to_string();
    assert!(shown.chars().count() < 160, "{}", shown.len());
}

#[test]
fn a_path_takes_any_finite_number() {
    assert_eq!(from_path(["1", "-0.5", "2e-3"]).unwrap().values, [1.0, -0.5, 0.002]);
    assert_eq!(from_path(["nan", "0", "0"]), Err(FeatureError::NotFinite { index: 0 }));
    assert_eq!(from_path(["0", "0", "1e999"]), Err(FeatureError::NotFinite { index: 2 }));
    let refused = from_path(["0", "x", "0"]).unwrap_err().to_string();
    assert_eq!(refused, "Feature 1 is not numeric: x");
}

#[test]
fn one_byte_order_mark_is_ignored_and_that_of_another_encoding_named() {
    let body = "\u{feff}{\"features\":[1,2,3]}";
    assert_eq!(from_body(body.as_bytes(), THREE).unwrap().values, [1.0, 2.0, 3.0]);
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = body.encode_utf16().flat_map(order).collect();
        assert_eq!(from_body(&bytes, THREE), Err(FeatureError::Utf16));
    }
    let twice = format!("\u{feff}{body}");
    assert_eq!(from_body(twice.as_bytes(), THREE), Err(FeatureError::NotJson));
}

#[test]
fn null_is_missing_where_a_model_takes_it() {
    let body = br#"{"features": [null, 1.5, null]}"#;
    let features = from_body(body, Taken { takes_null: true, ..THREE }).unwrap();
    assert_eq!(features.values.iter().filter(|value| value.is_nan()).count(), 2);
    assert_eq!(features.values[1], 1.5);
    assert_eq!(serde_json::to_string(&features.echo).unwrap(), "[null,1.5,null]");
    let refusal = from_body(body, THREE).unwrap_err();
    assert_eq!(refusal.to_string(), "Feature 0 is not numeric: None");
}
