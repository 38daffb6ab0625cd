//! `candlefile providers`: which there are, what each needs, its timeframes and limits.

use anyhow::Result;
use serde_json::{Value, json};

use crate::provider::Spec;

use super::args::Global;
use super::error::Exit;
use super::{output, table};

pub fn run(global: &Global) -> Result<Exit> {
    let specs: Vec<&Spec> = global.registry.iter().collect();
    if global.json {
        let providers: Vec<Value> = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| document(spec, at == 0))
            .collect();
        output::json(&json!({ "providers": providers }))?;
        return Ok(Exit::Complete);
    }
    let rows = specs.iter().map(|spec| {
        let needs = if spec.needs_key() {
            spec.keys_in_words()
        } else {
            "nothing".to_owned()
        };
        let rate = spec.default_rate.map(|rate| format!("--rate {rate}; "));
        let limits = format!("{}{}", rate.unwrap_or_default(), spec.limits);
        vec![spec.name.clone(), needs, spec.covers.clone(), limits]
    });
    table::print(["provider", "~needs", "~covers", "~limits"], rows)?;
    let each = specs.iter().map(|spec| timeframes(spec).join(", "));
    let each: Vec<String> = each.collect();
    if each.windows(2).all(|two| two[0] == two[1]) {
        let same = each.into_iter().take(1);
        same.map(|same| format!("timeframes: {same}"))
            .try_for_each(output::print)?;
    } else {
        output::print("timeframes:")?;
        let of = |(spec, has): (&&Spec, String)| format!("{}: {has}", spec.name);
        specs.iter().zip(each).map(of).try_for_each(output::print)?;
    }
    Ok(Exit::Complete)
}

fn timeframes(spec: &Spec) -> Vec<String> {
    let has = spec.unasked().map(|provider| provider.timeframes());
    has.map_or_else(|_| Vec::new(), |has| has.in_words())
}

fn document(spec: &Spec, is_default: bool) -> Value {
    let classes = spec.asset_classes.iter().map(ToString::to_string);
    let needs = spec.needs_key().then(|| spec.keys_in_words());
    json!({
        "name": spec.name, "about": spec.about, "default": is_default, "base_url": spec.base_url,
        "needs": needs.into_iter().collect::<Vec<_>>(), "asset_classes": classes.collect::<Vec<_>>(),
        "timeframes": timeframes(spec), "default_rate": spec.default_rate.map(|rate| rate.to_string()),
        "limits": spec.limits,
    })
}
