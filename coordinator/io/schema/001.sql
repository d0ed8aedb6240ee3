-- The first schema. Applied inside a transaction that also sets user_version.
-- Times are Unix time in microseconds (…_us). Results live in day tables that the store
-- makes itself: results_YYYYMMDD.

-- What the store keeps for itself: the generation of the configuration, whether it was
-- closed properly, and a row to try the disk with.
CREATE TABLE state (
    key   TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO state (key, value) VALUES ('generation', 0), ('clean', 1), ('probe', 0);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `spec` is the whole monitor as proto/wire encodes it, with id 0.
CREATE TABLE monitors (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    host       TEXT NOT NULL,
    port       INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    paused     INTEGER NOT NULL CHECK (paused IN (0, 1)),
    spec       BLOB NOT NULL,
    revision   INTEGER NOT NULL, -- the generation that wrote it
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT;

-- `secret_hash` is BLAKE2b-256 of the secret's text; labels are JSON objects of texts.
CREATE TABLE tokens (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    region      TEXT NOT NULL,
    labels      TEXT NOT NULL,
    note        TEXT NOT NULL,
    uses_left   INTEGER NOT NULL CHECK (uses_left >= 0),
    revoked     INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    created_us  INTEGER NOT NULL,
    expires_us  INTEGER NOT NULL
) STRICT;

-- `labels` were given by us and win over `own_labels`, which the agent says of itself.
CREATE TABLE agents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    region       TEXT NOT NULL,
    public_key   TEXT NOT NULL UNIQUE,
    state        INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),
    labels       TEXT NOT NULL,
    own_labels   TEXT NOT NULL,
    software     TEXT NOT NULL,
    token_id     INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL DEFAULT 0
) STRICT;
-- A revoked agent gives its name free.
CREATE UNIQUE INDEX agents_name ON agents (name) WHERE state <> 2;

CREATE TABLE admins (
    public_key TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per stream of results; `no` stands for it in the day tables. Everything up to
-- and including high_water is counted: in a day table or in gaps.
CREATE TABLE streams (
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id   INTEGER NOT NULL,
    stream_id  INTEGER NOT NULL, -- 64 bits, as signed
    high_water INTEGER NOT NULL,
    last_us    INTEGER NOT NULL, -- when its mark last moved
    UNIQUE (agent_id, stream_id)
) STRICT;

-- Results that an agent had to drop: first_seq … first_seq + n - 1 of a stream.
CREATE TABLE gaps (
    id          INTEGER PRIMARY KEY,
    agent_id    INTEGER NOT NULL,
    stream      INTEGER NOT NULL, -- streams.no
    first_seq   INTEGER NOT NULL,
    n           INTEGER NOT NULL CHECK (n > 0),
    from_us     INTEGER NOT NULL, -- agent's clock
    to_us       INTEGER NOT NULL,
    received_us INTEGER NOT NULL
) STRICT;

CREATE TABLE verdicts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    monitor_id INTEGER NOT NULL,
    at_us      INTEGER NOT NULL,
    was        TEXT NOT NULL,
    now        TEXT NOT NULL,
    scope      TEXT NOT NULL,
    confidence REAL NOT NULL,
    fresh      INTEGER NOT NULL,
    assigned   INTEGER NOT NULL,
    sentence   TEXT NOT NULL,
    faults     TEXT NOT NULL -- JSON array
) STRICT;
CREATE INDEX verdicts_monitor ON verdicts (monitor_id, id);

-- Who changed what, for people.
CREATE TABLE changes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us   INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
