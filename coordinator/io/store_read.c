/* Results and gaps read back, in slices of rows, so that no read holds the database for
 * long: an open read lets the WAL grow without bound. */
#include "coordinator/io/store_history.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "sys/clock.h"

#include <limits.h>

/* Rows looked at in one statement: a few ms. */
#define SLICE_ROWS 20000

static const char SLICE[] =
    "SELECT r.rowid, r.agent, s.stream_id, r.seq, r.monitor, r.scheduled_us, r.lag_us,"
    " r.duration_us, r.outcome, r.kind, r.unreach, r.detail, r.rtt_us, r.syn_retrans,"
    " r.icmp, r.icmp_from, r.address, r.source, r.closed_late, r.received_us,"
    " r.excerpt"
    " FROM results_%08d r LEFT JOIN streams s ON s.no = r.stream"
    " WHERE r.rowid > ?1 AND r.rowid <= ?2 AND (?3 = 0 OR r.monitor = ?3)"
    " AND (?4 = 0 OR r.agent = ?4) AND r.received_us >= ?5 AND r.received_us < ?6"
    " ORDER BY r.rowid";

struct reading {
    struct plx_db *db;
    const struct plx_store_range *range;
    struct plx_store_cursor *cursor;
    size_t left; /* rows that may still be handed out */
    plx_store_row_fn *fn;
    void *arg;
    bool ended; /* the callback had enough */
    struct plx_mono deadline;
};

static struct plx_addr column_addr(sqlite3_stmt *s, int column)
{
    struct plx_addr addr = {0};
    int len = sqlite3_column_bytes(s, column);
    if (len == 4 || len == 16) {
        addr.family = len == 4 ? 4 : 6;
        memcpy(addr.bytes, sqlite3_column_blob(s, column), (size_t)len);
    }
    return addr;
}

static void read_row(sqlite3_stmt *s, struct plx_store_row *row)
{
    struct plx_result *r = &row->result;
    *row = (struct plx_store_row){.agent_id = (uint64_t)sqlite3_column_int64(s, 1),
                                  .stream_id = (uint64_t)sqlite3_column_int64(s, 2),
                                  .received = plx_db_column_wall(s, 19)};
    r->seq = (uint64_t)sqlite3_column_int64(s, 3);
    r->monitor_id = (uint64_t)sqlite3_column_int64(s, 4);
    r->scheduled = plx_db_column_wall(s, 5);
    int64_t lag_us = sqlite3_column_int64(s, 6);
    r->started = plx_wall_add(r->scheduled, lag_us * PLX_US_NS);
    r->lag_us = lag_us < 0 ? 0 : (uint32_t)lag_us;
    r->duration_ns = sqlite3_column_int64(s, 7) * PLX_US_NS;
    r->outcome = (enum plx_outcome)sqlite3_column_int(s, 8);
    r->kind = (enum plx_probe_kind)sqlite3_column_int(s, 9);
    r->unreach = (enum plx_unreach)sqlite3_column_int(s, 10);
    r->detail = (enum plx_detail)sqlite3_column_int(s, 11);
    r->rtt_us = (uint32_t)sqlite3_column_int64(s, 12);
    r->syn_retrans = (uint32_t)sqlite3_column_int64(s, 13);
    r->icmp_type = (uint8_t)(sqlite3_column_int(s, 14) >> 8);
    r->icmp_code = (uint8_t)sqlite3_column_int(s, 14);
    r->icmp_from = column_addr(s, 15);
    r->address = column_addr(s, 16);
    r->source = column_addr(s, 17);
    r->closed_late = sqlite3_column_int(s, 18) & 1;
    r->clock_doubtful = sqlite3_column_int(s, 18) >> 1 & 1;
    snprintf(r->excerpt, sizeof r->excerpt, "%s", plx_db_column_text(s, 20));
}

/* One integer of a statement made at run time, with one value. */
static int ask_int(struct plx_db *db, const char *sql, int64_t value, int64_t *ret)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return plx_db_error(db, rc);
    sqlite3_bind_int64(stmt, 1, value);
    rc = sqlite3_step(stmt);
    int err = rc == SQLITE_ROW    ? 0
              : rc == SQLITE_DONE ? PLX_ENOTFOUND
                                  : plx_db_error(db, rc);
    if (!err)
        *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return err;
}

static int last_row(struct plx_db *db, int32_t day, int64_t *ret)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT coalesce(max(rowid), ?1) FROM results_%08d", day);
    return ask_int(db, sql, 0, ret);
}

static int received_us(struct plx_db *db, int32_t day, int64_t row, int64_t *ret)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT received_us FROM results_%08d WHERE rowid = ?1",
             day);
    return ask_int(db, sql, row, ret);
}

/* The last row of the day received before `from`, found by halving: rows are in the order
 * of receipt. */
static int row_before(struct plx_db *db, int32_t day, struct plx_wall from, int64_t *ret)
{
    int64_t low = 0, high = 0, received = 0;
    int err = last_row(db, day, &high);
    while (!err && low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        err = received_us(db, day, mid, &received);
        if (!err && received < from.ns / PLX_US_NS)
            low = mid;
        else
            high = mid - 1;
    }
    if (!err)
        *ret = low;
    return err;
}

/* Moves a beginning so that at most `last_rows` rows lie behind it. */
static int bound_rows(struct reading *rd, const int32_t *days, size_t n)
{
    struct plx_store_cursor *c = rd->cursor;
    size_t left = rd->range->last_rows;
    for (size_t i = n; left && i-- > 0 && days[i] >= c->day;) {
        int64_t last = 0;
        int err = last_row(rd->db, days[i], &last);
        if (err)
            return err;
        if ((uint64_t)last >= left) {
            if (days[i] > c->day || last - (int64_t)left > c->row)
                *c = (struct plx_store_cursor){.day = days[i],
                                               .row = last - (int64_t)left};
            return 0;
        }
        left -= (size_t)last;
    }
    return 0;
}

