//! The promises of the program, checked from outside: the real binary, or the library at instants and with faults that no
//! command line can set, against a real loopback HTTP server and a real file.
//! Nothing here may reach beyond loopback, depend on the order of tests or wait by sleeping.

#![allow(clippy::unwrap_used)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
// Prices and volumes are compared bit by bit on purpose: what is stored is what was sent.
#![allow(clippy::float_cmp)]

mod accounting;
mod adjusted;
mod advice;
mod aggs;
mod algebra;
mod apart;
mod at_rest;
mod backfill;
mod bad_files;
mod bodies;
mod books;
mod checker;
mod cli_errors;
mod clocks;
mod commands;
mod costs;
mod costs_of_plans;
mod crash;
mod cut_off;
mod damaged;
mod damages;
mod days;
mod db;
mod diff;
mod disk;
mod drop_part;
#[cfg(target_os = "linux")]
mod durable;
mod each_of;
mod edge;
mod entitlements;
mod examples;
mod exchange;
mod export;
mod export_columnar;
mod export_folder;
mod export_refused;
mod export_whole;
mod faults;
mod file;
mod file_page;
#[cfg(feature = "serve")]
mod following;
mod formats;
mod gone_on_with;
mod hang_up;
mod harness;
mod help;
mod hostile;
mod hostile_answers;
mod hostile_case;
mod hostile_limits;
mod hostile_pages;
mod hostile_program;
mod hostile_rows;
mod hostile_statuses;
mod in_place;
mod info;
mod inputs;
mod io_faults;
mod job_rules;
mod kills;
mod live_edge;
mod market_properties;
mod merge;
mod missing;
#[cfg(target_os = "linux")]
mod mute;
mod nothing;
mod old_service;
mod oracle;
mod outputs;
mod ownership;
mod pack;
#[cfg(feature = "serve")]
mod page;
mod passes;
mod plan_properties;
mod power;
mod put_back;
mod rate;
mod read_back;
mod readers;
mod recipes;
mod recorded;
mod reports;
mod running;
mod runs;
mod said;
mod scripted;
mod second_look;
mod seeded;
mod series_rules;
#[cfg(feature = "serve")]
mod serve_attacks;
#[cfg(feature = "serve")]
mod serve_attacks_bytes;
#[cfg(all(feature = "serve", target_os = "linux"))]
mod serve_attacks_crowds;
#[cfg(feature = "serve")]
mod serve_attacks_json;
#[cfg(feature = "serve")]
mod serve_attacks_names;
#[cfg(feature = "serve")]
mod serve_attacks_reads;
#[cfg(feature = "serve")]
mod serve_attacks_routes;
#[cfg(feature = "serve")]
mod serve_attacks_rules;
#[cfg(feature = "serve")]
mod serve_attacks_sites;
#[cfg(all(feature = "serve", target_os = "linux"))]
mod serve_attacks_slow;
#[cfg(feature = "serve")]
mod serve_attacks_values;
#[cfg(feature = "serve")]
mod serve_attacks_words;
#[cfg(feature = "serve")]
mod serve_bad_input;
#[cfg(all(feature = "serve", unix))]
mod serve_coding;
#[cfg(all(feature = "serve", unix))]
mod serve_edges;
#[cfg(feature = "serve")]
mod serve_events;
#[cfg(feature = "serve")]
mod serve_historical;
#[cfg(feature = "serve")]
mod serve_jobs;
#[cfg(feature = "serve")]
mod serve_methods;
#[cfg(feature = "serve")]
mod serve_openapi;
#[cfg(feature = "serve")]
mod serve_stopped;
#[cfg(feature = "serve")]
mod serve_times;
#[cfg(feature = "serve")]
mod serve_typed;
#[cfg(feature = "serve")]
mod serve_webhook;
mod server;
#[cfg(feature = "serve")]
mod serving;
mod settings;
mod shared_rates;
mod sharing;
mod signals;
mod small_job;
mod snapshots;
mod spelled;
mod sql;
mod terminal;
mod together;
mod typed;
mod update;
mod verify;
mod vfs;
mod waits;
mod watch;
mod ways_out;
