/* The whole configuration, read in one transaction. */
#include "coordinator/io/store_agents.h"

#include "base/err.h"
#include "base/text.h"

/* Makes room for one more of `n` items of `size` bytes; returns the new one, zeroed. */
static void *grow(void *items_ptr, size_t *n, size_t size)
{
    void **items = items_ptr;
    if ((*n & (*n - 1)) == 0) { /* 0 or a power of two */
        void *more = realloc(*items, (*n ? 2 * *n : 1) * size);
        if (!more)
            abort();
        *items = more;
    }
    return memset((char *)*items + (*n)++ * size, 0, size);
}

static int read_monitor(struct plx_db *db, sqlite3_stmt *s, struct plx_store_config *c,
                        struct plx_why *why)
{
    (void)db;
    struct plx_monitor *m = grow(&c->monitors, &c->n_monitors, sizeof *m);
    int err = plx_wire_decode_monitor(sqlite3_column_blob(s, 1),
                                      (size_t)sqlite3_column_bytes(s, 1), m, why);
    if (err) {
        c->n_monitors--;
        return plx_why_in(why, PLX_ECORRUPT, "monitor %lld of the database",
                          (long long)sqlite3_column_int64(s, 0));
    }
    m->id = (uint64_t)sqlite3_column_int64(s, 0);
    return 0;
}

static int read_agent(struct plx_db *db, sqlite3_stmt *s, struct plx_store_config *c,
                      struct plx_why *why)
{
    struct plx_store_agent *a = grow(&c->agents, &c->n_agents, sizeof *a);
    int err = plx_store_agent_read(db, s, a);
    return err ? plx_why_set(why, err, "an agent of the database: %s", plx_err_text(err))
               : 0;
}

static int read_token(struct plx_db *db, sqlite3_stmt *s, struct plx_store_config *c,
                      struct plx_why *why)
{
    struct plx_store_token *t = grow(&c->tokens, &c->n_tokens, sizeof *t);
    int err = plx_store_token_read(db, s, t);
    return err ? plx_why_set(why, err, "a token of the database: %s", plx_err_text(err))
               : 0;
}

static int read_access(struct plx_db *db, sqlite3_stmt *s, struct plx_store_config *c,
                       struct plx_why *why)
{
    (void)db;
    (void)why;
    struct plx_store_access *a = grow(&c->access, &c->n_access, sizeof *a);
    *a = (struct plx_store_access){
        .kind = (enum plx_access_kind)sqlite3_column_int(s, 0),
        .name = plx_db_column_dup(s, 1),
        .role = plx_db_column_dup(s, 2),
        .secret = plx_db_column_dup(s, 3),
        .created = plx_db_column_wall(s, 4),
        .expires = plx_db_column_wall(s, 5),
    };
    return 0;
}

typedef int read_fn(struct plx_db *db, sqlite3_stmt *s, struct plx_store_config *c,
                    struct plx_why *why);

static const struct {
    const char *sql;
    read_fn *read;
} TABLES[] = {
    {"SELECT id, spec FROM monitors ORDER BY id", read_monitor},
    {"SELECT " PLX_STORE_AGENT_COLUMNS " FROM agents ORDER BY id", read_agent},
    {"SELECT " PLX_STORE_TOKEN_COLUMNS " FROM tokens ORDER BY id", read_token},
    {"SELECT kind, name, role, secret, created_us, expires_us FROM access"
     " ORDER BY kind, name",
     read_access},
};

static int read_table(struct plx_db *db, size_t table, struct plx_store_config *c,
                      struct plx_why *why)
{
    sqlite3_stmt *s;
    int err = plx_db_query(db, TABLES[table].sql, NULL, &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        err = TABLES[table].read(db, s, c, why);
        if (err)
            plx_db_done(s);
    }
    return err;
}

static int read_all(struct plx_db *db, struct plx_store_config *c, struct plx_why *why)
{
    int64_t generation = 0, ran_us = 0;
    int err = plx_db_int(db, "SELECT value FROM state WHERE key = 'generation'", NULL,
                         &generation);
    if (!err)
        err = plx_db_int(
            db, "SELECT coalesce((SELECT value FROM state WHERE key = 'ran_us'), 0)",
            NULL, &ran_us);
    c->generation = (uint64_t)generation;
    c->last_ran.ns = ran_us * PLX_US_NS;
    for (size_t i = 0; !err && i < sizeof TABLES / sizeof *TABLES; i++)
        err = read_table(db, i, c, why);
    return err;
}

int plx_store_load(struct plx_store *store, struct plx_store_config *ret,
                   struct plx_why *why)
{
    struct plx_db *db = &store->reader;
    struct plx_store_config config = {0};
    struct plx_why inner = {""};
    plx_db_set_deadline(db, 0);
    int err = plx_db_run(db, "BEGIN", NULL);
    if (!err) {
        err = read_all(db, &config, &inner);
        plx_db_run(db, "COMMIT", NULL);
    }
    if (err) {
        plx_store_config_fini(&config);
        return plx_why_set(why, err, "cannot read %s: %s", store->path,
                           *inner.text ? inner.text : plx_err_text(err));
    }
    *ret = config;
    return 0;
}

void plx_store_config_fini(struct plx_store_config *c)
{
    for (size_t i = 0; i < c->n_monitors; i++)
        plx_monitor_fini(&c->monitors[i]);
    for (size_t i = 0; i < c->n_agents; i++)
        plx_store_agent_fini(&c->agents[i]);
    for (size_t i = 0; i < c->n_tokens; i++)
        plx_store_token_fini(&c->tokens[i]);
    free(c->monitors);
    free(c->agents);
    free(c->tokens);
    for (size_t i = 0; i < c->n_access; i++)
        plx_store_access_fini(&c->access[i]);
    free(c->access);
    *c = (struct plx_store_config){0};
}
