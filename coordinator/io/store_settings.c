/* Admin keys and settings. */
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"

/* One row of two or three texts, put or removed. */
struct put_job {
    struct plx_store_plain_job plain;
    const char *key; /* an admin's public key; a setting's key */
    const char *name;
    const char *role;
    const char *value; /* NULL: remove */
    const char *who;
    struct plx_wall now;
};

static int submit_put(struct plx_store *store, const struct plx_store_job_class *class,
                      const struct put_job *like, plx_store_done_fn *done, void *arg)
{
    struct put_job *job = plx_store_job_new(class, sizeof *job, arg);
    struct plx_store_job *head = &job->plain.job;
    job->plain.done = done;
    job->key = plx_store_job_text(head, like->key);
    job->name = plx_store_job_text(head, like->name);
    job->role = plx_store_job_text(head, like->role);
    job->value = plx_store_job_text(head, like->value);
    job->who = plx_store_job_text(head, like->who);
    job->now = like->now;
    return plx_store_submit(store, head);
}

/* ---- admins ---- */

void plx_store_admin_fini(struct plx_store_admin *admin)
{
    free(admin->name);
    free(admin->role);
    *admin = (struct plx_store_admin){0};
}

static int put_admin_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct put_job *put = (const struct put_job *)job;
    int err = plx_db_run(&store->db,
                         "INSERT INTO admins (public_key, name, role, created_us)"
                         " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (public_key)"
                         " DO UPDATE SET name = excluded.name, role = excluded.role",
                         PLX_BINDS(plx_bind_text(put->key), plx_bind_text(put->name),
                                   plx_bind_text(put->role), plx_bind_wall(put->now)));
    if (err == PLX_EEXISTS)
        return plx_why_set(&job->why, err, "another key has the name '%s' already",
                           put->name);
    return err ? err
               : plx_store_log_change(store, put->now, put->who, "admin_put", put->name,
                                      put->role);
}

static const struct plx_store_job_class PUT_ADMIN = {
    .name = "put_admin", .run = put_admin_run, .finish = plx_store_plain_finish};

int plx_store_put_admin(struct plx_store *store, const char *public_key, const char *name,
                        const char *role, const char *who, struct plx_wall now,
                        plx_store_done_fn *done, void *arg)
{
    if (!plx_key_is_valid(public_key) || !plx_text_is_name(name) ||
        !plx_text_is_word(role))
        return PLX_EINVAL;
    struct put_job like = {
        .key = public_key, .name = name, .role = role, .who = who, .now = now};
    return submit_put(store, &PUT_ADMIN, &like, done, arg);
}

static int remove_admin_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct put_job *put = (const struct put_job *)job;
    int err = plx_db_run(&store->db, "DELETE FROM admins WHERE name = ?1",
                         PLX_BINDS(plx_bind_text(put->name)));
    if (err)
        return err;
    if (sqlite3_changes(store->db.sqlite) == 0)
        return plx_why_set(&job->why, PLX_ENOTFOUND, "there is no admin named '%s'",
                           put->name);
    return plx_store_log_change(store, put->now, put->who, "admin_removed", put->name,
                                "");
}

static const struct plx_store_job_class REMOVE_ADMIN = {
    .name = "remove_admin", .run = remove_admin_run, .finish = plx_store_plain_finish};

int plx_store_remove_admin(struct plx_store *store, const char *name, const char *who,
                           struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    struct put_job like = {.name = name, .who = who, .now = now};
    return submit_put(store, &REMOVE_ADMIN, &like, done, arg);
}

/* ---- settings ---- */

static int put_setting_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct put_job *put = (const struct put_job *)job;
    int err =
        put->value
            ? plx_db_run(&store->db,
                         "INSERT INTO settings (key, value) VALUES (?1, ?2)"
                         " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                         PLX_BINDS(plx_bind_text(put->key), plx_bind_text(put->value)))
            : plx_db_run(&store->db, "DELETE FROM settings WHERE key = ?1",
                         PLX_BINDS(plx_bind_text(put->key)));
    /* The value may be private: the log names the key only. */
    return err ? err
               : plx_store_log_change(store, put->now, put->who, "setting_put", put->key,
                                      put->value ? "" : "removed");
}

static const struct plx_store_job_class PUT_SETTING = {
    .name = "put_setting", .run = put_setting_run, .finish = plx_store_plain_finish};

int plx_store_put_setting(struct plx_store *store, const char *key, const char *value,
                          const char *who, struct plx_wall now, plx_store_done_fn *done,
                          void *arg)
{
    if (!plx_text_is_word(key))
        return PLX_EINVAL;
    if (value && strlen(value) > PLX_STORE_SETTING_MAX)
        return PLX_ETOOBIG;
    struct put_job like = {.key = key, .value = value, .who = who, .now = now};
    return submit_put(store, &PUT_SETTING, &like, done, arg);
}

/* ---- running ---- */

struct running_job {
    struct plx_store_plain_job plain;
    struct plx_wall now;
};

static int running_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct running_job *running = (const struct running_job *)job;
    return plx_db_run(&store->db,
                      "INSERT INTO state (key, value) VALUES ('ran_us', ?1)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      PLX_BINDS(plx_bind_wall(running->now)));
}

static const struct plx_store_job_class RUNNING = {
    .name = "running", .run = running_run, .finish = plx_store_plain_finish};

int plx_store_note_running(struct plx_store *store, struct plx_wall now)
{
    struct running_job *job = plx_store_job_new(&RUNNING, sizeof *job, NULL);
    job->now = now;
    return plx_store_submit(store, &job->plain.job);
}
