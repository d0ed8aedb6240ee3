-- Where an incident's fault broke, as its inquest found it: what is said of it as JSON, and
-- the traces it follows from as on the wire.
CREATE TABLE IF NOT EXISTS incident_places (
    incident_id INTEGER NOT NULL,
    at_us       INTEGER NOT NULL,
    fault       TEXT NOT NULL,
    host        TEXT NOT NULL,
    port        INTEGER NOT NULL,
    place       TEXT NOT NULL,
    fleet       TEXT NOT NULL,
    suspects    TEXT NOT NULL,
    spares      TEXT NOT NULL,
    PRIMARY KEY (incident_id, at_us)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS incident_traces (
    incident_id INTEGER NOT NULL,
    at_us       INTEGER NOT NULL, -- of the place
    no          INTEGER NOT NULL,
    agent       TEXT NOT NULL,    -- the name stands for agents that were removed since
    region      TEXT NOT NULL,
    now         BLOB NOT NULL,
    before      BLOB,             -- of good times
    PRIMARY KEY (incident_id, at_us, no)
) STRICT, WITHOUT ROWID;
