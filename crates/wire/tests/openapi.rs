//! The OpenAPI document says what is really read and written, and the committed copy is current.

use holdfast_wire::{
    code::Code,
    field::{Form, Rule},
    json::Object,
    message::{FieldSpec, Message as _},
    messages::{ENDPOINTS, Notice, Request, TokenAccess},
    openapi::{SERVER, World, openapi},
};
use serde_json::Value;

#[test]
fn the_committed_openapi_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let made = openapi(SERVER, World::Test);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is old; renew it with: UPDATE=1 cargo nextest run -p holdfast-wire openapi"
    );
}

#[test]
fn every_path_of_every_endpoint_is_described_with_requests_that_are_read() {
    let document = document(World::Test);
    for endpoint in ENDPOINTS {
        for path in std::iter::once(&endpoint.path).chain(endpoint.aliases) {
            let body = &document["paths"][path]["post"]["requestBody"]["$ref"];
            let body = document.pointer(&body.as_str().unwrap()[1..]).unwrap();
            let examples = body["content"]["application/json"]["examples"].as_object().unwrap();
            for (name, example) in examples {
                let written = example["value"].to_string();
                let object = Object::parse(written.as_bytes()).unwrap();
                let object = holdfast_wire::envelope::open(&object).unwrap_or(&object);
                match Request::decode(path, object) {
                    Some(Ok(_)) => {}
                    Some(Err(faults)) => panic!("{path} {name}: {faults:?}"),
                    None => {
                        assert_eq!(endpoint.name, "token");
                        TokenAccess::decode(object).unwrap();
                    }
                }
            }
            assert!(examples.len() > 1, "{path}");
        }
    }
}

#[test]
fn every_code_is_described_and_every_status_is_answered_where_it_can_be() {
    let document = document(World::Test);
    let known = document["components"]["schemas"]["ErrorCode"]["x-codes"].as_object().unwrap();
    for code in Code::ALL.iter().filter(|code| **code != Code::Success) {
        assert_eq!(known[code.name()]["status"], code.status(), "{code}");
        let responses = &document["paths"]["/v1/netpay/bills/query"]["post"]["responses"];
        // No path that is served is answered with 404.
        let said = responses.get(code.status().to_string()).is_some();
        assert_eq!(said, code.status() != 404, "{code}");
    }
    assert_eq!(known.len() + 1, Code::ALL.len());
}

#[test]
fn a_live_gateway_does_not_describe_the_simulation() {
    let (test, live) = (document(World::Test), document(World::Live));
    let simulated = |document: &Value| {
        let paths = document["paths"].as_object().unwrap();
        paths.keys().filter(|path| path.starts_with("/sim/") || path.ends_with(".do")).count()
    };
    assert_eq!((simulated(&test), simulated(&live)), (8, 0));
    assert_eq!(live["servers"][0]["url"], "https://pay.example");
}

#[test]
fn every_reference_leads_somewhere_and_no_operation_has_anothers_name() {
    fn each(value: &Value, see: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                see(name, value);
                each(value, see);
            }),
            Value::Array(items) => items.iter().for_each(|item| each(item, see)),
            _ => {}
        }
    }
    for world in [World::Test, World::Live] {
        let document = document(world);
        let mut ids = vec![];
        each(&document, &mut |name, value| match (name, value.as_str()) {
            ("$ref", Some(to)) => {
                assert!(document.pointer(&to[1..]).is_some(), "{to} is nowhere");
            }
            ("operationId", Some(id)) => ids.push(id.to_owned()),
            _ => {}
        });
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert!(ids.len() == all && all > 30, "{ids:?}");
    }
}

/// What is read is what the schema says: each kind of field, tried with values on both sides of its rule.
#[test]
fn a_field_is_described_as_it_is_read() {
    let document = document(World::Test);
    let all = &document["components"]["schemas"]["GetQrcodeRequest"]["properties"];
    let refund = &document["components"]["schemas"]["RefundRequest"]["properties"];
    let cases = [
        (&all["totalAmount"], r#"["integer","string","null"]"#),
        (&refund["refundAmount"], r#"["integer","string"]"#),
        (&all["preauthTransaction"], r#"["boolean","string","null"]"#),
        (&all["goods"], r#"["array","string","null"]"#),
        (&all["goods"]["items"]["properties"]["price"], r#"["integer","string","null"]"#),
        (&all["retCommParams"], r#"["object","string","null"]"#),
        (&all["billNo"], r#"["string","null"]"#),
        (&all["mid"], r#""string""#),
    ];
    for (schema, types) in cases {
        assert_eq!(schema["type"].to_string(), types, "{schema}");
    }
    assert_eq!(all["installmentNumber"]["enum"].to_string(), r#"[3,6,12,"3","6","12",null,""]"#);
    let answer = &document["components"]["schemas"]["QrcodeInfoAnswer"];
    assert!(answer.is_null(), "answers are named after their endpoints");
    let answer = &document["components"]["schemas"]["QueryQrcodeInfoAnswer"]["properties"];
    assert_eq!(answer["preauthTransaction"]["enum"].to_string(), r#"["true","false"]"#);
    assert_eq!(answer["totalAmount"]["type"], "integer");
}

#[test]
fn the_form_of_every_field_fits_its_rule() {
    fn check(fields: &[FieldSpec]) {
        for field in fields {
            let fits = match field.form {
                Form::Text => !matches!(
                    field.rule,
                    Rule::Fen { .. }
                        | Rule::Number { .. }
                        | Rule::Flag
                        | Rule::Object
                        | Rule::List { .. }
                ),
                Form::Number => {
                    matches!(field.rule, Rule::Fen { .. } | Rule::Number { .. } | Rule::OneOf(_))
                }
                Form::Figure => matches!(field.rule, Rule::Text { .. }),
                Form::Flag | Form::TextFlag => field.rule == Rule::Flag,
                Form::Object => field.rule == Rule::Object,
                Form::List => matches!(field.rule, Rule::List { .. }),
            };
            assert!(fits, "{field:?}");
            check(field.fields);
        }
    }
    for endpoint in ENDPOINTS {
        check(endpoint.request);
        check(endpoint.response);
    }
    check(Notice::FIELDS);
}

fn document(world: World) -> Value {
    let server = match world {
        World::Test => SERVER,
        World::Live => "https://pay.example",
    };
    serde_json::from_str(&openapi(server, world)).unwrap()
}
