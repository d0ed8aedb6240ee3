-- Keys that agents had before the one in their row: nobody gets in with them again.
CREATE TABLE IF NOT EXISTS former_keys (
    public_key TEXT PRIMARY KEY NOT NULL,
    agent_id   INTEGER NOT NULL,
    until_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
