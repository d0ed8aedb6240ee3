/* Places and their traces: written together, read back. */
#include "coordinator/io/store_places.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "proto/wire.h"

/* ---- writing ---- */

/* Where in the job's block of bytes its parts lie: names ended by 0, traces as on the
 * wire. */
struct packed {
    size_t agent, region, now, now_len, before, before_len;
};

struct put_job {
    struct plx_store_plain_job plain;
    struct plx_store_place place; /* its traces are not used */
    struct packed traces[PLX_STORE_PLACE_TRACES_MAX];
    size_t n_traces;
    const char *bytes;
};

static int put_head(struct plx_db *db, const struct plx_store_place *p)
{
    return plx_db_run(
        db,
        "INSERT OR REPLACE INTO incident_places (incident_id, at_us, fault, host, port,"
        " place, fleet, suspects, spares) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        PLX_BINDS(plx_bind_uint(p->incident), plx_bind_wall(p->at),
                  plx_bind_text(p->fault), plx_bind_text(p->host), plx_bind_int(p->port),
                  plx_bind_text(p->place), plx_bind_text(p->fleet),
                  plx_bind_text(p->suspects), plx_bind_text(p->spares)));
}

static int put_trace(struct plx_db *db, const struct put_job *put, size_t no)
{
    const struct packed *t = &put->traces[no];
    return plx_db_run(
        db,
        "INSERT INTO incident_traces (incident_id, at_us, no, agent, region, now, before)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        PLX_BINDS(plx_bind_uint(put->place.incident), plx_bind_wall(put->place.at),
                  plx_bind_uint(no), plx_bind_text(put->bytes + t->agent),
                  plx_bind_text(put->bytes + t->region),
                  plx_bind_blob(put->bytes + t->now, t->now_len),
                  plx_bind_blob(put->bytes + t->before, t->before_len)));
}

/* The oldest beyond the most there may be, and the traces of places that are gone. */
static int trim(struct plx_db *db, uint64_t incident)
{
    int err = plx_db_run(
        db,
        "DELETE FROM incident_places WHERE incident_id = ?1 AND at_us NOT IN"
        " (SELECT at_us FROM incident_places WHERE incident_id = ?1"
        " ORDER BY at_us DESC LIMIT ?2)",
        PLX_BINDS(plx_bind_uint(incident), plx_bind_int(PLX_STORE_PLACES_MAX)));
    if (err)
        return err;
    return plx_db_run(
        db,
        "DELETE FROM incident_traces WHERE incident_id = ?1 AND at_us NOT IN"
        " (SELECT at_us FROM incident_places WHERE incident_id = ?1)",
        PLX_BINDS(plx_bind_uint(incident)));
}

static int put_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct put_job *put = (const struct put_job *)job;
    struct plx_db *db = &store->db;
    int err = plx_db_run(
        db, "DELETE FROM incident_traces WHERE incident_id = ?1 AND at_us = ?2",
        PLX_BINDS(plx_bind_uint(put->place.incident), plx_bind_wall(put->place.at)));
    if (!err)
        err = put_head(db, &put->place);
    for (size_t i = 0; !err && i < put->n_traces; i++)
        err = put_trace(db, put, i);
    return err ? err : trim(db, put->place.incident);
}

static const struct plx_store_job_class PUT = {
    .name = "place", .patient = true, .run = put_run, .finish = plx_store_plain_finish};

/* These append to the block, and say where it lies. */
static size_t pack_text(struct plx_buf *block, const char *text)
{
    size_t at = block->len;
    plx_buf_add(block, text, strlen(text) + 1);
    return at;
}

static size_t pack(struct plx_buf *block, const struct plx_trace *trace, size_t *ret_len)
{
    size_t at = block->len;
    *ret_len = 0;
    if (trace) {
        plx_wire_encode_trace(trace, block);
        *ret_len = block->len - at;
    }
    return at;
}

static void pack_all(struct put_job *put, const struct plx_store_place *place)
{
    struct plx_buf block;
    plx_buf_init(&block, PLX_WIRE_FRAME_MAX);
    for (size_t i = 0; i < place->n_traces; i++) {
        const struct plx_store_trace *t = &place->traces[i];
        struct packed *p = &put->traces[put->n_traces++];
        p->agent = pack_text(&block, t->agent);
        p->region = pack_text(&block, t->region);
        p->now = pack(&block, t->now, &p->now_len);
        p->before = pack(&block, t->before, &p->before_len);
    }
    char *bytes = plx_store_job_alloc(&put->plain.job, block.len + 1, 1);
    if (block.len > 0)
        memcpy(bytes, block.data, block.len);
    put->bytes = bytes;
    plx_buf_fini(&block);
}

