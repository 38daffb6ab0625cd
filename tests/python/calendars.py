"""Compares what a program says of every calendar with the package that its tables were made from.

    python calendars.py PROGRAM

Each session's date, open, close and breaks, over all years that the package can be asked for.
"""

import json
import subprocess
import sys

import exchange_calendars
import pandas as pd
from exchange_calendars import calendar_utils

FIRST, LAST = pd.Timestamp("1990-01-01"), pd.Timestamp("2027-12-31")
# The program's own.
OWN = {"24/7"}


def told(program, *words):
    done = subprocess.run([program, "calendar", *words, "--json"], capture_output=True, check=True)
    return json.loads(done.stdout)


def rows(calendar):
    table = calendar.schedule
    columns = [table.open, table.close, table.break_start, table.break_end]
    early = set(calendar.early_closes.strftime("%Y-%m-%d"))
    text = [column.dt.strftime("%Y-%m-%dT%H:%M:%SZ") for column in columns]
    for day, open_, close, start, end in zip(table.index.strftime("%Y-%m-%d"), *text):
        yield day, open_, close, [] if pd.isna(start) else [[start, end]], day in early


def main(program):
    listed = {calendar["code"] for calendar in told(program)["calendars"]}
    compared = sessions = different = 0
    cannot = []
    for name in exchange_calendars.get_calendar_names(include_aliases=False):
        make = calendar_utils._default_calendar_factories[name]
        if name in OWN:
            continue
        first, last = max(FIRST, make.bound_min() or FIRST), min(LAST, make.bound_max() or LAST)
        try:
            calendar = make(start=first, end=last)
        except (NotImplementedError, ValueError):
            cannot.append(name)
            assert name not in listed, name
            continue
        said = told(program, name, "--start", f"{first:%Y-%m-%d}", "--end", f"{last:%Y-%m-%d}")
        assert (said["first"], said["last"]) == (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"), name
        keys = "date", "open", "close", "breaks", "early_close"
        ours = [tuple(session[key] for key in keys) for session in said["sessions"]]
        theirs = list(rows(calendar))
        if ours != theirs:
            mine, yours = {row[0]: row for row in ours}, {row[0]: row for row in theirs}
            for day in sorted(mine.keys() | yours.keys()):
                if mine.get(day) != yours.get(day):
                    different += 1
                    print(f"{name} {day}: {mine.get(day)} and not {yours.get(day)}", file=sys.stderr)
        compared += 1
        sessions += len(theirs)
    print(f"{compared} calendars, {sessions} sessions, {different} differences; not made: {' '.join(sorted(cannot))}")
    return 1 if different else 0


sys.exit(main(sys.argv[1]))
