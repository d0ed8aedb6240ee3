/* Results on their way in: deduplicated against their stream's mark and appended to the
 * table of their day, with the new mark, in one transaction.
 *
 * A day table has no index and no key of its own, so that rows are only ever appended:
 * 4-15 times faster than any other order, and constant as it grows. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"

#include <time.h>

#define STREAM_OF                                                                        \
    "SELECT no, high_water FROM streams WHERE agent_id = ?1 AND stream_id = ?2"

static const char DAY_TABLE[] = "CREATE TABLE IF NOT EXISTS results_%08d ("
                                "agent INTEGER NOT NULL,"
                                "stream INTEGER NOT NULL," /* streams.no */
                                "seq INTEGER NOT NULL,"
                                "monitor INTEGER NOT NULL,"
                                "scheduled_us INTEGER NOT NULL," /* agent's clock */
                                "lag_us INTEGER NOT NULL,"       /* started - scheduled */
                                "duration_us INTEGER NOT NULL,"
                                "outcome INTEGER NOT NULL,"
                                "kind INTEGER NOT NULL,"
                                "unreach INTEGER NOT NULL,"
                                "detail INTEGER NOT NULL,"
                                "rtt_us INTEGER NOT NULL,"
                                "syn_retrans INTEGER NOT NULL,"
                                "icmp INTEGER NOT NULL," /* type << 8 | code */
                                "icmp_from BLOB,"
                                "address BLOB,"
                                "source BLOB,"
                                /* 1: closed late; 2: clock doubtful */
                                "closed_late INTEGER NOT NULL,"
                                "received_us INTEGER NOT NULL,"
                                "excerpt TEXT) STRICT"; /* since 002 */

static const char INSERT[] =
    "INSERT INTO results_%08d (agent, stream, seq, monitor, scheduled_us, lag_us,"
    " duration_us, outcome, kind, unreach, detail, rtt_us, syn_retrans, icmp, icmp_from,"
    " address, source, closed_late, received_us, excerpt)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
    " ?18, ?19, ?20)";

struct ingest_job {
    struct plx_store_job job;
    struct plx_store *store;
    plx_store_ingest_fn *done;
    uint64_t agent_id;
    uint64_t stream_id;
    uint64_t first_seq;
    struct plx_result *results;
    size_t n;
    uint64_t lost;
    struct plx_wall lost_from, lost_to;
    struct plx_wall received;
    struct plx_dedup dedup; /* of the last run */
};

struct stream {
    int64_t no; /* 0: not there yet */
    uint64_t high_water;
};

