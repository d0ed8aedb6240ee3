/* One-time tokens and the enrolment they pay for. Only hashes of secrets are kept. */
#include "coordinator/io/store_agents.h"

#include "base/err.h"
#include "base/text.h"

#include <sodium.h>

/* A token's secret is random text of 128 bits or more: a plain hash, without salt or
 * stretching, is enough, and lets it be found by its hash. */
static void hash_secret(const char *secret, uint8_t ret[32])
{
    crypto_generichash(ret, 32, (const unsigned char *)secret, strlen(secret), NULL, 0);
}

static bool secret_valid(const char *secret)
{
    size_t len = strlen(secret);
    return len >= PLX_STORE_SECRET_MIN && len <= PLX_STORE_SECRET_MAX;
}

void plx_store_token_fini(struct plx_store_token *token)
{
    free(token->region);
    free(token->note);
    plx_store_labels_free(token->labels, token->n_labels);
    *token = (struct plx_store_token){0};
}

int plx_store_token_read(struct plx_db *db, sqlite3_stmt *s, struct plx_store_token *ret)
{
    struct plx_store_token t = {
        .id = (uint64_t)sqlite3_column_int64(s, 0),
        .region = plx_db_column_dup(s, 1),
        .note = plx_db_column_dup(s, 3),
        .uses_left = (uint32_t)sqlite3_column_int64(s, 4),
        .revoked = sqlite3_column_int(s, 5) != 0,
        .created = plx_db_column_wall(s, 6),
        .expires = plx_db_column_wall(s, 7),
    };
    int err = plx_store_labels_read(db, plx_db_column_text(s, 2), &t.labels, &t.n_labels);
    if (err)
        plx_store_token_fini(&t);
    else
        *ret = t;
    return err;
}

static int first_token(struct plx_db *db, sqlite3_stmt *s, struct plx_store_token *ret)
{
    int err = plx_db_step(db, s);
    if (err <= 0)
        return err ? err : PLX_ENOTFOUND;
    err = plx_store_token_read(db, s, ret);
    plx_db_done(s);
    return err;
}

static int token_by_hash(struct plx_db *db, const uint8_t hash[32],
                         struct plx_store_token *ret)
{
    sqlite3_stmt *s;
    int err = plx_db_query(
        db, "SELECT " PLX_STORE_TOKEN_COLUMNS " FROM tokens WHERE secret_hash = ?1",
        PLX_BINDS(plx_bind_blob(hash, 32)), &s);
    return err ? err : first_token(db, s, ret);
}

/* ---- add ---- */

struct token_job {
    struct plx_store_job job;
    plx_store_token_fn *done;
    uint8_t secret_hash[32];
    struct plx_store_token_add add; /* secret is NULL */
    struct plx_store_token token;   /* of the last run */
};

static int token_insert(struct plx_db *db, const struct token_job *t)
{
    const struct plx_store_token_add *a = &t->add;
    struct plx_buf labels;
    plx_buf_init(&labels, PLX_STORE_LABELS_JSON_MAX);
    plx_store_labels_json(a->labels, a->n_labels, &labels);
    int err = plx_db_run(
        db,
        "INSERT INTO tokens (secret_hash, region, labels, note, uses_left, created_us,"
        " expires_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        PLX_BINDS(plx_bind_blob(t->secret_hash, 32), plx_bind_text(a->region),
                  plx_bind_text(plx_buf_str(&labels)), plx_bind_text(a->note),
                  plx_bind_int(a->uses), plx_bind_wall(a->now),
                  plx_bind_wall(a->expires)));
    plx_buf_fini(&labels);
    return err;
}

static int token_run(struct plx_store *store, struct plx_store_job *job)
{
    struct token_job *t = (struct token_job *)job;
    plx_store_token_fini(&t->token);
    int err = token_insert(&store->db, t);
    if (!err)
        err = token_by_hash(&store->db, t->secret_hash, &t->token);
    if (err)
        return err;
    char subject[32];
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)t->token.id);
    return plx_store_log_change(store, t->add.now, t->add.who, "token_added", subject,
                                t->add.region);
}

