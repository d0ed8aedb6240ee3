/* Incidents and the outbox: written together, in the writer's transaction. */
#include "coordinator/io/store_incidents.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

/* ---- putting incidents ---- */

/* An incident as its row: flat, with texts of its own. */
struct row {
    struct plx_incident head; /* its pointers are not used */
    char *entity, *sentence, *acked_by, *muted_by, *backs, *told;
    struct plx_incident_member *members; /* those to be written */
    size_t n_members;
};

struct put_job {
    struct plx_store_job job;
    plx_store_letters_fn *done;
    struct row *rows;
    size_t n_rows;
    struct plx_incident_entry *entries;
    size_t n_entries;
    struct plx_letter *letters;
    size_t n_letters;
};

static int put_row(struct plx_db *db, const struct row *row)
{
    const struct plx_incident *i = &row->head;
    return plx_db_run(
        db,
        "INSERT OR REPLACE INTO incidents (id, kind, state, entity, sentence, onset_us,"
        " opened_us, announced_us, ending_us, closed_us, acked_us, acked_by, merged_into,"
        " dependent, flapping, n_back, backs, muted_by, n_notices, told, n_active,"
        " n_members) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
        " ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        PLX_BINDS(plx_bind_uint(i->id), plx_bind_text(plx_incident_kind_token(i->kind)),
                  plx_bind_text(plx_incident_state_token(i->state)),
                  plx_bind_text(row->entity), plx_bind_text(row->sentence),
                  plx_bind_wall(i->onset), plx_bind_wall(i->opened),
                  plx_bind_wall(i->announced), plx_bind_wall(i->ending),
                  plx_bind_wall(i->closed), plx_bind_wall(i->acked),
                  plx_bind_text(row->acked_by), plx_bind_uint(i->merged_into),
                  plx_bind_int(i->dependent), plx_bind_int(i->flapping),
                  plx_bind_int(i->n_back), plx_bind_text(row->backs),
                  plx_bind_text(row->muted_by), plx_bind_uint(i->n_notices),
                  plx_bind_text(row->told), plx_bind_uint(i->n_active),
                  plx_bind_uint(i->n_members)));
}

static int put_member(struct plx_db *db, uint64_t incident,
                      const struct plx_incident_member *m)
{
    return plx_db_run(db,
                      "INSERT OR REPLACE INTO incident_members (incident_id, monitor_id,"
                      " name, joined_us, left_us) VALUES (?1, ?2, ?3, ?4, ?5)",
                      PLX_BINDS(plx_bind_uint(incident), plx_bind_uint(m->monitor_id),
                                plx_bind_text(m->name), plx_bind_wall(m->joined),
                                plx_bind_wall(m->left)));
}

static int add_entry(struct plx_db *db, const struct plx_incident_entry *e)
{
    return plx_db_run(db,
                      "INSERT INTO incident_entries (incident_id, at_us, what, who, text)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      PLX_BINDS(plx_bind_uint(e->incident), plx_bind_wall(e->at),
                                plx_bind_text(plx_incident_what_token(e->what)),
                                plx_bind_text(e->who), plx_bind_text(e->text)));
}

static int add_letter(struct plx_db *db, struct plx_letter *l)
{
    int err = plx_db_run(
        db,
        "INSERT OR IGNORE INTO outbox (key, receiver, incident_id, event, body,"
        " created_us, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting')",
        PLX_BINDS(plx_bind_text(l->key), plx_bind_text(l->receiver),
                  plx_bind_uint(l->incident), plx_bind_text(l->event),
                  plx_bind_text(l->body), plx_bind_wall(l->created)));
    if (!err)
        l->id = sqlite3_changes(db->sqlite) > 0
                    ? (uint64_t)sqlite3_last_insert_rowid(db->sqlite)
                    : 0;
    return err;
}

