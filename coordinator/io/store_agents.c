/* Agents: who may speak to us. */
#include "coordinator/io/store_agents.h"

#include "base/err.h"
#include "base/text.h"

const char *plx_agent_state_token(enum plx_agent_state state)
{
    switch (state) {
    case PLX_AGENT_ACTIVE:
        return "active";
    case PLX_AGENT_DRAINING:
        return "draining";
    case PLX_AGENT_REVOKED:
        return "revoked";
    }
    return "unknown";
}

void plx_store_agent_fini(struct plx_store_agent *agent)
{
    free(agent->name);
    free(agent->region);
    free(agent->software);
    plx_store_labels_free(agent->labels, agent->n_labels);
    plx_store_labels_free(agent->own_labels, agent->n_own_labels);
    *agent = (struct plx_store_agent){0};
}

int plx_store_agent_read(struct plx_db *db, sqlite3_stmt *s, struct plx_store_agent *ret)
{
    struct plx_store_agent a = {
        .id = (uint64_t)sqlite3_column_int64(s, 0),
        .name = plx_db_column_dup(s, 1),
        .region = plx_db_column_dup(s, 2),
        .state = (enum plx_agent_state)sqlite3_column_int(s, 4),
        .software = plx_db_column_dup(s, 7),
        .token_id = (uint64_t)sqlite3_column_int64(s, 8),
        .created = plx_db_column_wall(s, 9),
        .last_seen = plx_db_column_wall(s, 10),
    };
    int err = plx_text_copy(a.public_key, sizeof a.public_key, plx_db_column_text(s, 3));
    if (!err)
        err = plx_store_labels_read(db, plx_db_column_text(s, 5), &a.labels, &a.n_labels);
    if (!err)
        err = plx_store_labels_read(db, plx_db_column_text(s, 6), &a.own_labels,
                                    &a.n_own_labels);
    if (err)
        plx_store_agent_fini(&a);
    else
        *ret = a;
    return err;
}

int plx_store_agent_by_id(struct plx_db *db, uint64_t id, struct plx_store_agent *ret)
{
    sqlite3_stmt *s;
    int err =
        plx_db_query(db, "SELECT " PLX_STORE_AGENT_COLUMNS " FROM agents WHERE id = ?1",
                     PLX_BINDS(plx_bind_uint(id)), &s);
    if (err)
        return err;
    err = plx_db_step(db, s);
    if (err <= 0)
        return err ? err : PLX_ENOTFOUND;
    err = plx_store_agent_read(db, s, ret);
    plx_db_done(s);
    return err;
}

/* Whether a key was once an agent's, and is not any more. */
static int refuse_former_key(struct plx_db *db, const char *key)
{
    int64_t n = 0;
    int err = plx_db_int(db, "SELECT count(*) FROM former_keys WHERE public_key = ?1",
                         PLX_BINDS(plx_bind_text(key)), &n);
    return err ? err : n > 0 ? PLX_EEXISTS : 0;
}

static int insert(struct plx_db *db, const struct plx_store_new_agent *a)
{
    struct plx_buf fixed, own;
    int err = refuse_former_key(db, a->public_key);
    if (err)
        return err;
    plx_buf_init(&fixed, PLX_STORE_LABELS_JSON_MAX);
    plx_buf_init(&own, PLX_STORE_LABELS_JSON_MAX);
    plx_store_labels_json(a->labels, a->n_labels, &fixed);
    plx_store_labels_json(a->own_labels, a->n_own_labels, &own);
    err = plx_db_run(
        db,
        "INSERT INTO agents (name, region, public_key, labels, own_labels, software,"
        " token_id, created_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        PLX_BINDS(plx_bind_text(a->name), plx_bind_text(a->region),
                  plx_bind_text(a->public_key), plx_bind_text(plx_buf_str(&fixed)),
                  plx_bind_text(plx_buf_str(&own)), plx_bind_text(a->software),
                  plx_bind_uint(a->token_id), plx_bind_wall(a->now)));
    plx_buf_fini(&fixed);
    plx_buf_fini(&own);
    return err;
}