int32_t plx_store_day_of(struct plx_wall t)
{
    time_t seconds = (time_t)(t.ns / PLX_SEC_NS);
    struct tm tm;
    if (t.ns < 0 || !gmtime_r(&seconds, &tm))
        return 19700101;
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

void plx_store_results_forget(struct plx_store *store)
{
    sqlite3_finalize(store->insert);
    store->insert = NULL;
    store->day = 0;
}

/* Has the day's table and the statement that appends to it ready. */
static int use_day(struct plx_store *store, int32_t day)
{
    if (store->day == day)
        return 0;
    plx_store_results_forget(store);
    char sql[1024];
    snprintf(sql, sizeof sql, DAY_TABLE, day);
    int err = plx_db_exec(&store->db, sql);
    if (err)
        return err;
    snprintf(sql, sizeof sql, INSERT, day);
    int rc = sqlite3_prepare_v3(store->db.sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                &store->insert, NULL);
    if (rc != SQLITE_OK)
        return plx_db_error(&store->db, rc);
    store->day = day;
    return 0;
}

static int find_stream(struct plx_store *store, const struct ingest_job *in,
                       struct stream *ret)
{
    sqlite3_stmt *stmt;
    int err = plx_db_query(
        &store->db, STREAM_OF,
        PLX_BINDS(plx_bind_uint(in->agent_id), plx_bind_uint(in->stream_id)), &stmt);
    *ret = (struct stream){0};
    if (err || (err = plx_db_step(&store->db, stmt)) <= 0)
        return err;
    ret->no = sqlite3_column_int64(stmt, 0);
    ret->high_water = (uint64_t)sqlite3_column_int64(stmt, 1);
    plx_db_done(stmt);
    return 0;
}

/* Makes room for one more stream of the agent: forgets the one that moved longest ago. */
static int bound_streams(struct plx_store *store, const struct ingest_job *in)
{
    int64_t n;
    int err = plx_db_int(&store->db, "SELECT count(*) FROM streams WHERE agent_id = ?1",
                         PLX_BINDS(plx_bind_uint(in->agent_id)), &n);
    if (err || n < PLX_STORE_STREAMS_MAX)
        return err;
    return plx_db_run(&store->db,
                      "DELETE FROM streams WHERE no = (SELECT no FROM streams"
                      " WHERE agent_id = ?1 ORDER BY last_us, no LIMIT 1)",
                      PLX_BINDS(plx_bind_uint(in->agent_id)));
}

static int begin_stream(struct plx_store *store, const struct ingest_job *in,
                        int64_t *ret_no)
{
    int err = bound_streams(store, in);
    if (err)
        return err;
    err =
        plx_db_run(&store->db,
                   "INSERT INTO streams (agent_id, stream_id, high_water, last_us)"
                   " VALUES (?1, ?2, 0, 0)",
                   PLX_BINDS(plx_bind_uint(in->agent_id), plx_bind_uint(in->stream_id)));
    *ret_no = sqlite3_last_insert_rowid(store->db.sqlite);
    return err;
}

static void bind_addr(sqlite3_stmt *stmt, int at, const struct plx_addr *addr)
{
    int len = addr->family == 4 ? 4 : addr->family == 6 ? 16 : 0;
    if (len)
        sqlite3_bind_blob(stmt, at, addr->bytes, len, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, at);
}

/* Binding integers by hand, not through plx_bind: this is the hot path. */
static void bind_result(sqlite3_stmt *s, const struct plx_result *r)
{
    sqlite3_bind_int64(s, 3, (int64_t)r->seq);
    sqlite3_bind_int64(s, 4, (int64_t)r->monitor_id);
    sqlite3_bind_int64(s, 5, r->scheduled.ns / PLX_US_NS);
    sqlite3_bind_int64(s, 6, plx_wall_diff(r->started, r->scheduled) / PLX_US_NS);
    sqlite3_bind_int64(s, 7, r->duration_ns / PLX_US_NS);
    sqlite3_bind_int(s, 8, (int)r->outcome);
    sqlite3_bind_int(s, 9, (int)r->kind);
    sqlite3_bind_int(s, 10, (int)r->unreach);
    sqlite3_bind_int(s, 11, (int)r->detail);
    sqlite3_bind_int64(s, 12, r->rtt_us);
    sqlite3_bind_int64(s, 13, r->syn_retrans);
    sqlite3_bind_int(s, 14, r->icmp_type << 8 | r->icmp_code);
    bind_addr(s, 15, &r->icmp_from);
    bind_addr(s, 16, &r->address);
    bind_addr(s, 17, &r->source);
    sqlite3_bind_int(s, 18, r->closed_late | r->clock_doubtful << 1);
    if (r->excerpt[0])
        sqlite3_bind_text(s, 20, r->excerpt, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, 20);
}

static int append_results(struct plx_store *store, const struct ingest_job *in,
                          int64_t no)
{
    int err = use_day(store, plx_store_day_of(in->received));
    if (err)
        return err;
    sqlite3_stmt *s = store->insert;
    sqlite3_bind_int64(s, 1, (int64_t)in->agent_id);
    sqlite3_bind_int64(s, 2, no);
    sqlite3_bind_int64(s, 19, in->received.ns / PLX_US_NS);
    for (size_t i = in->dedup.skip; i < in->n; i++) {
        bind_result(s, &in->results[i]);
        int rc = sqlite3_step(s);
        if (rc != SQLITE_DONE) {
            err = plx_db_error(&store->db, rc);
            sqlite3_reset(s);
            return err;
        }
        sqlite3_reset(s);
    }
    return 0;
}

static int append_gap(struct plx_store *store, const struct ingest_job *in, int64_t no)
{
    return plx_db_run(
        &store->db,
        "INSERT INTO gaps (agent_id, stream, first_seq, n, from_us, to_us, received_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        PLX_BINDS(plx_bind_uint(in->agent_id), plx_bind_int(no),
                  plx_bind_uint(in->first_seq + in->dedup.skip),
                  plx_bind_uint(in->dedup.take), plx_bind_wall(in->lost_from),
                  plx_bind_wall(in->lost_to), plx_bind_wall(in->received)));
}

