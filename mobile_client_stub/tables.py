"""The tables of the phone's database."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
    server        TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    device_id     TEXT NOT NULL,
    display_name  TEXT NOT NULL,
    time_zone     TEXT NOT NULL,
    access_token  TEXT,
    refresh_token TEXT,
    device_key    TEXT,                         -- signs every refresh
    locked        INTEGER NOT NULL DEFAULT 0,
    wipe_due      INTEGER NOT NULL DEFAULT 0,
    signed_out    TEXT                          -- why the server does not know us any more
);
CREATE TABLE IF NOT EXISTS progress (
    only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
    journal       TEXT NOT NULL,
    acknowledged  INTEGER NOT NULL DEFAULT 0,   -- the server has the numbers up to here, we their outcomes
    epoch         TEXT,
    cursor        TEXT,                         -- where the records stand
    staged_cursor TEXT,                         -- where the next page begins
    last_contact  TEXT,
    last_trouble  TEXT,
    clock_ahead   REAL                          -- seconds that this phone's clock is ahead of the server's
);
CREATE TABLE IF NOT EXISTS mutations (
    written       INTEGER PRIMARY KEY AUTOINCREMENT,
    mutation_id   TEXT NOT NULL UNIQUE,
    schema        INTEGER NOT NULL,
    type          TEXT NOT NULL,
    record        TEXT NOT NULL,
    base          INTEGER,                      -- the revision that the user saw ...
    epoch         TEXT,                         -- ... and the life of the server's database it belongs to
    fields        TEXT NOT NULL,
    occurred_at   TEXT NOT NULL,
    outcome       TEXT,
    problem       TEXT,
    fields_lost   TEXT,                         -- names of the fields of which our value does not stand
    answered_at   TEXT,
    settled       INTEGER NOT NULL DEFAULT 0    -- the records on this phone show what became of it
);
CREATE INDEX IF NOT EXISTS mutations_unsettled ON mutations (written) WHERE settled = 0;
CREATE INDEX IF NOT EXISTS mutations_unsettled_of_record ON mutations (record) WHERE settled = 0;
CREATE TRIGGER IF NOT EXISTS a_mutation_is_never_altered
    BEFORE UPDATE OF written, mutation_id, schema, type, record, base, epoch, fields, occurred_at ON mutations
    BEGIN SELECT RAISE(ABORT, 'a mutation is never altered'); END;
CREATE TRIGGER IF NOT EXISTS an_unanswered_mutation_is_never_deleted
    BEFORE DELETE ON mutations WHEN OLD.outcome IS NULL
    BEGIN SELECT RAISE(ABORT, 'a mutation without an outcome is never deleted'); END;
CREATE TABLE IF NOT EXISTS places (             -- which number a mutation has in which journal
    journal       TEXT NOT NULL,
    number        INTEGER NOT NULL,
    mutation_id   TEXT NOT NULL REFERENCES mutations (mutation_id) ON DELETE CASCADE,
    PRIMARY KEY (journal, number),
    UNIQUE (mutation_id, journal)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    collection    TEXT NOT NULL,
    id            TEXT NOT NULL,
    hash          TEXT NOT NULL,
    body          TEXT NOT NULL,
    body_sum      TEXT NOT NULL,                -- of the body as it was written: damage shows
    PRIMARY KEY (collection, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS staged (
    position      INTEGER PRIMARY KEY AUTOINCREMENT,
    collection    TEXT NOT NULL,
    id            TEXT NOT NULL,
    op            TEXT NOT NULL CHECK (op IN ('put', 'remove')),
    hash          TEXT,
    body          TEXT
);
CREATE TABLE IF NOT EXISTS media (
    id            TEXT PRIMARY KEY,
    mutation_id   TEXT NOT NULL,
    visit_id      TEXT NOT NULL,
    kind          TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    content_type  TEXT NOT NULL,
    added_at      TEXT NOT NULL,
    sent_at       TEXT,                         -- the server said that it has the bytes
    stored_at     TEXT,                         -- the receipt: from here on the local file may go
    attempts      INTEGER NOT NULL DEFAULT 0,
    trouble       TEXT
);
CREATE TABLE IF NOT EXISTS manifests (          -- what this phone signed of its reports, in their order
    made          INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id     TEXT NOT NULL,
    report_id     TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    manifest      TEXT NOT NULL,
    answers       TEXT NOT NULL,
    signature     TEXT NOT NULL,
    made_at       TEXT NOT NULL
);
"""

TABLES = ("account", "progress", "mutations", "places", "records", "staged", "media", "manifests")
"""All of them: what a wipe removes."""