int plx_store_agent_insert(struct plx_store *store, const struct plx_store_new_agent *a,
                           struct plx_store_agent *ret, struct plx_why *why)
{
    struct plx_db *db = &store->db;
    int err = insert(db, a);
    if (err == PLX_EEXISTS)
        return plx_why_set(why, err,
                           "there is an agent named '%s' already, or one that has or had "
                           "this key",
                           a->name);
    if (err)
        return err;
    uint64_t id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    err = plx_store_log_change(store, a->now, a->who, "agent_added", a->name, a->region);
    return err ? err : plx_store_agent_by_id(db, id, ret);
}

/* ---- add ---- */

static int add_run(struct plx_store *store, struct plx_store_job *job)
{
    struct plx_store_agent_job *add = (struct plx_store_agent_job *)job;
    plx_store_agent_fini(&add->agent);
    return plx_store_agent_insert(store, &add->want, &add->agent, &job->why);
}

void plx_store_agent_finish(struct plx_store_job *job)
{
    struct plx_store_agent_job *add = (struct plx_store_agent_job *)job;
    add->done(job->arg, job->err, job->why.text, job->err ? NULL : &add->agent);
}

void plx_store_agent_job_fini(struct plx_store_job *job)
{
    plx_store_agent_fini(&((struct plx_store_agent_job *)job)->agent);
}

static const struct plx_store_job_class ADD = {.name = "add_agent",
                                               .run = add_run,
                                               .finish = plx_store_agent_finish,
                                               .fini = plx_store_agent_job_fini};

int plx_store_add_agent(struct plx_store *store, const struct plx_store_agent_add *add,
                        plx_store_agent_fn *done, void *arg)
{
    if (!plx_text_is_name(add->name) || !plx_text_is_word(add->region) ||
        !plx_key_is_valid(add->public_key) ||
        !plx_store_labels_valid(add->labels, add->n_labels))
        return PLX_EINVAL;
    struct plx_store_agent_job *job = plx_store_job_new(&ADD, sizeof *job, arg);
    struct plx_store_job *head = &job->job;
    job->done = done;
    job->want = (struct plx_store_new_agent){
        .name = plx_store_job_text(head, add->name),
        .region = plx_store_job_text(head, add->region),
        .public_key = plx_store_job_text(head, add->public_key),
        .labels = plx_store_job_labels(head, add->labels, add->n_labels),
        .n_labels = add->n_labels,
        .who = plx_store_job_text(head, add->who),
        .now = add->now,
    };
    return plx_store_submit(store, head);
}

/* ---- state ---- */

struct state_job {
    struct plx_store_plain_job plain;
    uint64_t agent_id;
    enum plx_agent_state state;
    const char *who;
    struct plx_wall now;
};

static int state_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct state_job *set = (const struct state_job *)job;
    struct plx_store_agent agent;
    int err = plx_store_agent_by_id(&store->db, set->agent_id, &agent);
    if (err == PLX_ENOTFOUND)
        return plx_why_set(&job->why, err, "there is no agent %llu",
                           (unsigned long long)set->agent_id);
    if (err)
        return err;
    if (agent.state == PLX_AGENT_REVOKED && set->state != PLX_AGENT_REVOKED)
        err =
            plx_why_set(&job->why, PLX_ECONFLICT,
                        "agent '%s' is revoked and stays so: enrol it anew", agent.name);
    else if (agent.state != set->state)
        err =
            plx_db_run(&store->db, "UPDATE agents SET state = ?2 WHERE id = ?1",
                       PLX_BINDS(plx_bind_uint(set->agent_id), plx_bind_int(set->state)));
    if (!err && agent.state != set->state)
        err = plx_store_log_change(store, set->now, set->who, "agent_state", agent.name,
                                   plx_agent_state_token(set->state));
    if (!err && agent.state != set->state)
        err = plx_store_log_field(
            store, &(struct plx_store_field){"state", plx_agent_state_token(agent.state),
                                             plx_agent_state_token(set->state)});
    plx_store_agent_fini(&agent);
    return err;
}

static const struct plx_store_job_class STATE = {
    .name = "agent_state", .run = state_run, .finish = plx_store_plain_finish};

