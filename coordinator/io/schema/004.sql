-- Incidents, what was said about them, and what has to be told to whom.

-- `told` is a JSON list of [receiver, first_us, last_us]; `backs` one of times.
CREATE TABLE IF NOT EXISTS incidents (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    entity       TEXT NOT NULL,
    sentence     TEXT NOT NULL,
    onset_us     INTEGER NOT NULL,
    opened_us    INTEGER NOT NULL,
    announced_us INTEGER NOT NULL,
    ending_us    INTEGER NOT NULL,
    closed_us    INTEGER NOT NULL,
    acked_us     INTEGER NOT NULL,
    acked_by     TEXT NOT NULL,
    merged_into  INTEGER NOT NULL,
    dependent    INTEGER NOT NULL,
    flapping     INTEGER NOT NULL,
    n_back       INTEGER NOT NULL,
    backs        TEXT NOT NULL,
    muted_by     TEXT NOT NULL,
    n_notices    INTEGER NOT NULL,
    told         TEXT NOT NULL,
    n_active     INTEGER NOT NULL,
    n_members    INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS incidents_open ON incidents (id) WHERE state <> 'closed';

-- The name stands for monitors that were removed since.
CREATE TABLE IF NOT EXISTS incident_members (
    incident_id INTEGER NOT NULL,
    monitor_id  INTEGER NOT NULL,
    name        TEXT NOT NULL,
    joined_us   INTEGER NOT NULL,
    left_us     INTEGER NOT NULL,
    PRIMARY KEY (incident_id, monitor_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS incident_entries (
    id          INTEGER PRIMARY KEY,
    incident_id INTEGER NOT NULL,
    at_us       INTEGER NOT NULL,
    what        TEXT NOT NULL,
    who         TEXT NOT NULL,
    text        TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS incident_entries_of ON incident_entries (incident_id, id);

-- One row for each notice and receiver, written with the change it is about. `body` is the
-- notice as JSON; `key` is the same however often it is sent.
CREATE TABLE IF NOT EXISTS outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    receiver    TEXT NOT NULL,
    incident_id INTEGER NOT NULL,
    event       TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    state       TEXT NOT NULL, -- waiting, delivered, dead
    attempts    INTEGER NOT NULL DEFAULT 0,
    last_us     INTEGER NOT NULL DEFAULT 0, -- of the last attempt
    why         TEXT NOT NULL DEFAULT ''    -- what came of it
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS outbox_incident ON outbox (incident_id, id);

CREATE TABLE IF NOT EXISTS silences (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    match      TEXT NOT NULL, -- JSON object of lists
    author     TEXT NOT NULL,
    comment    TEXT NOT NULL,
    from_us    INTEGER NOT NULL,
    until_us   INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    removed_us INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Receivers, routes and maintenance windows: each section as it was applied.
CREATE TABLE IF NOT EXISTS alerting (
    section TEXT PRIMARY KEY NOT NULL,
    text    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
