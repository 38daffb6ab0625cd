//! Candles of a series: as JSON read at one instant and sent while they are read, as CSV in pieces. It must never hold a
//! transaction for a caller who does not read, nor end in silence an answer that is not whole.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;

use super::candle_body::{Cursor, Writing};
use super::rows::Rows;
use super::{symbol, timeframe};
use crate::handover::choice::Choice;
use crate::handover::export::Format;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::serve::answer::Fault;
use crate::serve::next;
use crate::serve::params::shown;
use crate::serve::reading::coding::{self, Coder};
use crate::serve::reading::readers::Room;
use crate::serve::reading::sending::{Sender, sent};
use crate::serve::routes::Call;
use crate::store::{SeriesRow, Store, StoreError};
use crate::view::{Selection, Steps, View};

#[cfg(test)]
mod tests;

/// Candles of one answer at most.
pub(in crate::serve) const LIMIT: u32 = 1_000_000;
/// Candles of one JSON answer where nothing is said.
const UNASKED: u32 = 100_000;
/// Names the cursor of an answer that its limit has cut, whatever its format.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("next-cursor");
/// How long the caller is waited for while a transaction is open.
const PATIENCE: Duration = Duration::from_secs(4);

pub(in crate::serve) async fn read(call: Call) -> Result<Response<Body>, Fault> {
    let asked = Asked::of(&call)?;
    if asked.format == Format::Csv {
        return asked.stream(call).await;
    }
    let room = call.service.readers.room_for_stream().await?;
    let (tell, told) = oneshot::channel();
    let (sender, body) = sent(PATIENCE);
    tokio::task::spawn_blocking(move || {
        let mut tell = Some(tell);
        if let Err(fault) = asked.answer(&call, room, &mut tell, sender)
            && let Some(tell) = tell
        {
            let _ = tell.send(Err(fault));
        }
    });
    let stopped = |_| Err(Fault::defect("a question stopped unexpectedly"));
    Ok(response(told.await.unwrap_or_else(stopped)?, body))
}

/// Everything of an answer but its body.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    /// The tag of the answer without compression, where compression was asked for.
    plain_tag: String,
    /// Whether the caller has that one.
    holds_plain: bool,
}

impl Head {
    fn set(&mut self, name: HeaderName, text: &str) {
        // All of it is ASCII.
        if let Ok(value) = HeaderValue::from_str(text) {
            self.headers.insert(name, value);
        }
    }

    /// Says how the answer goes on its way.
    fn goes(&mut self, coder: &Coder) {
        match coder {
            // Nobody who asks like this gets it compressed: the tag stays as it is.
            Coder::Plain(_) => {}
            Coder::Denied(_) => {
                self.set(ETAG, &self.plain_tag.clone());
                if self.holds_plain {
                    self.status = StatusCode::NOT_MODIFIED;
                }
            }
            Coder::Zipped(..) => coding::mark(&mut self.headers),
        }
    }
}

fn response(head: Head, body: Body) -> Response<Body> {
    let body = match head.status {
        StatusCode::OK => body,
        _ => Body::empty(),
    };
    let mut response = Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (head.status, head.headers);
    response
}

/// What is asked for.
struct Asked {
    symbol: Symbol,
    timeframe: Timeframe,
    choice: Choice,
    steps: Steps,
    /// As JSON there is always one.
    limit: Option<u32>,
    cursor: Option<Cursor>,
    format: Format,
}

impl Asked {
    fn of(call: &Call) -> Result<Asked, Fault> {
        let (params, now) = (&call.params, call.service.now());
        let format = match params.one("format") {
            None | Some("json") => Format::Jsonl,
            Some("csv") => Format::Csv,
            Some(other) => {
                let what = format!("format: {} is neither json nor csv", shown(other));
                return Err(Fault::usage(what, "write json or csv"));
            }
        };
        let unasked = match format {
            Format::Csv => None,
            _ => Some(UNASKED),
        };
        let limit = match params.one("limit") {
            Some(_) => Some(params.number("limit", UNASKED, 1..=LIMIT)?),
            None => unasked,
        };
        Ok(Asked {
            symbol: symbol(&call.named)?,
            timeframe: timeframe(params)?,
            choice: Choice {
                start: params.moment("start", now)?,
                end: params.moment("end", now)?,
                ..Choice::default()
            },
            steps: params.steps(),
            limit,
            cursor: params.parsed("cursor")?,
            format,
        })
    }

    /// Answers as CSV. What follows the first piece is read when the caller has taken what was before.
    async fn stream(self, call: Call) -> Result<Response<Body>, Fault> {
        let readers = Arc::clone(&call.service.readers);
        let room = readers.room_for_stream().await?;
        let read = move |store: &Store| {
            let version = call.service.readers.version()?;
            store.at_one_instant(|| {
                let (view, span) = self.view(store)?;
                let next = self.next(store, &view)?;
                let mut head = self.head(&call, &version, span, next, view.series());
                let (mut rows, mut text) = self.rows(view, span, next);
                if head.status == StatusCode::OK {
                    rows.read(store, &mut text)?;
                    let coder = call.coding.begin(text.len());
                    head.goes(&coder);
                    rows.begin(coder);
                    text = rows.coded(text);
                }
                Ok::<_, Fault>((head, rows, text))
            })
        };
        let (head, rows, text) = readers.read_in(room, read).await?;
        Ok(response(head, rows.body(text, readers)))
    }

