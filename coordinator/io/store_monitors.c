/* Monitors: one transaction per application, under a new generation. */
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"

struct apply_job {
    struct plx_store_job job;
    plx_store_apply_fn *done;
    struct plx_monitor *upserts;
    enum plx_store_change *changes;
    size_t n_upserts;
    const char **removals;
    uint64_t *removed_ids;
    size_t n_removals;
    struct plx_store_section sections[PLX_STORE_SECTIONS_MAX];
    size_t n_sections;
    uint64_t expect_generation;
    uint64_t generation; /* of the last run */
    size_t n_logged;     /* monitors with a line of their own, in the last run */
    const char *who;
    struct plx_wall now;
};

/* Of one application, so many monitors get a line each in the log of changes: what people
 * look up. Of a fleet put at once the totals tell more. */
#define LOGGED_MAX 1000

struct known {
    uint64_t id; /* 0: no monitor of that name */
    bool same;
    struct plx_monitor was; /* if it is another one, for its line; zeroed without one */
};

/* A specification as a column holds it; zeroed if it cannot be read. */
static struct plx_monitor read_spec(sqlite3_stmt *s, int column)
{
    struct plx_monitor m;
    struct plx_why why;
    if (plx_wire_decode_monitor(sqlite3_column_blob(s, column),
                                (size_t)sqlite3_column_bytes(s, column), &m, &why) < 0)
        m = (struct plx_monitor){0};
    return m;
}

/* The monitor of that name, and whether its specification is `spec`. The caller finishes
 * what it was. */
static int find_monitor(struct plx_db *db, const struct apply_job *apply,
                        const char *name, const struct plx_buf *spec, struct known *ret)
{
    *ret = (struct known){0};
    sqlite3_stmt *s;
    int err = plx_db_query(
        db, "SELECT id, spec = ?2, spec FROM monitors WHERE name = ?1",
        PLX_BINDS(plx_bind_text(name), plx_bind_blob(spec->data, spec->len)), &s);
    if (err || (err = plx_db_step(db, s)) <= 0)
        return err;
    ret->id = (uint64_t)sqlite3_column_int64(s, 0);
    ret->same = sqlite3_column_int(s, 1) != 0;
    if (!ret->same && apply->n_logged < LOGGED_MAX)
        ret->was = read_spec(s, 2);
    plx_db_done(s);
    return 0;
}

/* NULL: there was none, there is none. */
static int log_monitor(struct plx_store *store, struct apply_job *apply,
                       const struct plx_monitor *was, const struct plx_monitor *now)
{
    if (apply->n_logged >= LOGGED_MAX || (was && !was->name))
        return 0;
    apply->n_logged++;
    return plx_store_log_monitor(store, apply->now, apply->who, was, now);
}

static int insert_monitor(struct plx_db *db, const struct apply_job *apply,
                          const struct plx_monitor *m, const struct plx_buf *spec)
{
    return plx_db_run(
        db,
        "INSERT INTO monitors (name, host, port, paused, spec, revision, created_us,"
        " updated_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        PLX_BINDS(plx_bind_text(m->name), plx_bind_text(m->host), plx_bind_int(m->port),
                  plx_bind_int(m->paused), plx_bind_blob(spec->data, spec->len),
                  plx_bind_uint(apply->generation), plx_bind_wall(apply->now)));
}

static int update_monitor(struct plx_db *db, const struct apply_job *apply,
                          const struct plx_monitor *m, uint64_t id,
                          const struct plx_buf *spec)
{
    return plx_db_run(
        db,
        "UPDATE monitors SET host = ?2, port = ?3, paused = ?4, spec = ?5, revision = ?6,"
        " updated_us = ?7 WHERE id = ?1",
        PLX_BINDS(plx_bind_uint(id), plx_bind_text(m->host), plx_bind_int(m->port),
                  plx_bind_int(m->paused), plx_bind_blob(spec->data, spec->len),
                  plx_bind_uint(apply->generation), plx_bind_wall(apply->now)));
}

