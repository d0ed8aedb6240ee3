/* Results into the store, as a ratio of what SQLite itself does in the same run: the same
 * rows, the same table, one connection, one transaction per 5,000 rows, both with
 * synchronous=FULL on the same disk.
 *
 *   bench_store [ROWS] [FOLDER]   default 500000, /tmp */
#include "store_fixture.h"

#include "base/err.h"
#include "sys/clock.h"

#include <poll.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH     500
#define STREAMS   20
#define RAW_GROUP 5000

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct timing {
    struct plx_mono began;
    double cpu_began;
    double wall, cpu; /* seconds */
};

static struct timing begin(void)
{
    return (struct timing){.began = plx_clock_mono(), .cpu_began = cpu_seconds()};
}

static void end(struct timing *t)
{
    t->wall = (double)plx_mono_diff(plx_clock_mono(), t->began) / 1e9;
    t->cpu = cpu_seconds() - t->cpu_began;
}

static void bind_addr(sqlite3_stmt *s, int at, const struct plx_addr *a)
{
    if (a->family)
        sqlite3_bind_blob(s, at, a->bytes, a->family == 4 ? 4 : 16, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, at);
}

static void bind_row(sqlite3_stmt *s, const struct plx_result *r, int64_t seq)
{
    const int64_t columns[] = {1,
                               1,
                               seq,
                               (int64_t)r->monitor_id,
                               r->scheduled.ns / 1000,
                               r->lag_us,
                               r->duration_ns / 1000,
                               r->outcome,
                               r->kind,
                               r->unreach,
                               r->detail,
                               r->rtt_us,
                               r->syn_retrans,
                               r->icmp_type << 8 | r->icmp_code};
    for (int i = 0; i < 14; i++)
        sqlite3_bind_int64(s, i + 1, columns[i]);
    bind_addr(s, 15, &r->icmp_from);
    bind_addr(s, 16, &r->address);
    bind_addr(s, 17, &r->source);
    sqlite3_bind_int64(s, 18, r->closed_late);
    sqlite3_bind_int64(s, 19, FIXTURE_NOON.ns / 1000);
}

/* What any program could do at best with this file format. */
static struct timing raw_append(const char *dir, const struct plx_result *results,
                                size_t n)
{
    char path[160];
    snprintf(path, sizeof path, "%s/raw.db", dir);
    sqlite3 *db;
    sqlite3_stmt *insert;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die("cannot open raw.db");
    run(db,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16384;"
        "CREATE TABLE r (a INT, b INT, c INT, d INT, e INT, f INT, g INT, h INT, i INT,"
        " j INT, k INT, l INT, m INT, n INT, o BLOB, p BLOB, q BLOB, r INT, s INT) "
        "STRICT");
    sqlite3_prepare_v2(db, "INSERT INTO r VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       -1, &insert, NULL);
    struct timing t = begin();
    for (size_t i = 0; i < n; i++) {
        if (i % RAW_GROUP == 0)
            run(db, "BEGIN IMMEDIATE");
        bind_row(insert, &results[i % BATCH], (int64_t)i + 1);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die(sqlite3_errmsg(db));
        sqlite3_reset(insert);
        if (i % RAW_GROUP == RAW_GROUP - 1 || i == n - 1)
            run(db, "COMMIT");
    }
    end(&t);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
    return t;
}

struct progress {
    size_t n_jobs, n_fresh;
};

static void on_ingest(void *arg, int err, const struct plx_store_ingested *batch)
{
    struct progress *p = arg;
    if (err)
        die(plx_err_text(err));
    p->n_jobs++;
    p->n_fresh += batch->n_fresh;
}

static void wait_a_turn(struct plx_store *store)
{
    struct pollfd p = {.fd = plx_store_fd(store), .events = POLLIN};
    poll(&p, 1, 1000);
    plx_store_poll(store);
}

/* Batches of BATCH results from STREAMS agents by turns. */
static struct timing through_store(const char *dir, const struct plx_result *results,
                                   size_t n)
{
    struct plx_store_options options;
    struct plx_store *store;
    struct plx_why why;
    plx_store_options_default(&options);
    options.dir = dir;
    if (plx_store_open(&options, &store, &why))
        die(why.text);
    struct progress p = {0};
    uint64_t next[STREAMS];
    for (size_t i = 0; i < STREAMS; i++)
        next[i] = 1;
    struct timing t = begin();
    for (size_t job = 0; job < n / BATCH;) {
        uint64_t *seq = &next[job % STREAMS];
        struct plx_msg_results batch = {
            .stream_id = 1, .first_seq = *seq, .results = results, .n = BATCH};
        int err = plx_store_ingest(store, 1 + job % STREAMS, &batch, FIXTURE_NOON,
                                   on_ingest, &p);
        if (err == PLX_EAGAIN) {
            wait_a_turn(store);
            continue;
        }
        if (err)
            die(plx_err_text(err));
        *seq += BATCH;
        job++;
        plx_store_poll(store);
    }
    while (p.n_jobs < n / BATCH)
        wait_a_turn(store);
    end(&t);
    if (p.n_fresh != n)
        die("some results were not new");
    plx_store_destroy(&store); /* folds the WAL into the file */
    return t;
}

static void report(const char *what, struct timing t, size_t n)
{
    printf("%-34s %9.0f rows/s   %5.2f us CPU a row\n", what, (double)n / t.wall,
           t.cpu * 1e6 / (double)n);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 500000;
    char dir[128];
    snprintf(dir, sizeof dir, "%s/plx-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    n = n / BATCH * BATCH;
    if (n == 0 || !mkdtemp(dir))
        die("usage: bench_store [ROWS >= 500] [FOLDER]");
    static struct plx_result results[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        results[i] = fixture_result(1, i + 1);

    struct timing raw = raw_append(dir, results, n);
    struct timing store = through_store(dir, results, n);
    report("raw SQLite append", raw, n);
    report("store: dedup, copy, commit, done", store, n);
    printf("ratio store / raw: %.2f of the rate, %.2f times the CPU\n",
           raw.wall / store.wall, store.cpu / raw.cpu);

    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/parallax.db", dir);
    if (stat(path, &st) == 0)
        printf("%.1f bytes a row on disk\n", (double)st.st_size / (double)n);
    static const char *const files[] = {"parallax.db", "parallax.db-wal",
                                        "parallax.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
    return 0;
}