static bool is_sound(const struct plx_store_place *p)
{
    bool sound = p->incident > 0 && p->n_traces <= PLX_STORE_PLACE_TRACES_MAX;
    for (size_t i = 0; sound && i < p->n_traces; i++)
        sound = p->traces[i].now != NULL;
    return sound;
}

int plx_store_put_place(struct plx_store *store, const struct plx_store_place *place,
                        plx_store_done_fn *done, void *arg)
{
    const char *texts[] = {place->place, place->fleet, place->suspects, place->spares};
    if (!is_sound(place))
        return PLX_EINVAL;
    for (size_t i = 0; i < 4; i++)
        if (strlen(texts[i]) > PLX_STORE_PLACE_BYTES_MAX)
            return PLX_ETOOBIG;
    struct put_job *put = plx_store_job_new(&PUT, sizeof *put, arg);
    struct plx_store_job *job = &put->plain.job;
    put->plain.done = done;
    put->place = *place;
    put->place.fault = plx_store_job_text(job, place->fault);
    put->place.host = plx_store_job_text(job, place->host);
    put->place.place = plx_store_job_text(job, place->place);
    put->place.fleet = plx_store_job_text(job, place->fleet);
    put->place.suspects = plx_store_job_text(job, place->suspects);
    put->place.spares = plx_store_job_text(job, place->spares);
    pack_all(put, place);
    job->rows += place->n_traces;
    return plx_store_submit(store, job);
}

/* ---- reading ---- */

/* One place's traces, decoded. */
struct traces {
    struct plx_trace now[PLX_STORE_PLACE_TRACES_MAX], before[PLX_STORE_PLACE_TRACES_MAX];
    struct plx_store_trace list[PLX_STORE_PLACE_TRACES_MAX];
    char *names[2 * PLX_STORE_PLACE_TRACES_MAX];
    size_t n;
};

static void forget(struct traces *t)
{
    for (size_t i = 0; i < 2 * t->n; i++)
        free(t->names[i]);
    t->n = 0;
}

static bool decode(sqlite3_stmt *s, int column, struct plx_trace *ret)
{
    const void *bytes = sqlite3_column_blob(s, column);
    return bytes && plx_wire_decode_trace(bytes, (size_t)sqlite3_column_bytes(s, column),
                                          ret, NULL) == 0;
}

static void read_trace(sqlite3_stmt *s, struct traces *t)
{
    size_t i = t->n;
    if (i == PLX_STORE_PLACE_TRACES_MAX || !decode(s, 2, &t->now[i]))
        return;
    t->names[2 * i] = plx_db_column_dup(s, 0);
    t->names[2 * i + 1] = plx_db_column_dup(s, 1);
    t->list[i] = (struct plx_store_trace){
        .agent = t->names[2 * i],
        .region = t->names[2 * i + 1],
        .now = &t->now[i],
        .before = decode(s, 3, &t->before[i]) ? &t->before[i] : NULL};
    t->n++;
}

static int read_traces(struct plx_db *db, uint64_t incident, struct plx_wall at,
                       struct traces *t)
{
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT agent, region, now, before FROM incident_traces"
                           " WHERE incident_id = ?1 AND at_us = ?2 ORDER BY no",
                           PLX_BINDS(plx_bind_uint(incident), plx_bind_wall(at)), &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        err = 0;
        read_trace(s, t);
    }
    return err;
}

static int hand_out(struct plx_db *db, sqlite3_stmt *s, uint64_t incident,
                    plx_store_place_fn *fn, void *arg)
{
    struct traces *t = calloc(1, sizeof *t);
    bool more = true;
    int err = 0;
    if (!t)
        abort();
    while (more && (err = plx_db_step(db, s)) > 0) {
        struct plx_store_place place = {.incident = incident,
                                        .at = plx_db_column_wall(s, 0),
                                        .fault = plx_db_column_text(s, 1),
                                        .host = plx_db_column_text(s, 2),
                                        .port = (uint16_t)sqlite3_column_int(s, 3),
                                        .place = plx_db_column_text(s, 4),
                                        .fleet = plx_db_column_text(s, 5),
                                        .suspects = plx_db_column_text(s, 6),
                                        .spares = plx_db_column_text(s, 7)};
        err = read_traces(db, incident, place.at, t);
        place.traces = t->list;
        place.n_traces = t->n;
        more = !err && fn(arg, &place);
        forget(t);
    }
    if (!more)
        plx_db_done(s);
    free(t);
    return err;
}

int plx_store_read_places(struct plx_store *store, uint64_t incident,
                          plx_store_place_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err =
        plx_db_query(db,
                     "SELECT at_us, fault, host, port, place, fleet, suspects, spares"
                     " FROM incident_places WHERE incident_id = ?1 ORDER BY at_us",
                     PLX_BINDS(plx_bind_uint(incident)), &s);
    return err ? err : hand_out(db, s, incident, fn, arg);
}