/* The specification does not hold the id: it is the row's. */
static int upsert_spec(struct plx_store *store, struct apply_job *apply, size_t i,
                       const struct plx_buf *spec)
{
    struct plx_db *db = &store->db;
    struct plx_monitor *m = &apply->upserts[i];
    struct known known;
    int err = find_monitor(db, apply, m->name, spec, &known);
    if (err)
        return err;
    if (known.id)
        apply->changes[i] = known.same ? PLX_STORE_UNCHANGED : PLX_STORE_UPDATED;
    else
        apply->changes[i] = PLX_STORE_CREATED;
    if (!known.id)
        err = insert_monitor(db, apply, m, spec);
    else if (!known.same)
        err = update_monitor(db, apply, m, known.id, spec);
    m->id = known.id ? known.id : (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    if (!err && !known.same)
        err = log_monitor(store, apply, known.id ? &known.was : NULL, m);
    plx_monitor_fini(&known.was);
    return err;
}

static int upsert_all(struct plx_store *store, struct apply_job *apply)
{
    struct plx_buf spec;
    plx_buf_init(&spec, PLX_WIRE_FRAME_MAX);
    int err = 0;
    for (size_t i = 0; !err && i < apply->n_upserts; i++) {
        plx_buf_clear(&spec);
        apply->upserts[i].id = 0;
        plx_wire_encode_monitor(&apply->upserts[i], &spec);
        err = spec.overflow ? PLX_ETOOBIG : upsert_spec(store, apply, i, &spec);
        if (err)
            plx_why_set(&apply->job.why, err, "monitor '%s': %s", apply->upserts[i].name,
                        plx_err_text(err));
    }
    plx_buf_fini(&spec);
    return err;
}

static int remove_one(struct plx_store *store, struct apply_job *apply, size_t i)
{
    struct plx_db *db = &store->db;
    sqlite3_stmt *s;
    int err = plx_db_query(db, "DELETE FROM monitors WHERE name = ?1 RETURNING id, spec",
                           PLX_BINDS(plx_bind_text(apply->removals[i])), &s);
    if (err || (err = plx_db_step(db, s)) < 0)
        return err;
    if (err == 0)
        return plx_why_set(&apply->job.why, PLX_ENOTFOUND,
                           "there is no monitor named '%s'", apply->removals[i]);
    struct plx_monitor was = read_spec(s, 1);
    apply->removed_ids[i] = (uint64_t)sqlite3_column_int64(s, 0);
    plx_db_done(s);
    err = log_monitor(store, apply, &was, NULL);
    plx_monitor_fini(&was);
    return err;
}

static size_t count_changes(const struct apply_job *apply, enum plx_store_change change)
{
    size_t n = 0;
    for (size_t i = 0; i < apply->n_upserts; i++)
        n += apply->changes[i] == change;
    return n;
}

/* Keeps the new generation, if there was any change. */
static int conclude(struct plx_store *store, struct apply_job *apply)
{
    size_t created = count_changes(apply, PLX_STORE_CREATED);
    size_t updated = count_changes(apply, PLX_STORE_UPDATED);
    if (created + updated + apply->n_removals == 0) {
        apply->generation--;
        return 0;
    }
    char subject[32], detail[128];
    size_t n = created + updated + apply->n_removals;
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)apply->generation);
    snprintf(detail, sizeof detail, "%zu created, %zu updated, %zu removed%s", created,
             updated, apply->n_removals,
             n > apply->n_logged ? "; not each has a line" : "");
    int err =
        plx_db_run(&store->db, "UPDATE state SET value = ?1 WHERE key = 'generation'",
                   PLX_BINDS(plx_bind_uint(apply->generation)));
    return err ? err
               : plx_store_log_change(store, apply->now, apply->who, "monitors_applied",
                                      subject, detail);
}

static int apply_run(struct plx_store *store, struct plx_store_job *job)
{
    struct apply_job *apply = (struct apply_job *)job;
    struct plx_db *db = &store->db;
    int64_t generation;
    int err = plx_db_int(db, "SELECT value FROM state WHERE key = 'generation'", NULL,
                         &generation);
    if (err)
        return err;
    if (apply->expect_generation && apply->expect_generation != (uint64_t)generation)
        return plx_why_set(&job->why, PLX_ECONFLICT,
                           "the configuration is at generation %lld by now, not at %llu",
                           (long long)generation,
                           (unsigned long long)apply->expect_generation);
    apply->generation = (uint64_t)generation + 1;
    apply->n_logged = 0;
    for (size_t i = 0; !err && i < apply->n_removals; i++)
        err = remove_one(store, apply, i);
    if (!err)
        err = upsert_all(store, apply);
    if (!err)
        err = plx_store_put_sections(store, apply->sections, apply->n_sections,
                                     apply->who, apply->now);
    return err ? err : conclude(store, apply);
}

static void apply_finish(struct plx_store_job *job)
{
    struct apply_job *apply = (struct apply_job *)job;
    struct plx_store_applied out = {
        .generation = apply->generation,
        .upserts = apply->upserts,
        .changes = apply->changes,
        .n_upserts = apply->n_upserts,
        .removed_ids = apply->removed_ids,
        .n_removals = apply->n_removals,
    };
    apply->done(job->arg, job->err, job->why.text, job->err ? NULL : &out);
}