int plx_store_set_agent_state(struct plx_store *store, uint64_t agent_id,
                              enum plx_agent_state state, const char *who,
                              struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    if (state < PLX_AGENT_ACTIVE || state > PLX_AGENT_REVOKED)
        return PLX_EINVAL;
    struct state_job *job = plx_store_job_new(&STATE, sizeof *job, arg);
    job->plain.done = done;
    job->agent_id = agent_id;
    job->state = state;
    job->who = plx_store_job_text(&job->plain.job, who);
    job->now = now;
    return plx_store_submit(store, &job->plain.job);
}

/* ---- key ---- */

struct key_job {
    struct plx_store_plain_job plain;
    uint64_t agent_id;
    const char *key;
    struct plx_wall now;
};

static int change_key(struct plx_store *store, const struct key_job *set,
                      const struct plx_store_agent *agent)
{
    struct plx_db *db = &store->db;
    int err = refuse_former_key(db, set->key);
    if (!err)
        err = plx_db_run(db, "UPDATE agents SET public_key = ?2 WHERE id = ?1",
                         PLX_BINDS(plx_bind_uint(agent->id), plx_bind_text(set->key)));
    if (!err)
        err = plx_db_run(db,
                         "INSERT INTO former_keys (public_key, agent_id, until_us)"
                         " VALUES (?1, ?2, ?3)",
                         PLX_BINDS(plx_bind_text(agent->public_key),
                                   plx_bind_uint(agent->id), plx_bind_wall(set->now)));
    if (!err)
        err =
            plx_store_log_change(store, set->now, "agent", "agent_key", agent->name, "");
    return err;
}

static int key_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct key_job *set = (const struct key_job *)job;
    struct plx_store_agent agent;
    int err = plx_store_agent_by_id(&store->db, set->agent_id, &agent);
    if (err)
        return err;
    if (agent.state == PLX_AGENT_REVOKED)
        err = plx_why_set(&job->why, PLX_ECONFLICT, "agent '%s' is revoked", agent.name);
    else if (strcmp(agent.public_key, set->key) != 0)
        err = change_key(store, set, &agent);
    if (err == PLX_EEXISTS)
        plx_why_set(&job->why, err, "an agent has or had this key");
    plx_store_agent_fini(&agent);
    return err;
}

static const struct plx_store_job_class KEY = {
    .name = "agent_key", .run = key_run, .finish = plx_store_plain_finish};

int plx_store_set_agent_key(struct plx_store *store, uint64_t agent_id, const char *key,
                            struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    if (!plx_key_is_valid(key))
        return PLX_EINVAL;
    struct key_job *job = plx_store_job_new(&KEY, sizeof *job, arg);
    job->plain.done = done;
    job->agent_id = agent_id;
    job->key = plx_store_job_text(&job->plain.job, key);
    job->now = now;
    return plx_store_submit(store, &job->plain.job);
}

/* ---- labels ---- */

struct labels_job {
    struct plx_store_plain_job plain;
    uint64_t agent_id;
    const struct plx_label *labels;
    size_t n_labels;
    const char *who;
    struct plx_wall now;
};

static const char *value_of(const struct plx_label *labels, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(labels[i].key, key) == 0)
            return labels[i].value;
    return NULL;
}

/* The labels that are new, gone or have another value. */
static int log_labels(struct plx_store *store, const struct plx_store_agent *agent,
                      const struct plx_label *labels, size_t n)
{
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        const char *was = value_of(agent->labels, agent->n_labels, labels[i].key);
        if (!was || strcmp(was, labels[i].value) != 0)
            err = plx_store_log_field(
                store, &(struct plx_store_field){labels[i].key, was, labels[i].value});
    }
    for (size_t i = 0; !err && i < agent->n_labels; i++) {
        const struct plx_label *was = &agent->labels[i];
        if (!value_of(labels, n, was->key))
            err = plx_store_log_field(
                store, &(struct plx_store_field){was->key, was->value, NULL});
    }
    return err;
}