static int put_run(struct plx_store *store, struct plx_store_job *job)
{
    struct put_job *put = (struct put_job *)job;
    struct plx_db *db = &store->db;
    int err = 0;
    for (size_t i = 0; !err && i < put->n_rows; i++) {
        const struct row *row = &put->rows[i];
        err = put_row(db, row);
        for (size_t m = 0; !err && m < row->n_members; m++)
            err = put_member(db, row->head.id, &row->members[m]);
    }
    for (size_t i = 0; !err && i < put->n_entries; i++)
        err = add_entry(db, &put->entries[i]);
    for (size_t i = 0; !err && i < put->n_letters; i++)
        err = add_letter(db, &put->letters[i]);
    return err;
}

static void put_finish(struct plx_store_job *job)
{
    struct put_job *put = (struct put_job *)job;
    if (put->done)
        put->done(job->arg, job->err, job->why.text, job->err ? NULL : put->letters,
                  job->err ? 0 : put->n_letters);
}

static void free_row(struct row *row)
{
    char *texts[] = {row->entity,   row->sentence, row->acked_by,
                     row->muted_by, row->backs,    row->told};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        free(texts[t]);
    for (size_t m = 0; m < row->n_members; m++)
        free(row->members[m].name);
    free(row->members);
}

static void free_letter(struct plx_letter *l)
{
    const char *texts[] = {l->key, l->receiver, l->event, l->body, l->why};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        free((char *)texts[t]);
}

static void put_fini(struct plx_store_job *job)
{
    struct put_job *put = (struct put_job *)job;
    for (size_t i = 0; i < put->n_rows; i++)
        free_row(&put->rows[i]);
    for (size_t i = 0; i < put->n_entries; i++) {
        free(put->entries[i].who);
        free(put->entries[i].text);
    }
    for (size_t i = 0; i < put->n_letters; i++)
        free_letter(&put->letters[i]);
}

static const struct plx_store_job_class PUT = {.name = "incidents",
                                               .patient = true,
                                               .run = put_run,
                                               .finish = put_finish,
                                               .fini = put_fini};

static char *backs_json(const struct plx_incident *incident)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_buf_init(&buf, 4096);
    plx_json_init(&j, &buf);
    plx_json_array(&j);
    for (size_t i = 0; i < 4 && incident->backs[i].ns > 0; i++)
        plx_json_int(&j, incident->backs[i].ns / PLX_US_NS);
    plx_json_end(&j);
    return plx_buf_give(&buf, NULL);
}

static char *told_json(const struct plx_incident *incident)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_buf_init(&buf, 1024 * 1024);
    plx_json_init(&j, &buf);
    plx_json_array(&j);
    for (size_t i = 0; i < incident->n_told; i++) {
        plx_json_array(&j);
        plx_json_str(&j, incident->told[i].receiver);
        plx_json_int(&j, incident->told[i].first.ns / PLX_US_NS);
        plx_json_int(&j, incident->told[i].last.ns / PLX_US_NS);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    return plx_buf_give(&buf, NULL);
}

static void copy_row(struct plx_store_job *job, struct row *row,
                     const struct plx_incident *incident)
{
    *row = (struct row){
        .head = *incident,
        .entity = plx_text_dup(incident->entity),
        .sentence = plx_text_dup(incident->sentence),
        .acked_by = plx_text_dup(incident->acked_by),
        .muted_by = plx_text_dup(incident->muted_by),
        .backs = backs_json(incident),
        .told = told_json(incident),
    };
    row->members = calloc(incident->n_members + 1, sizeof *row->members);
    if (!row->members)
        abort();
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_incident_member *m = &incident->members[i];
        if (m->joined.ns < incident->saved.ns && m->left.ns < incident->saved.ns)
            continue;
        row->members[row->n_members] = *m;
        row->members[row->n_members++].name = plx_text_dup(m->name);
    }
    job->bytes += 2048 + row->n_members * 256;
    job->rows += row->n_members;
}

static void copy_letter(struct plx_store_job *job, struct plx_letter *mine,
                        const struct plx_letter *letter)
{
    *mine = *letter;
    mine->key = plx_text_dup(letter->key);
    mine->receiver = plx_text_dup(letter->receiver);
    mine->event = plx_text_dup(letter->event);
    mine->body = plx_text_dup(letter->body);
    mine->why = NULL;
    job->bytes += strlen(mine->body) + 256;
}

