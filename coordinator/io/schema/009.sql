-- What a change in the log of changes changed. NULL on one side: it was not there; on both:
-- it changed, and its value is nobody's to see.
CREATE TABLE IF NOT EXISTS change_fields (
    change_id INTEGER NOT NULL, -- changes.id
    key       TEXT NOT NULL,
    was       TEXT,
    now       TEXT,
    PRIMARY KEY (change_id, key)
) STRICT, WITHOUT ROWID;
