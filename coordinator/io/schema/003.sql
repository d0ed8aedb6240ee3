-- Who may use the HTTP API: people with a password, programs with a token. A token is
-- found by its secret (BLAKE2b-256 of its text, in hex), a person by name; a person's
-- secret is the Argon2id string that libsodium writes.
CREATE TABLE access (
    kind       INTEGER NOT NULL CHECK (kind IN (0, 1)), -- 0 a person, 1 a program
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL, -- 0: never
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