int plx_store_put_incidents(struct plx_store *store,
                            const struct plx_store_incident_batch *batch,
                            plx_store_letters_fn *done, void *arg)
{
    struct put_job *put = plx_store_job_new(&PUT, sizeof *put, arg);
    struct plx_store_job *job = &put->job;
    put->done = done;
    put->rows = plx_store_job_alloc(job, batch->n_incidents, sizeof *put->rows);
    put->entries = plx_store_job_alloc(job, batch->n_entries, sizeof *put->entries);
    put->letters = plx_store_job_alloc(job, batch->n_letters, sizeof *put->letters);
    for (size_t i = 0; i < batch->n_incidents; i++)
        copy_row(job, &put->rows[put->n_rows++], batch->incidents[i]);
    for (size_t i = 0; i < batch->n_entries; i++) {
        struct plx_incident_entry *e = &put->entries[put->n_entries++];
        *e = batch->entries[i];
        e->who = plx_text_dup(e->who);
        e->text = plx_text_dup(e->text);
        job->bytes += strlen(e->text) + 64;
    }
    for (size_t i = 0; i < batch->n_letters; i++)
        copy_letter(job, &put->letters[put->n_letters++], &batch->letters[i]);
    job->rows += put->n_rows + put->n_entries + put->n_letters;
    return plx_store_submit(store, job);
}

/* ---- what came of an attempt ---- */

struct tried_job {
    struct plx_store_plain_job plain;
    uint64_t id;
    enum plx_letter_state state;
    uint32_t attempts;
    struct plx_wall at;
    const char *why;
};

static int tried_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct tried_job *t = (const struct tried_job *)job;
    return plx_db_run(&store->db,
                      "UPDATE outbox SET state = ?2, attempts = ?3, last_us = ?4,"
                      " why = ?5 WHERE id = ?1",
                      PLX_BINDS(plx_bind_uint(t->id),
                                plx_bind_text(plx_letter_state_token(t->state)),
                                plx_bind_int(t->attempts), plx_bind_wall(t->at),
                                plx_bind_text(t->why)));
}

static const struct plx_store_job_class TRIED = {.name = "letter_tried",
                                                 .patient = true,
                                                 .run = tried_run,
                                                 .finish = plx_store_plain_finish};

int plx_store_letter_tried(struct plx_store *store, uint64_t id,
                           enum plx_letter_state state, uint32_t attempts,
                           struct plx_wall at, const char *why, plx_store_done_fn *done,
                           void *arg)
{
    struct tried_job *job = plx_store_job_new(&TRIED, sizeof *job, arg);
    job->plain.done = done;
    job->id = id;
    job->state = state;
    job->attempts = attempts;
    job->at = at;
    job->why = plx_store_job_text(&job->plain.job, why);
    return plx_store_submit(store, &job->plain.job);
}

/* ---- notes ---- */

struct note_job {
    struct plx_store_plain_job plain;
    struct plx_incident_entry entry;
};

static int note_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct note_job *note = (const struct note_job *)job;
    int64_t one;
    int err = plx_db_int(&store->db, "SELECT 1 FROM incidents WHERE id = ?1",
                         PLX_BINDS(plx_bind_uint(note->entry.incident)), &one);
    if (err == PLX_ENOTFOUND)
        return plx_why_set(&job->why, err, "there is no incident %llu",
                           (unsigned long long)note->entry.incident);
    return err ? err : add_entry(&store->db, &note->entry);
}

static const struct plx_store_job_class NOTE = {
    .name = "note", .run = note_run, .finish = plx_store_plain_finish};

int plx_store_add_note(struct plx_store *store, const struct plx_incident_entry *entry,
                       plx_store_done_fn *done, void *arg)
{
    struct note_job *job = plx_store_job_new(&NOTE, sizeof *job, arg);
    job->plain.done = done;
    job->entry = *entry;
    job->entry.who = (char *)plx_store_job_text(&job->plain.job, entry->who);
    job->entry.text = (char *)plx_store_job_text(&job->plain.job, entry->text);
    return plx_store_submit(store, &job->plain.job);
}
