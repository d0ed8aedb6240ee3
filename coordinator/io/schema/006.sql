-- When no coordinator ran: what was concluded before says nothing about that time.
CREATE TABLE IF NOT EXISTS absences (
    from_us INTEGER NOT NULL,
    to_us   INTEGER NOT NULL
) STRICT;
