/* Rollups read back, on a connection of the reader's own. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"

int plx_store_reader_new(struct plx_store *store, struct plx_store_reader **ret,
                         struct plx_why *why)
{
    struct plx_store_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        abort();
    reader->read_ns = store->options.read_ns;
    int err = plx_db_open(&reader->db, store->path, true, why);
    if (err < 0) {
        free(reader);
        return err;
    }
    *ret = reader;
    return 0;
}

void plx_store_reader_destroy(struct plx_store_reader **reader)
{
    if (!*reader)
        return;
    plx_db_close(&(*reader)->db);
    free(*reader);
    *reader = NULL;
}

struct reading {
    struct plx_db *db;
    const struct plx_store_rollup_range *range;
    int64_t span_ns;
    plx_store_rollup_fn *fn;
    void *arg;
    bool ended; /* the callback had enough */
};

/* Hands out a row: bucket, monitor, agent, data. */
static int give_row(struct reading *rd, sqlite3_stmt *s)
{
    struct plx_rollup rollup = {0};
    const struct plx_store_rollup_row row = {
        .at = {sqlite3_column_int64(s, 0) * rd->span_ns},
        .monitor_id = (uint64_t)sqlite3_column_int64(s, 1),
        .agent_id = (uint64_t)sqlite3_column_int64(s, 2),
        .rollup = &rollup,
    };
    int err = plx_rollup_decode(&rollup, sqlite3_column_blob(s, 3),
                                (size_t)sqlite3_column_bytes(s, 3));
    if (err == 0)
        rd->ended = !rd->fn(rd->arg, &row);
    plx_rollup_fini(&rollup);
    return err < 0 ? PLX_ECORRUPT : 0;
}

/* Rows of the buckets [first, end), all of one part. */
static int read_part(struct reading *rd, sqlite3_stmt *s, int64_t first, int64_t end)
{
    int rc = SQLITE_DONE, err = 0;
    sqlite3_bind_int64(s, 1, first / plx_rollup_part(rd->range->level));
    sqlite3_bind_int64(s, 2, first);
    sqlite3_bind_int64(s, 3, end);
    sqlite3_bind_int64(s, 4, (int64_t)rd->range->monitor_id);
    while (err == 0 && !rd->ended && (rc = sqlite3_step(s)) == SQLITE_ROW)
        err = give_row(rd, s);
    if (err == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE)
        err = plx_db_error(rd->db, rc);
    sqlite3_reset(s);
    return err;
}

#define COLUMNS                                                                          \
    "SELECT bucket, monitor, agent, data FROM %s"                                        \
    " WHERE part = ?1 AND bucket >= ?2 AND bucket < ?3"

static int read_table(struct reading *rd, const char *table, int64_t first, int64_t end)
{
    int64_t n = plx_rollup_part(rd->range->level);
    char sql[256];
    sqlite3_stmt *s;
    snprintf(sql, sizeof sql,
             rd->range->monitor_id ? COLUMNS " AND monitor = ?4 ORDER BY bucket, agent"
                                   : COLUMNS
                 " AND ?4 = 0 ORDER BY monitor, bucket, agent",
             table);
    int rc = sqlite3_prepare_v2(rd->db->sqlite, sql, -1, &s, NULL);
    if (rc == SQLITE_ERROR)
        return 0; /* the table was dropped just now */
    if (rc != SQLITE_OK)
        return plx_db_error(rd->db, rc);
    int err = 0;
    for (int64_t b = first, next; err == 0 && !rd->ended && b < end; b = next) {
        next = (b / n + 1) * n;
        err = read_part(rd, s, b, next < end ? next : end);
    }
    sqlite3_finalize(s);
    return err;
}

/* The first bucket after those that share a table with `bucket`, at most `end`. */
static int64_t table_end(const struct reading *rd, const char *table, int64_t bucket,
                         int64_t end)
{
    char other[PLX_STORE_ROLLUP_TABLE_MAX];
    int64_t low = bucket, high = end; /* low is in the table; high is not, or the end */
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        plx_store_rollup_table(rd->range->level, (struct plx_wall){mid * rd->span_ns},
                               other);
        if (strcmp(other, table) == 0)
            low = mid;
        else
            high = mid;
    }
    return low + 1;
}

static bool is_there(const struct plx_store_rollup_name *tables, size_t n,
                     const char *table)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tables[i].text, table) == 0)
            return true;
    return false;
}

/* Narrows the range to the tables that there are: it may name any times. */
static void narrow(const struct reading *rd, const struct plx_store_rollup_name *tables,
                   size_t n, int64_t *first, int64_t *end)
{
    char table[PLX_STORE_ROLLUP_TABLE_MAX];
    int64_t low = *first, high = *end;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        plx_store_rollup_table(rd->range->level, (struct plx_wall){mid * rd->span_ns},
                               table);
        if (n > 0 && strcmp(table, tables[0].text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *first = n > 0 ? low : *end;
}

int plx_store_read_rollups(struct plx_store_reader *reader,
                           const struct plx_store_rollup_range *range,
                           plx_store_rollup_fn *fn, void *arg)
{
    struct reading rd = {
        .db = &reader->db,
        .range = range,
        .span_ns = plx_rollup_span_ns(range->level),
        .fn = fn,
        .arg = arg,
    };
    char table[PLX_STORE_ROLLUP_TABLE_MAX];
    struct plx_store_rollup_name *tables;
    size_t n;
    plx_db_set_deadline(rd.db, reader->read_ns);
    int err = plx_store_rollup_tables(rd.db, range->level, &tables, &n);
    if (err < 0)
        return err;
    int64_t first = (range->from.ns + rd.span_ns - 1) / rd.span_ns;
    int64_t end = (range->to.ns + rd.span_ns - 1) / rd.span_ns;
    narrow(&rd, tables, n, &first, &end);
    for (int64_t b = first < 0 ? 0 : first, next; err == 0 && !rd.ended && b < end;
         b = next) {
        plx_store_rollup_table(range->level, (struct plx_wall){b * rd.span_ns}, table);
        if (n > 0 && strcmp(table, tables[n - 1].text) > 0)
            break;
        next = table_end(&rd, table, b, end);
        if (is_there(tables, n, table))
            err = read_table(&rd, table, b, next);
    }
    free(tables);
    return err;
}