static void free_fields(const struct plx_store_section *section)
{
    for (size_t i = 0; i < section->n_fields; i++) {
        free((char *)section->fields[i].key);
        free((char *)section->fields[i].was);
        free((char *)section->fields[i].now);
    }
}

static void apply_fini(struct plx_store_job *job)
{
    struct apply_job *apply = (struct apply_job *)job;
    for (size_t i = 0; i < apply->n_upserts; i++)
        plx_monitor_fini(&apply->upserts[i]);
    for (size_t i = 0; i < apply->n_removals; i++)
        free((char *)apply->removals[i]);
    for (size_t i = 0; i < apply->n_sections; i++)
        free_fields(&apply->sections[i]);
}

static const struct plx_store_job_class APPLY = {
    .name = "apply", .run = apply_run, .finish = apply_finish, .fini = apply_fini};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether some name is in the application twice. */
static bool has_twice(const struct plx_store_apply *a)
{
    size_t n = a->n_upserts + a->n_removals;
    const char **names = calloc(n + 1, sizeof *names);
    if (!names)
        abort();
    for (size_t i = 0; i < n; i++)
        names[i] = i < a->n_upserts ? a->upserts[i].name : a->removals[i - a->n_upserts];
    qsort(names, n, sizeof *names, by_text);
    bool twice = false;
    for (size_t i = 1; i < n; i++)
        twice = twice || strcmp(names[i - 1], names[i]) == 0;
    free(names);
    return twice;
}

static bool is_valid(const struct plx_store_apply *a)
{
    for (size_t i = 0; i < a->n_upserts; i++)
        if (plx_monitor_check(&a->upserts[i], NULL, NULL))
            return false;
    return !has_twice(a);
}

/* A monitor's texts and arrays are not counted one by one: about so many bytes. */
#define MONITOR_BYTES 512

/* The fields' texts are too many for the job's list of what it owns: apply_fini. */
static struct plx_store_section copy_section(struct plx_store_job *head,
                                             const struct plx_store_section *section)
{
    struct plx_store_field *fields =
        plx_store_job_alloc(head, section->n_fields, sizeof *fields);
    for (size_t i = 0; i < section->n_fields; i++)
        fields[i] = (struct plx_store_field){plx_text_dup(section->fields[i].key),
                                             plx_text_dup(section->fields[i].was),
                                             plx_text_dup(section->fields[i].now)};
    return (struct plx_store_section){plx_store_job_text(head, section->section),
                                      plx_store_job_text(head, section->text), fields,
                                      section->n_fields};
}

static void copy_apply(struct apply_job *job, const struct plx_store_apply *apply)
{
    struct plx_store_job *head = &job->job;
    job->n_upserts = apply->n_upserts;
    job->n_removals = apply->n_removals;
    job->upserts = plx_store_job_alloc(head, job->n_upserts, sizeof *job->upserts);
    job->changes = plx_store_job_alloc(head, job->n_upserts, sizeof *job->changes);
    job->removals = plx_store_job_alloc(head, job->n_removals, sizeof *job->removals);
    job->removed_ids =
        plx_store_job_alloc(head, job->n_removals, sizeof *job->removed_ids);
    for (size_t i = 0; i < apply->n_upserts; i++)
        plx_monitor_copy(&job->upserts[i], &apply->upserts[i]);
    for (size_t i = 0; i < apply->n_removals; i++)
        job->removals[i] = plx_text_dup(apply->removals[i]);
    for (size_t i = 0; i < apply->n_sections; i++)
        job->sections[job->n_sections++] = copy_section(head, &apply->sections[i]);
    head->bytes += apply->n_upserts * MONITOR_BYTES + apply->n_removals * PLX_NAME_MAX;
    head->rows += apply->n_upserts + apply->n_removals;
}

int plx_store_apply(struct plx_store *store, const struct plx_store_apply *apply,
                    plx_store_apply_fn *done, void *arg)
{
    if (apply->n_upserts > PLX_STORE_APPLY_MAX ||
        apply->n_removals > PLX_STORE_APPLY_MAX ||
        apply->n_sections > PLX_STORE_SECTIONS_MAX)
        return PLX_ETOOBIG;
    if (!is_valid(apply))
        return PLX_EINVAL;
    struct apply_job *job = plx_store_job_new(&APPLY, sizeof *job, arg);
    job->done = done;
    job->expect_generation = apply->expect_generation;
    job->who = plx_store_job_text(&job->job, apply->who);
    job->now = apply->now;
    copy_apply(job, apply);
    return plx_store_submit(store, &job->job);
}