static int take(struct plx_store *store, const struct ingest_job *in,
                struct stream *stream)
{
    int err = 0;
    if (!stream->no)
        err = begin_stream(store, in, &stream->no);
    if (!err)
        err = in->lost ? append_gap(store, in, stream->no)
                       : append_results(store, in, stream->no);
    if (err)
        return err;
    return plx_db_run(
        &store->db, "UPDATE streams SET high_water = ?2, last_us = ?3 WHERE no = ?1",
        PLX_BINDS(plx_bind_int(stream->no), plx_bind_uint(in->dedup.high_water),
                  plx_bind_wall(in->received)));
}

static int ingest_run(struct plx_store *store, struct plx_store_job *job)
{
    struct ingest_job *in = (struct ingest_job *)job;
    struct stream stream;
    int err = find_stream(store, in, &stream);
    if (err)
        return err;
    in->dedup =
        plx_dedup_decide(stream.high_water, in->first_seq, in->lost ? in->lost : in->n);
    if (in->dedup.verdict == PLX_DEDUP_INVALID)
        return PLX_EINVAL;
    return in->dedup.verdict == PLX_DEDUP_TAKE ? take(store, in, &stream) : 0;
}

static void count(const struct ingest_job *in, size_t n_fresh)
{
    pthread_mutex_lock(&in->store->lock);
    in->store->health.n_results += n_fresh;
    if (in->dedup.verdict != PLX_DEDUP_HOLE)
        in->store->health.n_repeats += in->n - n_fresh;
    pthread_mutex_unlock(&in->store->lock);
}

static void ingest_finish(struct plx_store_job *job)
{
    struct ingest_job *in = (struct ingest_job *)job;
    if (job->err) {
        in->done(job->arg, job->err, NULL);
        return;
    }
    bool taken = in->dedup.verdict == PLX_DEDUP_TAKE;
    struct plx_store_ingested out = {
        .agent_id = in->agent_id,
        .stream_id = in->stream_id,
        .verdict = in->dedup.verdict,
        .high_water = in->dedup.high_water,
        .fresh = taken && in->n ? in->results + in->dedup.skip : NULL,
        .n_fresh = taken && in->n ? (size_t)in->dedup.take : 0,
        .n_lost = taken && in->lost ? in->dedup.take : 0,
        .received = in->received,
    };
    count(in, out.n_fresh);
    in->done(job->arg, 0, &out);
}

static const struct plx_store_job_class INGEST = {.name = "ingest",
                                                  .patient = true,
                                                  .bulk = true,
                                                  .run = ingest_run,
                                                  .finish = ingest_finish};

int plx_store_ingest(struct plx_store *store, uint64_t agent_id,
                     const struct plx_msg_results *batch, struct plx_wall received,
                     plx_store_ingest_fn *done, void *arg)
{
    if (batch->n > PLX_WIRE_RESULTS_MAX)
        return PLX_ETOOBIG;
    if (agent_id == 0 || (batch->n && batch->lost))
        return PLX_EINVAL;
    struct ingest_job *in = plx_store_job_new(&INGEST, sizeof *in, arg);
    in->store = store;
    in->done = done;
    in->agent_id = agent_id;
    in->stream_id = batch->stream_id;
    in->first_seq = batch->first_seq;
    in->n = batch->n;
    in->lost = batch->lost;
    in->lost_from = batch->lost_from;
    in->lost_to = batch->lost_to;
    in->received = received;
    in->results = plx_store_job_alloc(&in->job, batch->n, sizeof *in->results);
    if (batch->n)
        memcpy(in->results, batch->results, batch->n * sizeof *in->results);
    for (size_t i = 0; i < in->n; i++)
        in->results[i].seq = in->first_seq + i;
    in->job.rows += batch->n;
    return plx_store_submit(store, &in->job);
}
