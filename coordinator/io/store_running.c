/* Settings, and that the coordinator runs. */
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"

struct put_job {
    struct plx_store_plain_job plain;
    const char *key;
    const char *value; /* NULL: remove */
    const char *who;
    struct plx_wall now;
};

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
    struct put_job *job = plx_store_job_new(&PUT_SETTING, sizeof *job, arg);
    struct plx_store_job *head = &job->plain.job;
    job->plain.done = done;
    job->key = plx_store_job_text(head, key);
    job->value = plx_store_job_text(head, value);
    job->who = plx_store_job_text(head, who);
    job->now = now;
    return plx_store_submit(store, head);
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