static void token_finish(struct plx_store_job *job)
{
    struct token_job *t = (struct token_job *)job;
    t->done(job->arg, job->err, job->why.text, job->err ? NULL : &t->token);
}

static void token_fini(struct plx_store_job *job)
{
    plx_store_token_fini(&((struct token_job *)job)->token);
}

static const struct plx_store_job_class TOKEN = {
    .name = "add_token", .run = token_run, .finish = token_finish, .fini = token_fini};

int plx_store_add_token(struct plx_store *store, const struct plx_store_token_add *add,
                        plx_store_token_fn *done, void *arg)
{
    if (!secret_valid(add->secret) || !plx_text_is_word(add->region) || add->uses == 0 ||
        !plx_store_labels_valid(add->labels, add->n_labels))
        return PLX_EINVAL;
    struct token_job *job = plx_store_job_new(&TOKEN, sizeof *job, arg);
    struct plx_store_job *head = &job->job;
    job->done = done;
    hash_secret(add->secret, job->secret_hash);
    job->add = *add;
    job->add.secret = NULL;
    job->add.region = plx_store_job_text(head, add->region);
    job->add.labels = plx_store_job_labels(head, add->labels, add->n_labels);
    job->add.note = plx_store_job_text(head, add->note);
    job->add.who = plx_store_job_text(head, add->who);
    return plx_store_submit(store, head);
}

/* ---- revoke ---- */

struct revoke_job {
    struct plx_store_plain_job plain;
    uint64_t token_id;
    const char *who;
    struct plx_wall now;
};

static int revoke_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct revoke_job *revoke = (const struct revoke_job *)job;
    int err = plx_db_run(&store->db, "UPDATE tokens SET revoked = 1 WHERE id = ?1",
                         PLX_BINDS(plx_bind_uint(revoke->token_id)));
    if (err)
        return err;
    char subject[32];
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)revoke->token_id);
    if (sqlite3_changes(store->db.sqlite) == 0)
        return plx_why_set(&job->why, PLX_ENOTFOUND, "there is no token %s", subject);
    return plx_store_log_change(store, revoke->now, revoke->who, "token_revoked", subject,
                                "");
}

static const struct plx_store_job_class REVOKE = {
    .name = "revoke_token", .run = revoke_run, .finish = plx_store_plain_finish};

int plx_store_revoke_token(struct plx_store *store, uint64_t token_id, const char *who,
                           struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    struct revoke_job *job = plx_store_job_new(&REVOKE, sizeof *job, arg);
    job->plain.done = done;
    job->token_id = token_id;
    job->who = plx_store_job_text(&job->plain.job, who);
    job->now = now;
    return plx_store_submit(store, &job->plain.job);
}

/* ---- enrol ---- */

/* The agent that has the key already: the answer to its first request got lost, if this
 * token paid for it. PLX_ENOTFOUND: no agent has the key. */
static int enrolled_before(struct plx_db *db, const struct plx_store_agent_job *enrol,
                           uint64_t token_id, struct plx_store_agent *ret,
                           struct plx_why *why)
{
    int64_t id;
    int err = plx_db_int(db, "SELECT id FROM agents WHERE public_key = ?1",
                         PLX_BINDS(plx_bind_text(enrol->want.public_key)), &id);
    struct plx_store_agent agent;
    if (!err)
        err = plx_store_agent_by_id(db, (uint64_t)id, &agent);
    if (err)
        return err;
    if (agent.token_id == token_id && agent.state != PLX_AGENT_REVOKED) {
        *ret = agent;
        return 0;
    }
    plx_store_agent_fini(&agent);
    return plx_why_set(why, PLX_EEXISTS, "this agent's key is enrolled already, or was");
}