    /// Reads, and sends. What goes wrong once the head is told breaks the answer off.
    fn answer(
        &self,
        call: &Call,
        room: Room,
        tell: &mut Option<oneshot::Sender<Result<Head, Fault>>>,
        sender: Sender,
    ) -> Result<(), Fault> {
        let readers = &call.service.readers;
        let reader = readers.reader(room)?;
        // Before the instant at which it is read: an older tag costs an answer too many, a newer one would hide a change.
        let version = readers.version()?;
        let store = reader.store();
        let ended = store.at_one_instant(|| {
            let (view, span) = self.view(store)?;
            let next = self.next(store, &view)?;
            let mut head = self.head(call, &version, span, next, view.series());
            let mut told = |head| {
                if let Some(tell) = tell.take() {
                    let _ = tell.send(Ok(head));
                }
            };
            if head.status == StatusCode::NOT_MODIFIED {
                told(head);
                return Ok(None);
            }
            let begin = Box::new(move |bytes| {
                let coder = call.coding.begin(bytes);
                head.goes(&coder);
                told(head);
                coder
            });
            let mut writing = Writing::new(view.series().key.clone(), sender, begin);
            let reached = writing.rows(store, &on_page(view, span, next), next)?;
            Ok::<_, Fault>(Some((writing, reached)))
        })?;
        // Whoever waits for room need not wait for this caller.
        drop(reader);
        if let Some((writing, reached)) = ended {
            writing.end(reached);
        }
        Ok(())
    }

    /// What is left of the series, and its span.
    fn view(&self, store: &Store) -> Result<(View, Span), Fault> {
        let series = store.find_series(&self.symbol, self.timeframe)?;
        let span = self.span(&series)?;
        let view = View::of(series).select(Selection::Within(span));
        Ok((view.through(self.steps.clone()), span))
    }

    /// The span that is left.
    fn span(&self, series: &SeriesRow) -> Result<Span, Fault> {
        let span = self.choice.span(series);
        let span = span
            .map_err(|error| Fault::contradiction(error.to_string(), next::text(&error.next())))?;
        let from = self.cursor.map_or(i64::MIN, Cursor::from);
        Span::new(from.max(span.start()), span.end()).ok_or_else(|| {
            let next = "go on with the start and end of the call that gave the cursor";
            Fault::contradiction("the cursor is behind the end", next)
        })
    }

    /// The rows of an answer as CSV, and what is written before them. Where the limit cuts, the next answer begins, or else
    /// where the series ends now: candles that come meanwhile do not move it.
    fn rows(&self, view: View, span: Span, next: Option<Cursor>) -> (Rows, Vec<u8>) {
        let limit = self.limit.map_or(u64::MAX, u64::from);
        let last = view.series().last_ts;
        let last = last.map_or(span.end(), |last| last.saturating_add(1));
        let end = next.map_or(last.min(span.end()), Cursor::from);
        Rows::new(view, Span::new(span.start(), end).unwrap_or(span), limit)
    }

    /// Where the next answer begins, if the limit makes one necessary.
    fn next(&self, store: &Store, view: &View) -> Result<Option<Cursor>, StoreError> {
        let end = self.limit.map(|limit| view.page_end(store, limit));
        Ok(end.transpose()?.flatten().map(Cursor::at))
    }

    fn head(
        &self,
        call: &Call,
        version: &str,
        span: Span,
        next: Option<Cursor>,
        series: &SeriesRow,
    ) -> Head {
        let mut hasher = DefaultHasher::new();
        // What counts from today is another question tomorrow.
        (&call.named, &call.params, span).hash(&mut hasher);
        let tag = format!("{version}-{:x}", hasher.finish());
        let plain_tag = format!("\"{tag}\"");
        let tag = if call.coding.is_asked {
            format!("\"{tag}-gzip\"")
        } else {
            plain_tag.clone()
        };
        let mut head = Head {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            holds_plain: is_held(&call.headers, &plain_tag),
            plain_tag,
        };
        head.set(CACHE_CONTROL, "no-cache");
        head.set(VARY, ACCEPT_ENCODING.as_str());
        head.set(ETAG, &tag);
        if is_held(&call.headers, &tag) {
            head.status = StatusCode::NOT_MODIFIED;
            return head;
        }
        if let Some(next) = next {
            head.set(LINK, &format!("<{}>; rel=\"next\"", self.link(call, next)));
            head.set(NEXT_CURSOR, &next.to_string());
        }
        if self.format == Format::Csv {
            head.set(CONTENT_TYPE, "text/csv; charset=utf-8");
            let name = file_name(&series.key);
            let file = format!("attachment; filename=\"{name}\"");
            head.set(CONTENT_DISPOSITION, &file);
        } else {
            head.set(CONTENT_TYPE, "application/json; charset=utf-8");
        }
        head
    }

    /// The same call from a cursor on.
    fn link(&self, call: &Call, next: Cursor) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in call.params.iter().filter(|(name, _)| name != "cursor") {
            query.append_pair(name, value);
        }
        query.append_pair("cursor", &next.to_string());
        let symbol = utf8_percent_encode(self.symbol.as_str(), NON_ALPHANUMERIC);
        format!("/api/v1/historical/{symbol}?{}", query.finish())
    }
}

/// The part of a view that an answer has before the next one begins.
fn on_page(view: View, span: Span, next: Option<Cursor>) -> View {
    let page = next.and_then(|next| Span::new(span.start(), next.from()));
    view.select(Selection::Within(page.unwrap_or(span)))
}

/// Whether the caller has what a tag stands for.
fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let held = headers.get_all(IF_NONE_MATCH).iter();
    held.filter_map(|held| held.to_str().ok())
        .flat_map(|held| held.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

/// A name that is harmless on every system.
fn file_name(key: &SeriesKey) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let symbol: String = key.symbol.as_str().chars().map(plain).collect();
    format!("{symbol}-{}.csv", key.timeframe)
}
