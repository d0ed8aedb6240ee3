/* Who may use the HTTP API. */
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"

struct access_job {
    struct plx_store_plain_job plain;
    struct plx_store_access access; /* secret NULL: remove */
    const char *who;
    struct plx_wall now;
};

static const char *const KIND_WORDS[] = {"user", "api_token"};

static int log_access(struct plx_store *store, const struct access_job *a)
{
    char what[32];
    snprintf(what, sizeof what, "%s_%s", KIND_WORDS[a->access.kind],
             a->access.secret ? "put" : "removed");
    return plx_store_log_change(store, a->now, a->who, what, a->access.name,
                                a->access.role ? a->access.role : "");
}

/* Role and end of the one of that kind and name, as they are before a change. */
struct former {
    bool is_there;
    char role[PLX_NAME_MAX + 1];
    struct plx_wall expires;
};

static int read_former(struct plx_db *db, const struct plx_store_access *access,
                       struct former *ret)
{
    sqlite3_stmt *s;
    *ret = (struct former){0};
    int err = plx_db_query(
        db, "SELECT role, expires_us FROM access WHERE kind = ?1 AND name = ?2",
        PLX_BINDS(plx_bind_int(access->kind), plx_bind_text(access->name)), &s);
    if (err || (err = plx_db_step(db, s)) <= 0)
        return err;
    ret->is_there = true;
    snprintf(ret->role, sizeof ret->role, "%s", plx_db_column_text(s, 0));
    ret->expires = plx_db_column_wall(s, 1);
    plx_db_done(s);
    return 0;
}

static int log_end(struct plx_store *store, struct plx_wall was, struct plx_wall now)
{
    char before[PLX_WALL_TEXT_MAX], after[PLX_WALL_TEXT_MAX];
    if (was.ns == now.ns)
        return 0;
    return plx_store_log_field(
        store,
        &(struct plx_store_field){"expires", was.ns ? plx_wall_format(was, before) : NULL,
                                  now.ns ? plx_wall_format(now, after) : NULL});
}

/* The secret is another one each time, and is not told. */
static int log_put(struct plx_store *store, const struct access_job *a,
                   const struct former *was)
{
    const struct plx_store_access *x = &a->access;
    const struct plx_store_field role = {"role", was->is_there ? was->role : NULL,
                                         x->role};
    int err = log_access(store, a);
    if (!err && strcmp(was->role, x->role) != 0)
        err = plx_store_log_field(store, &role);
    if (!err)
        err = log_end(store, was->expires, x->expires);
    if (!err && was->is_there)
        err = plx_store_log_field(store, &(struct plx_store_field){.key = "secret"});
    return err;
}

static int put_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct access_job *a = (const struct access_job *)job;
    const struct plx_store_access *x = &a->access;
    struct former was;
    int err = read_former(&store->db, x, &was);
    if (err)
        return err;
    err =
        plx_db_run(&store->db,
                   "INSERT INTO access (kind, name, role, secret, created_us, expires_us)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, name) DO UPDATE"
                   " SET role = excluded.role, secret = excluded.secret,"
                   " expires_us = excluded.expires_us",
                   PLX_BINDS(plx_bind_int(x->kind), plx_bind_text(x->name),
                             plx_bind_text(x->role), plx_bind_text(x->secret),
                             plx_bind_wall(a->now), plx_bind_wall(x->expires)));
    return err ? err : log_put(store, a, &was);
}

static int remove_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct access_job *a = (const struct access_job *)job;
    int err = plx_db_run(
        &store->db, "DELETE FROM access WHERE kind = ?1 AND name = ?2",
        PLX_BINDS(plx_bind_int(a->access.kind), plx_bind_text(a->access.name)));
    if (err)
        return err;
    if (sqlite3_changes(store->db.sqlite) == 0)
        return plx_why_set(&job->why, PLX_ENOTFOUND, "there is no %s '%s'",
                           a->access.kind == PLX_ACCESS_USER ? "user" : "API token",
                           a->access.name);
    return log_access(store, a);
}

static const struct plx_store_job_class PUT = {
    .name = "put_access", .run = put_run, .finish = plx_store_plain_finish};
static const struct plx_store_job_class REMOVE = {
    .name = "remove_access", .run = remove_run, .finish = plx_store_plain_finish};

static int submit(struct plx_store *store, const struct plx_store_job_class *class,
                  const struct plx_store_access *access, const char *who,
                  struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    struct access_job *job = plx_store_job_new(class, sizeof *job, arg);
    struct plx_store_job *head = &job->plain.job;
    job->plain.done = done;
    job->access = (struct plx_store_access){
        .kind = access->kind,
        .name = (char *)plx_store_job_text(head, access->name),
        .role = (char *)plx_store_job_text(head, access->role),
        .secret = (char *)plx_store_job_text(head, access->secret),
        .expires = access->expires,
    };
    job->who = plx_store_job_text(head, who);
    job->now = now;
    return plx_store_submit(store, head);
}

int plx_store_put_access(struct plx_store *store, const struct plx_store_access *access,
                         const char *who, struct plx_wall now, plx_store_done_fn *done,
                         void *arg)
{
    if (!plx_text_is_name(access->name) || !plx_text_is_word(access->role) ||
        !access->secret || !*access->secret)
        return PLX_EINVAL;
    return submit(store, &PUT, access, who, now, done, arg);
}

int plx_store_remove_access(struct plx_store *store, enum plx_access_kind kind,
                            const char *name, const char *who, struct plx_wall now,
                            plx_store_done_fn *done, void *arg)
{
    const struct plx_store_access access = {.kind = kind, .name = (char *)name};
    return submit(store, &REMOVE, &access, who, now, done, arg);
}

void plx_store_access_fini(struct plx_store_access *access)
{
    free(access->name);
    free(access->role);
    free(access->secret);
    *access = (struct plx_store_access){0};
}