static int check_token(const struct plx_store_token *token, struct plx_wall now,
                       struct plx_why *why)
{
    char text[PLX_WALL_TEXT_MAX];
    if (token->revoked)
        return plx_why_set(why, PLX_EGONE, "the token was revoked");
    if (now.ns >= token->expires.ns)
        return plx_why_set(why, PLX_ETIMEOUT, "the token expired at %s",
                           plx_wall_format(token->expires, text));
    if (token->uses_left == 0)
        return plx_why_set(why, PLX_ECONFLICT, "the token was used already");
    return 0;
}

/* "<region>-<number>", the first one free. */
static int choose_name(struct plx_db *db, const char *region, char ret[PLX_NAME_MAX + 1])
{
    for (unsigned n = 1;; n++) {
        int64_t id;
        snprintf(ret, PLX_NAME_MAX + 1, "%s-%u", region, n);
        int err = plx_db_int(db, "SELECT id FROM agents WHERE name = ?1 AND state <> 2",
                             PLX_BINDS(plx_bind_text(ret)), &id);
        if (err)
            return err == PLX_ENOTFOUND ? 0 : err;
    }
}

static int spend(struct plx_store *store, struct plx_store_agent_job *enrol,
                 const struct plx_store_token *token)
{
    struct plx_store_new_agent want = enrol->want;
    char name[PLX_NAME_MAX + 1];
    int err = check_token(token, want.now, &enrol->job.why);
    if (!err && !*want.name)
        err = choose_name(&store->db, token->region, name);
    if (err)
        return err;
    if (!*want.name)
        want.name = name;
    want.region = token->region;
    want.labels = token->labels;
    want.n_labels = token->n_labels;
    want.token_id = token->id;
    err = plx_store_agent_insert(store, &want, &enrol->agent, &enrol->job.why);
    return err ? err
               : plx_db_run(&store->db,
                            "UPDATE tokens SET uses_left = uses_left - 1 WHERE id = ?1",
                            PLX_BINDS(plx_bind_uint(token->id)));
}

static int enrol_run(struct plx_store *store, struct plx_store_job *job)
{
    struct plx_store_agent_job *enrol = (struct plx_store_agent_job *)job;
    struct plx_store_token token;
    plx_store_agent_fini(&enrol->agent);
    int err = token_by_hash(&store->db, enrol->secret_hash, &token);
    if (err == PLX_ENOTFOUND)
        return plx_why_set(&job->why, PLX_EDENIED, "there is no such token");
    if (err)
        return err;
    err = enrolled_before(&store->db, enrol, token.id, &enrol->agent, &job->why);
    if (err == PLX_ENOTFOUND)
        err = spend(store, enrol, &token);
    plx_store_token_fini(&token);
    return err;
}

static const struct plx_store_job_class ENROL = {.name = "enrol",
                                                 .run = enrol_run,
                                                 .finish = plx_store_agent_finish,
                                                 .fini = plx_store_agent_job_fini};

int plx_store_enrol(struct plx_store *store, const struct plx_store_enrol *enrol,
                    plx_store_agent_fn *done, void *arg)
{
    if (strlen(enrol->secret) > PLX_STORE_SECRET_MAX ||
        !plx_key_is_valid(enrol->public_key) ||
        (*enrol->name && !plx_text_is_name(enrol->name)) ||
        strlen(enrol->software) > PLX_STORE_SOFTWARE_MAX ||
        !plx_store_labels_valid(enrol->labels, enrol->n_labels))
        return PLX_EINVAL;
    struct plx_store_agent_job *job = plx_store_job_new(&ENROL, sizeof *job, arg);
    struct plx_store_job *head = &job->job;
    job->done = done;
    hash_secret(enrol->secret, job->secret_hash);
    job->want = (struct plx_store_new_agent){
        .name = plx_store_job_text(head, enrol->name),
        .public_key = plx_store_job_text(head, enrol->public_key),
        .own_labels = plx_store_job_labels(head, enrol->labels, enrol->n_labels),
        .n_own_labels = enrol->n_labels,
        .software = plx_store_job_text(head, enrol->software),
        .who = "enrolment",
        .now = enrol->now,
    };
    return plx_store_submit(store, head);
}