static int begin(struct reading *rd, const int32_t *days, size_t n)
{
    struct plx_store_cursor *c = rd->cursor;
    int32_t first = plx_store_day_of(rd->range->from);
    size_t i = 0;
    while (i < n && days[i] < first)
        i++;
    c->day = i < n ? days[i] : first;
    int err = 0;
    if (i < n && days[i] == first)
        err = row_before(rd->db, first, rd->range->from, &c->row);
    return err ? err : bound_rows(rd, days, n);
}

static int read_slice(struct reading *rd, sqlite3_stmt *s, int64_t to_row)
{
    const struct plx_store_range *range = rd->range;
    int64_t to_us = range->to.ns ? range->to.ns / PLX_US_NS : INT64_MAX;
    sqlite3_bind_int64(s, 1, rd->cursor->row);
    sqlite3_bind_int64(s, 2, to_row);
    sqlite3_bind_int64(s, 3, (int64_t)range->monitor_id);
    sqlite3_bind_int64(s, 4, (int64_t)range->agent_id);
    sqlite3_bind_int64(s, 5, range->from.ns / PLX_US_NS);
    sqlite3_bind_int64(s, 6, to_us);
    int rc = SQLITE_DONE;
    while (rd->left && !rd->ended && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct plx_store_row row;
        read_row(s, &row);
        rd->cursor->row = sqlite3_column_int64(s, 0);
        rd->left--;
        rd->ended = !rd->fn(rd->arg, &row);
    }
    int err = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : plx_db_error(rd->db, rc);
    if (!err && rd->left && !rd->ended)
        rd->cursor->row = to_row;
    sqlite3_reset(s);
    return err;
}

static int read_day(struct reading *rd)
{
    int64_t last = 0;
    int err = last_row(rd->db, rd->cursor->day, &last);
    if (err)
        return err == PLX_EINVAL ? 0 : err; /* the day was dropped just now */
    char sql[1024];
    snprintf(sql, sizeof sql, SLICE, rd->cursor->day);
    sqlite3_stmt *s;
    int rc = sqlite3_prepare_v2(rd->db->sqlite, sql, -1, &s, NULL);
    if (rc != SQLITE_OK)
        return plx_db_error(rd->db, rc);
    while (!err && rd->left && !rd->ended && rd->cursor->row < last) {
        int64_t to = rd->cursor->row + SLICE_ROWS;
        err = read_slice(rd, s, to < last ? to : last);
        if (!err && plx_clock_mono().ns > rd->deadline.ns)
            err = PLX_ETIMEOUT;
    }
    sqlite3_finalize(s);
    return err;
}

static int read_days(struct reading *rd, const int32_t *days, size_t n)
{
    const struct plx_store_range *range = rd->range;
    int32_t to_day = range->to.ns ? plx_store_day_of(range->to) : INT32_MAX;
    struct plx_store_cursor *c = rd->cursor;
    int err = c->day ? 0 : begin(rd, days, n);
    for (size_t i = 0; !err && i < n && days[i] <= to_day; i++) {
        if (days[i] < c->day)
            continue;
        if (days[i] > c->day)
            *c = (struct plx_store_cursor){.day = days[i]};
        err = read_day(rd);
        if (!rd->left || rd->ended)
            return err;
    }
    c->at_end = !err;
    return err;
}

int plx_store_read_results(struct plx_store *store, const struct plx_store_range *range,
                           struct plx_store_cursor *cursor, size_t limit,
                           plx_store_row_fn *fn, void *arg)
{
    struct reading rd = {
        .db = &store->reader,
        .range = range,
        .cursor = cursor,
        .left = limit,
        .fn = fn,
        .arg = arg,
        .deadline = plx_mono_add(plx_clock_mono(), store->options.read_ns),
    };
    if (cursor->at_end)
        return 0;
    plx_db_set_deadline(rd.db, 0);
    int32_t *days;
    size_t n;
    int err = plx_store_days(rd.db, &days, &n);
    if (err)
        return err;
    err = read_days(&rd, days, n);
    free(days);
    return err;
}

int plx_store_read_gaps(struct plx_store *store, uint64_t agent_id, struct plx_wall since,
                        size_t limit, plx_store_gap_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(
        db,
        "SELECT g.agent_id, s.stream_id, g.first_seq, g.n, g.from_us,"
        " g.to_us, g.received_us"
        " FROM gaps g LEFT JOIN streams s ON s.no = g.stream"
        " WHERE (?1 = 0 OR g.agent_id = ?1) AND g.received_us >= ?2"
        " ORDER BY g.id LIMIT ?3",
        PLX_BINDS(plx_bind_uint(agent_id), plx_bind_wall(since), plx_bind_uint(limit)),
        &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        struct plx_store_gap gap = {
            .agent_id = (uint64_t)sqlite3_column_int64(s, 0),
            .stream_id = (uint64_t)sqlite3_column_int64(s, 1),
            .first_seq = (uint64_t)sqlite3_column_int64(s, 2),
            .n = (uint64_t)sqlite3_column_int64(s, 3),
            .from = plx_db_column_wall(s, 4),
            .to = plx_db_column_wall(s, 5),
            .received = plx_db_column_wall(s, 6),
        };
        err = 0;
        if (!fn(arg, &gap)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}
