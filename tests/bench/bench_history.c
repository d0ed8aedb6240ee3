/* A month of rollups for every monitor and agent of a database, as the store would have
 * made them: for tests/bench/dashboard.sh. The coordinator must not run.
 *
 *   bench_history DATA_DIR DAYS MINUTE_HOURS
 *
 * writes DAYS of hours and days and MINUTE_HOURS of minutes up to now, and prints how
 * many rows that is. */
#include "base/text.h"
#include "coordinator/core/rollup.h"
#include "sys/clock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDS_MAX 200000

struct ids {
    int64_t list[IDS_MAX];
    size_t n;
};

static struct ids monitors, agents;
static uint64_t n_rows;

static void die(sqlite3 *db)
{
    fprintf(stderr, "bench_history: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(db);
}

static void read_ids(sqlite3 *db, const char *sql, struct ids *ids)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        die(db);
    while (ids->n < IDS_MAX && sqlite3_step(s) == SQLITE_ROW)
        ids->list[ids->n++] = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
}

/* What `n` probes around 20 ms come to; every hundredth fails. */
static void make_rollup(struct plx_buf *out, uint64_t n, uint64_t seed)
{
    struct plx_rollup r = {0};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t x = (seed * 31 + i) * UINT64_C(0x9e3779b97f4a7c15) >> 33;
        struct plx_result result = {
            .outcome = x % 100 ? PLX_OUTCOME_OPEN : PLX_OUTCOME_TIMEOUT,
            .rtt_us = (uint32_t)(15000 + x % 10000),
            .syn_retrans = x % 97 == 0,
        };
        plx_rollup_add(&r, &result);
    }
    plx_buf_clear(out);
    plx_rollup_encode(&r, out);
    plx_rollup_fini(&r);
}

/* The store's table of a stretch (docs/ARCHITECTURE.md, coordinator/io/schema/005.sql).
 */
static void table_of(enum plx_rollup_level level, struct plx_wall at, char ret[32])
{
    time_t seconds = (time_t)(at.ns / PLX_SEC_NS);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(ret, 32, "rollup_%c_%04d%02d%02d", "mhd"[level], (tm.tm_year + 1900) % 10000,
             tm.tm_mon + 1, level == PLX_ROLLUP_MINUTE ? tm.tm_mday : 1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *table)
{
    char sql[300];
    sqlite3_stmt *s;
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS %s (part INTEGER NOT NULL, monitor INTEGER"
             " NOT NULL, bucket INTEGER NOT NULL, agent INTEGER NOT NULL, data BLOB"
             " NOT NULL, PRIMARY KEY (part, monitor, bucket, agent)) STRICT,"
             " WITHOUT ROWID",
             table);
    run(db, sql);
    snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?1, ?2, ?3, ?4, ?5)", table);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        die(db);
    return s;
}

/* Rows of the buckets [first, end), which are of one part, in the order of the key. */
static void write_part(sqlite3 *db, enum plx_rollup_level level, int64_t first,
                       int64_t end, const struct plx_buf *samples, size_t n_samples)
{
    char table[32];
    table_of(level, (struct plx_wall){first * plx_rollup_span_ns(level)}, table);
    sqlite3_stmt *s = prepare(db, table);
    sqlite3_bind_int64(s, 1, first / plx_rollup_part(level));
    for (size_t m = 0; m < monitors.n; m++)
        for (int64_t b = first; b < end; b++)
            for (size_t a = 0; a < agents.n; a++) {
                const struct plx_buf *data = &samples[(m * 7 + a) % n_samples];
                sqlite3_bind_int64(s, 2, monitors.list[m]);
                sqlite3_bind_int64(s, 3, b);
                sqlite3_bind_int64(s, 4, agents.list[a]);
                sqlite3_bind_blob(s, 5, data->data, (int)data->len, SQLITE_STATIC);
                if (sqlite3_step(s) != SQLITE_DONE)
                    die(db);
                sqlite3_reset(s);
                n_rows++;
            }
    sqlite3_finalize(s);
}

/* Where the part ends that the bucket is in: also a table ends with a month. */
static int64_t part_end(enum plx_rollup_level level, int64_t bucket, int64_t end)
{
    char table[32], other[32];
    int64_t n = plx_rollup_part(level), next = bucket + 1;
    table_of(level, (struct plx_wall){bucket * plx_rollup_span_ns(level)}, table);
    for (; next < end && next % n != 0; next++) {
        table_of(level, (struct plx_wall){next * plx_rollup_span_ns(level)}, other);
        if (strcmp(table, other) != 0)
            break;
    }
    return next;
}

#define SAMPLES 64

static void write_level(sqlite3 *db, enum plx_rollup_level level, uint64_t probes,
                        int64_t n_stretches)
{
    static struct plx_buf samples[SAMPLES];
    int64_t last = plx_clock_wall().ns / plx_rollup_span_ns(level) - 1;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        plx_buf_init(&samples[i], 65536);
        make_rollup(&samples[i], probes, i);
    }
    for (int64_t b = last - n_stretches + 1, next; b <= last; b = next) {
        next = part_end(level, b, last + 1);
        run(db, "BEGIN");
        write_part(db, level, b, next, samples, SAMPLES);
        run(db, "COMMIT");
    }
    for (size_t i = 0; i < SAMPLES; i++)
        plx_buf_fini(&samples[i]);
}

int main(int argc, char **argv)
{
    int64_t days, hours;
    sqlite3 *db;
    char path[512];
    if (argc != 4 || plx_text_int(argv[2], 1, 400, &days) < 0 ||
        plx_text_int(argv[3], 0, 400, &hours) < 0) {
        fputs("usage: bench_history DATA_DIR DAYS MINUTE_HOURS\n", stderr);
        return 2;
    }
    snprintf(path, sizeof path, "%s/parallax.db", argv[1]);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        die(db);
    run(db, "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF;"
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536");
    read_ids(db, "SELECT id FROM monitors ORDER BY id", &monitors);
    read_ids(db, "SELECT id FROM agents ORDER BY id", &agents);
    write_level(db, PLX_ROLLUP_MINUTE, 1, hours * 60);
    write_level(db, PLX_ROLLUP_HOUR, 60, days * 24);
    write_level(db, PLX_ROLLUP_DAY, 1440, days);
    sqlite3_close(db);
    printf("rows %llu\n", (unsigned long long)n_rows);
    return 0;
}
