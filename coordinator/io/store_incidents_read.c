/* Incidents, timelines and letters, read back. */
#include "coordinator/io/store_impl.h"
#include "coordinator/io/store_incidents.h"

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

#define COLUMNS                                                                          \
    "id, kind, state, entity, sentence, onset_us, opened_us, announced_us, ending_us,"   \
    " closed_us, acked_us, acked_by, merged_into, dependent, flapping, n_back, backs,"   \
    " muted_by, n_notices, told, n_active, n_members"

static enum plx_incident_state state_of(const char *token)
{
    for (int i = PLX_INCIDENT_OPEN; i < PLX_INCIDENT_CLOSED; i++)
        if (strcmp(plx_incident_state_token((enum plx_incident_state)i), token) == 0)
            return (enum plx_incident_state)i;
    return PLX_INCIDENT_CLOSED;
}

static struct plx_wall wall_of(const json_t *us)
{
    return (struct plx_wall){json_integer_value(us) * PLX_US_NS};
}

static void read_backs(const char *text, struct plx_incident *i)
{
    json_t *list = json_loads(text, 0, NULL);
    for (size_t k = 0; k < json_array_size(list) && k < 4; k++)
        i->backs[k] = wall_of(json_array_get(list, k));
    json_decref(list);
}

static void read_told(const char *text, struct plx_incident *i)
{
    json_t *list = json_loads(text, 0, NULL);
    i->told = calloc(json_array_size(list) + 1, sizeof *i->told);
    if (!i->told)
        abort();
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *told = json_array_get(list, k);
        const char *receiver = json_string_value(json_array_get(told, 0));
        if (!receiver)
            continue;
        struct plx_incident_told *t = &i->told[i->n_told++];
        t->receiver = plx_text_dup(receiver);
        t->first = wall_of(json_array_get(told, 1));
        t->last = wall_of(json_array_get(told, 2));
        if (t->last.ns > i->told_last.ns)
            i->told_last = t->last;
    }
    json_decref(list);
}

static void read_row(sqlite3_stmt *s, struct plx_incident *i)
{
    int kind = plx_incident_kind_parse(plx_db_column_text(s, 1));
    *i = (struct plx_incident){
        .id = (uint64_t)sqlite3_column_int64(s, 0),
        .kind = kind > 0 ? (enum plx_incident_kind)kind : PLX_INCIDENT_SERVICE,
        .state = state_of(plx_db_column_text(s, 2)),
        .entity = plx_db_column_dup(s, 3),
        .sentence = plx_db_column_dup(s, 4),
        .onset = plx_db_column_wall(s, 5),
        .opened = plx_db_column_wall(s, 6),
        .announced = plx_db_column_wall(s, 7),
        .ending = plx_db_column_wall(s, 8),
        .closed = plx_db_column_wall(s, 9),
        .acked = plx_db_column_wall(s, 10),
        .acked_by = plx_db_column_dup(s, 11),
        .merged_into = (uint64_t)sqlite3_column_int64(s, 12),
        .dependent = sqlite3_column_int(s, 13) != 0,
        .flapping = sqlite3_column_int(s, 14) != 0,
        .n_back = (uint32_t)sqlite3_column_int64(s, 15),
        .muted_by = plx_db_column_dup(s, 17),
        .n_notices = (uint64_t)sqlite3_column_int64(s, 18),
        .n_active = (size_t)sqlite3_column_int64(s, 20),
        .n_members = (size_t)sqlite3_column_int64(s, 21),
    };
    i->severity = plx_severity_of(i->kind);
    read_backs(plx_db_column_text(s, 16), i);
    read_told(plx_db_column_text(s, 19), i);
}

static void free_row(struct plx_incident *i)
{
    for (size_t k = 0; i->members && k < i->n_members; k++)
        free(i->members[k].name);
    for (size_t k = 0; k < i->n_told; k++)
        free(i->told[k].receiver);
    free(i->members);
    free(i->told);
    free(i->entity);
    free(i->sentence);
    free(i->acked_by);
    free(i->muted_by);
}

static int read_members(struct plx_db *db, struct plx_incident *i)
{
    size_t cap = i->n_members, n = 0;
    sqlite3_stmt *s;
    i->members = calloc(cap + 1, sizeof *i->members);
    if (!i->members)
        abort();
    int err = plx_db_query(db,
                           "SELECT monitor_id, name, joined_us, left_us"
                           " FROM incident_members WHERE incident_id = ?1",
                           PLX_BINDS(plx_bind_uint(i->id)), &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        err = 0;
        if (n < cap)
            i->members[n++] = (struct plx_incident_member){
                .slot = PLX_CATALOG_NONE,
                .monitor_id = (uint64_t)sqlite3_column_int64(s, 0),
                .name = plx_db_column_dup(s, 1),
                .joined = plx_db_column_wall(s, 2),
                .left = plx_db_column_wall(s, 3),
            };
    }
    i->n_members = n;
    return err;
}

/* Hands out the rows of a begun query. */
static int hand_out(struct plx_db *db, sqlite3_stmt *s, bool members,
                    plx_store_incident_fn *fn, void *arg, size_t *ret_n)
{
    int err;
    while ((err = plx_db_step(db, s)) > 0) {
        struct plx_incident i;
        read_row(s, &i);
        err = members ? read_members(db, &i) : 0;
        bool more = !err && fn(arg, &i);
        ++*ret_n;
        free_row(&i);
        if (!more) {
            plx_db_done(s);
            return err;
        }
    }
    return err;
}

