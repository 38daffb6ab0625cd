#!/usr/bin/env python3
"""Writes calendars.txt: the sessions of the calendars of the Python package exchange_calendars (Apache License 2.0).

    python3 -m venv env && env/bin/pip install exchange_calendars==4.13.2
    env/bin/python data/calendars/generate.py > data/calendars/calendars.txt

The format is described where it is read, in src/model/calendar/table.rs.
"""

import sys
from collections import Counter, defaultdict
from datetime import date, timedelta

import exchange_calendars
import pandas as pd
from exchange_calendars import calendar_utils

VERSION = "4.13.2"
FIRST, LAST = pd.Timestamp("1990-01-01"), pd.Timestamp("2027-12-31")
# What always trades is the program's own calendar.
OWN = {"24/7"}
# A change of hours or of the week's days that lasted shorter is told session by session.
LASTS = 60


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


def hours(open_, close, break_start, break_end):
    """Local times: `<` marks the evening before the session's date."""
    evening = "<" if open_ < 0 else ""
    first, last = clock(open_ % 1440), clock(close)
    if break_start is None:
        return f"{evening}{first}-{last}"
    return f"{evening}{first}-{clock(break_start)},{clock(break_end)}-{last}"


def sessions(calendar):
    def local(day, instant):
        if pd.isna(instant):
            return None
        minutes = (instant.tz_convert(calendar.tz).tz_localize(None) - day).total_seconds() / 60
        assert minutes == int(minutes) and -1440 < minutes <= 1440, (calendar.name, day, instant)
        return int(minutes)

    table = calendar.schedule
    columns = table.index, table.open, table.close, table.break_start, table.break_end
    for day, *times in zip(*columns):
        yield day.date(), hours(*(local(day, instant) for instant in times))


def weeks(held, first, last):
    """The regular weeks, each as (from, days of the week, hours): what most sessions of its stretch are."""
    # The usual hours of each session are those of most sessions around it; a change of them begins a week.
    days = sorted(held)
    found = []
    begin = 0
    usual = None
    for at in range(0, len(days)):
        around = Counter(held[day] for day in days[max(0, at - LASTS // 2) : at + LASTS // 2 + 1])
        most = around.most_common(1)[0][0]
        if held[days[at]] == most and most != usual:
            found.append((days[at] if found else first, most))
            usual = most
    mask = Counter(day.weekday() for day in days)
    usual_days = sorted(day for day, count in mask.items() if count > len(days) / 20)
    letters = "".join(str(day + 1) for day in usual_days)
    return [(start, letters, times) for start, times in found]


def main():
    if exchange_calendars.__version__ != VERSION:
        sys.exit(f"this is exchange_calendars {exchange_calendars.__version__}, and not {VERSION}")
    out = [f"# exchange_calendars {VERSION}, Apache License 2.0: made by generate.py, not written by hand."]
    cannot = []
    for name in sorted(exchange_calendars.get_calendar_names(include_aliases=False)):
        if name in OWN:
            continue
        make = calendar_utils._default_calendar_factories[name]
        first = max(FIRST, make.bound_min() or FIRST)
        last = min(LAST, make.bound_max() or LAST)
        try:
            calendar = make(start=first, end=last)
        except (NotImplementedError, ValueError):
            cannot.append(name)
            continue
        first, last = first.date(), last.date()
        held = dict(sessions(calendar))
        regular = weeks(held, first, last)
        out.append(f"\n= {name} {calendar.tz} {first} {last}")
        for start, letters, times in regular:
            out.append(f"w {start} {letters} {times}")
        closed, other = defaultdict(list), defaultdict(list)
        early = {day.date() for day in calendar.early_closes}
        day, week = first, iter(regular + [(date.max, "", "")])
        current, following = None, next(week)
        while day <= last:
            while day >= following[0]:
                current, following = following, next(week)
            is_regular = str(day.weekday() + 1) in current[1]
            times = held.get(day)
            if times is None and is_regular:
                closed[day.year].append(f"{day:%m%d}")
            elif times is not None and (not is_regular or times != current[2]):
                other["e" if day in early else "s", times].append(f"{day:%Y%m%d}")
            day += timedelta(days=1)
        for year, days in closed.items():
            out.append(f"c {year} {' '.join(days)}")
        for (kind, times), days in other.items():
            out.append(f"{kind} {times} {' '.join(days)}")
    out.insert(1, f"# It cannot make these: {' '.join(cannot)}.")
    print("\n".join(out))


main()