static int labels_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct labels_job *set = (const struct labels_job *)job;
    struct plx_store_agent agent;
    struct plx_buf labels;
    int err = plx_store_agent_by_id(&store->db, set->agent_id, &agent);
    if (err)
        return err;
    plx_buf_init(&labels, PLX_STORE_LABELS_JSON_MAX);
    plx_store_labels_json(set->labels, set->n_labels, &labels);
    err = plx_db_run(
        &store->db, "UPDATE agents SET labels = ?2 WHERE id = ?1",
        PLX_BINDS(plx_bind_uint(set->agent_id), plx_bind_text(plx_buf_str(&labels))));
    if (!err)
        err = plx_store_log_change(store, set->now, set->who, "agent_labels", agent.name,
                                   plx_buf_str(&labels));
    if (!err)
        err = log_labels(store, &agent, set->labels, set->n_labels);
    plx_buf_fini(&labels);
    plx_store_agent_fini(&agent);
    return err;
}

static const struct plx_store_job_class LABELS = {
    .name = "agent_labels", .run = labels_run, .finish = plx_store_plain_finish};

int plx_store_set_agent_labels(struct plx_store *store, uint64_t agent_id,
                               const struct plx_label *labels, size_t n, const char *who,
                               struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    if (!plx_store_labels_valid(labels, n))
        return PLX_EINVAL;
    struct labels_job *job = plx_store_job_new(&LABELS, sizeof *job, arg);
    struct plx_store_job *head = &job->plain.job;
    job->plain.done = done;
    job->agent_id = agent_id;
    job->labels = plx_store_job_labels(head, labels, n);
    job->n_labels = n;
    job->who = plx_store_job_text(head, who);
    job->now = now;
    return plx_store_submit(store, head);
}

/* ---- touch ---- */

struct touch_job {
    struct plx_store_plain_job plain;
    uint64_t agent_id;
    struct plx_wall last_seen;
    const char *software;
    const struct plx_label *labels;
    size_t n_labels;
};

static int touch_hello(struct plx_db *db, const struct touch_job *touch)
{
    struct plx_buf own;
    plx_buf_init(&own, PLX_STORE_LABELS_JSON_MAX);
    plx_store_labels_json(touch->labels, touch->n_labels, &own);
    int err = plx_db_run(
        db, "UPDATE agents SET software = ?2, own_labels = ?3 WHERE id = ?1",
        PLX_BINDS(plx_bind_uint(touch->agent_id), plx_bind_text(touch->software),
                  plx_bind_text(plx_buf_str(&own))));
    plx_buf_fini(&own);
    return err;
}

static int touch_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct touch_job *touch = (const struct touch_job *)job;
    int err = plx_db_run(
        &store->db,
        "UPDATE agents SET last_seen_us = max(last_seen_us, ?2) WHERE id = ?1",
        PLX_BINDS(plx_bind_uint(touch->agent_id), plx_bind_wall(touch->last_seen)));
    if (!err && sqlite3_changes(store->db.sqlite) == 0)
        return PLX_ENOTFOUND;
    return err || !touch->software ? err : touch_hello(&store->db, touch);
}

static const struct plx_store_job_class TOUCH = {.name = "touch_agent",
                                                 .patient = true,
                                                 .run = touch_run,
                                                 .finish = plx_store_plain_finish};

int plx_store_touch_agent(struct plx_store *store, uint64_t agent_id,
                          struct plx_wall last_seen, const char *software,
                          const struct plx_label *labels, size_t n_labels,
                          plx_store_done_fn *done, void *arg)
{
    if (software && (strlen(software) > PLX_STORE_SOFTWARE_MAX ||
                     !plx_store_labels_valid(labels, n_labels)))
        return PLX_EINVAL;
    struct touch_job *job = plx_store_job_new(&TOUCH, sizeof *job, arg);
    job->plain.done = done;
    job->agent_id = agent_id;
    job->last_seen = last_seen;
    if (software) {
        job->software = plx_store_job_text(&job->plain.job, software);
        job->labels = plx_store_job_labels(&job->plain.job, labels, n_labels);
        job->n_labels = n_labels;
    }
    return plx_store_submit(store, &job->plain.job);
}