int plx_store_recall_incidents(struct plx_store *store, struct plx_wall since,
                               plx_store_incident_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, 0);
    sqlite3_stmt *s;
    size_t n = 0;
    int err = plx_db_query(db,
                           "SELECT " COLUMNS " FROM incidents WHERE state <> 'closed'"
                           " OR closed_us >= ?1 ORDER BY id",
                           PLX_BINDS(plx_bind_wall(since)), &s);
    return err ? err : hand_out(db, s, true, fn, arg, &n);
}

static struct plx_bind below(uint64_t id)
{
    return plx_bind_int(id ? (int64_t)id : INT64_MAX);
}

int plx_store_read_incidents(struct plx_store *store, uint64_t before, size_t limit,
                             plx_store_incident_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    size_t n = 0;
    int err = plx_db_query(
        db, "SELECT " COLUMNS " FROM incidents WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        PLX_BINDS(below(before), plx_bind_uint(limit)), &s);
    return err ? err : hand_out(db, s, false, fn, arg, &n);
}

int plx_store_read_incident(struct plx_store *store, uint64_t id,
                            plx_store_incident_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    size_t n = 0;
    int err = plx_db_query(db, "SELECT " COLUMNS " FROM incidents WHERE id = ?1",
                           PLX_BINDS(plx_bind_uint(id)), &s);
    if (!err)
        err = hand_out(db, s, true, fn, arg, &n);
    return err ? err : n == 0 ? PLX_ENOTFOUND : 0;
}

int plx_store_last_incident(struct plx_store *store, uint64_t *ret)
{
    int64_t id;
    plx_db_set_deadline(&store->reader, store->options.read_ns);
    int err = plx_db_int(&store->reader, "SELECT coalesce(max(id), 0) FROM incidents",
                         NULL, &id);
    if (!err)
        *ret = (uint64_t)id;
    return err;
}

static enum plx_incident_what what_of(const char *token)
{
    for (int i = 0; i < PLX_INCIDENT_DID_COUNT_; i++)
        if (strcmp(plx_incident_what_token((enum plx_incident_what)i), token) == 0)
            return (enum plx_incident_what)i;
    return PLX_INCIDENT_DID_COUNT_;
}

int plx_store_read_entries(struct plx_store *store, uint64_t incident, size_t limit,
                           plx_store_entry_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT at_us, what, who, text FROM incident_entries"
                           " WHERE incident_id = ?1 ORDER BY id LIMIT ?2",
                           PLX_BINDS(plx_bind_uint(incident), plx_bind_uint(limit)), &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        const struct plx_incident_entry entry = {
            .incident = incident,
            .at = plx_db_column_wall(s, 0),
            .what = what_of(plx_db_column_text(s, 1)),
            .who = (char *)plx_db_column_text(s, 2),
            .text = (char *)plx_db_column_text(s, 3),
        };
        err = 0;
        if (!fn(arg, &entry)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}

#define LETTER_COLUMNS                                                                   \
    "id, key, receiver, incident_id, event, body, created_us, state, attempts, last_us," \
    " why"

static enum plx_letter_state letter_state(const char *token)
{
    if (strcmp(token, "waiting") == 0)
        return PLX_LETTER_WAITING;
    return strcmp(token, "dead") == 0 ? PLX_LETTER_DEAD : PLX_LETTER_DELIVERED;
}

static int hand_out_letters(struct plx_db *db, sqlite3_stmt *s, plx_store_letter_fn *fn,
                            void *arg)
{
    int err;
    while ((err = plx_db_step(db, s)) > 0) {
        const struct plx_letter letter = {
            .id = (uint64_t)sqlite3_column_int64(s, 0),
            .key = plx_db_column_text(s, 1),
            .receiver = plx_db_column_text(s, 2),
            .incident = (uint64_t)sqlite3_column_int64(s, 3),
            .event = plx_db_column_text(s, 4),
            .body = plx_db_column_text(s, 5),
            .created = plx_db_column_wall(s, 6),
            .state = letter_state(plx_db_column_text(s, 7)),
            .attempts = (uint32_t)sqlite3_column_int64(s, 8),
            .last = plx_db_column_wall(s, 9),
            .why = plx_db_column_text(s, 10),
        };
        if (!fn(arg, &letter)) {
            plx_db_done(s);
            return 0;
        }
    }
    return err;
}

int plx_store_read_letters(struct plx_store *store, uint64_t incident, size_t limit,
                           plx_store_letter_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT " LETTER_COLUMNS " FROM outbox WHERE incident_id = ?1"
                           " ORDER BY id LIMIT ?2",
                           PLX_BINDS(plx_bind_uint(incident), plx_bind_uint(limit)), &s);
    return err ? err : hand_out_letters(db, s, fn, arg);
}

int plx_store_read_waiting(struct plx_store *store, plx_store_letter_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, 0);
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT " LETTER_COLUMNS " FROM outbox WHERE state = 'waiting'"
                           " ORDER BY id",
                           NULL, &s);
    return err ? err : hand_out_letters(db, s, fn, arg);
}

int plx_store_read_dead(struct plx_store *store, size_t limit, plx_store_letter_fn *fn,
                        void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT " LETTER_COLUMNS " FROM outbox WHERE state = 'dead'"
                           " ORDER BY id DESC LIMIT ?1",
                           PLX_BINDS(plx_bind_uint(limit)), &s);
    return err ? err : hand_out_letters(db, s, fn, arg);
}
