#include "incident_disk.h"

#include "base/err.h"
#include "base/text.h"
#include "letters.h"
#include "sim.h"
#include "store_disk.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX 4

/* What is on disk. */
static struct {
    struct plx_incident *incidents; /* by id; members by the monitor's */
    size_t n_incidents;
    struct plx_letter *letters; /* of id 1, 2, … */
    size_t n_letters;
    struct plx_store_section sections[SECTIONS_MAX];
    size_t n_sections;
} disk;

static void *resized(void *list, size_t n, size_t size)
{
    void *grown = realloc(list, n * size);
    if (!grown)
        abort();
    return grown;
}

/* Times are microseconds there. */
static void cut(struct plx_wall *at)
{
    at->ns -= at->ns % PLX_US_NS;
}

/* ---- copies ---- */

static void copy_lists(struct plx_incident *mine, const struct plx_incident *incident)
{
    mine->members = resized(NULL, incident->n_members + 1, sizeof *mine->members);
    for (size_t i = 0; i < incident->n_members; i++) {
        struct plx_incident_member *m = &mine->members[i];
        *m = incident->members[i];
        m->slot = PLX_CATALOG_NONE;
        m->name = plx_text_dup(m->name);
        cut(&m->joined);
        cut(&m->left);
    }
    mine->told = resized(NULL, incident->n_told + 1, sizeof *mine->told);
    mine->told_last.ns = 0;
    for (size_t i = 0; i < incident->n_told; i++) {
        struct plx_incident_told *t = &mine->told[i];
        *t = incident->told[i];
        t->receiver = plx_text_dup(t->receiver);
        cut(&t->first);
        cut(&t->last);
        if (t->last.ns > mine->told_last.ns)
            mine->told_last = t->last;
    }
}

/* What a row holds. */
static struct plx_incident copy_of(const struct plx_incident *incident)
{
    struct plx_incident mine = {
        .id = incident->id,
        .kind = incident->kind,
        .severity = plx_severity_of(incident->kind),
        .state = incident->state,
        .entity = plx_text_dup(incident->entity),
        .sentence = plx_text_dup(incident->sentence),
        .onset = incident->onset,
        .opened = incident->opened,
        .announced = incident->announced,
        .ending = incident->ending,
        .closed = incident->closed,
        .acked = incident->acked,
        .acked_by = plx_text_dup(incident->acked_by),
        .merged_into = incident->merged_into,
        .dependent = incident->dependent,
        .flapping = incident->flapping,
        .n_back = incident->n_back,
        .muted_by = plx_text_dup(incident->muted_by),
        .n_notices = incident->n_notices,
        .n_members = incident->n_members,
        .n_active = incident->n_active,
        .n_told = incident->n_told,
        .saved = incident->saved, /* not on disk: which members are written */
    };
    struct plx_wall *times[] = {&mine.onset,  &mine.opened, &mine.announced,
                                &mine.ending, &mine.closed, &mine.acked};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        cut(times[i]);
    for (size_t i = 0; i < 4; i++) {
        mine.backs[i] = incident->backs[i];
        cut(&mine.backs[i]);
    }
    copy_lists(&mine, incident);
    return mine;
}

static void free_members(struct plx_incident *incident)
{
    for (size_t i = 0; i < incident->n_members; i++)
        free(incident->members[i].name);
    free(incident->members);
}

static void free_incident(struct plx_incident *incident)
{
    free_members(incident);
    for (size_t i = 0; i < incident->n_told; i++)
        free(incident->told[i].receiver);
    free(incident->told);
    free(incident->entity);
    free(incident->sentence);
    free(incident->acked_by);
    free(incident->muted_by);
}

static struct plx_letter copy_letter(const struct plx_letter *letter)
{
    struct plx_letter mine = *letter;
    mine.key = plx_text_dup(letter->key);
    mine.receiver = plx_text_dup(letter->receiver);
    mine.event = plx_text_dup(letter->event);
    mine.body = plx_text_dup(letter->body);
    mine.why = "";
    return mine;
}

static void free_letter(struct plx_letter *letter)
{
    free((char *)letter->key);
    free((char *)letter->receiver);
    free((char *)letter->event);
    free((char *)letter->body);
}

void plx_sim_incidents_begin(void)
{
    memset(&disk, 0, sizeof disk);
}

void plx_sim_incidents_end(void)
{
    for (size_t i = 0; i < disk.n_incidents; i++)
        free_incident(&disk.incidents[i]);
    for (size_t i = 0; i < disk.n_letters; i++)
        free_letter(&disk.letters[i]);
    for (size_t i = 0; i < disk.n_sections; i++) {
        free((char *)disk.sections[i].section);
        free((char *)disk.sections[i].text);
    }
    free(disk.incidents);
    free(disk.letters);
    memset(&disk, 0, sizeof disk);
}

void plx_sim_incidents_apply(const char *section, const char *text)
{
    if (disk.n_sections == SECTIONS_MAX)
        abort();
    disk.sections[disk.n_sections++] = (struct plx_store_section){
        .section = plx_text_dup(section), .text = plx_text_dup(text)};
}

/* ---- putting incidents ---- */

struct put {
    struct plx_incident *incidents;
    size_t n_incidents;
    struct plx_letter *letters;
    size_t n_letters;
    plx_store_letters_fn *done;
    void *arg;
    bool told; /* by the broken build, already */
};

static const struct plx_letter *find_letter(const char *key)
{
    for (size_t i = disk.n_letters; i-- > 0;)
        if (strcmp(disk.letters[i].key, key) == 0)
            return &disk.letters[i];
    return NULL;
}

/* Rows of members that were not written this time stay as they are. */
static void take_old_members(struct plx_incident *mine, struct plx_incident *old)
{
    for (size_t i = 0; i < mine->n_members; i++) {
        struct plx_incident_member *m = &mine->members[i];
        if (m->joined.ns >= mine->saved.ns || m->left.ns >= mine->saved.ns)
            continue;
        for (size_t k = 0; k < old->n_members; k++)
            if (old->members[k].monitor_id == m->monitor_id) {
                m->joined = old->members[k].joined;
                m->left = old->members[k].left;
            }
    }
}

static void keep_incident(struct plx_incident *mine)
{
    size_t at = 0;
    while (at < disk.n_incidents && disk.incidents[at].id < mine->id)
        at++;
    if (at < disk.n_incidents && disk.incidents[at].id == mine->id) {
        take_old_members(mine, &disk.incidents[at]);
        free_incident(&disk.incidents[at]);
    } else {
        disk.incidents =
            resized(disk.incidents, disk.n_incidents + 1, sizeof *disk.incidents);
        memmove(&disk.incidents[at + 1], &disk.incidents[at],
                (disk.n_incidents++ - at) * sizeof *disk.incidents);
    }
    disk.incidents[at] = *mine;
}

static void keep_letter(struct plx_letter *letter)
{
    letter->id = 0;
    if (find_letter(letter->key))
        return;
    letter->id = disk.n_letters + 1;
    letter->state = PLX_LETTER_WAITING;
    disk.letters = resized(disk.letters, disk.n_letters + 1, sizeof *disk.letters);
    disk.letters[disk.n_letters++] = copy_letter(letter);
    plx_letters_committed(letter);
}

static void put_keep(void *work)
{
    struct put *put = work;
    for (size_t i = 0; i < put->n_letters; i++)
        keep_letter(&put->letters[i]);
    for (size_t i = 0; i < put->n_incidents; i++) {
        plx_letters_check_owed(&put->incidents[i]);
        keep_incident(&put->incidents[i]);
    }
    put->n_incidents = 0; /* the disk's now */
}

static void put_tell(void *work, int err)
{
    struct put *put = work;
    if (put->done && !put->told)
        put->done(put->arg, err, err ? "it failed" : "", err ? NULL : put->letters,
                  err ? 0 : put->n_letters);
    put->told = true;
}

static void put_fini(void *work)
{
    struct put *put = work;
    for (size_t i = 0; i < put->n_incidents; i++)
        free_incident(&put->incidents[i]);
    for (size_t i = 0; i < put->n_letters; i++)
        free_letter(&put->letters[i]);
    free(put->incidents);
    free(put->letters);
    free(put);
}

/* The broken build: told while the disk still has it before it. */
static void put_begin(void *work)
{
    struct put *put = work;
    if (plx_sim_sabotage() != PLX_SABOTAGE_EARLY_PAGE)
        return;
    for (size_t i = 0; i < put->n_letters; i++)
        put->letters[i].id = disk.n_letters + 1 + i;
    put_tell(work, 0);
}

static const struct plx_sim_job PUT = {put_begin, put_keep, put_tell, put_fini};

/* Whether it says that something of a target fails. What only loses packets is not said
 * to fail; agents that were off the net may be taken for that. */
static bool accuses(const struct plx_incident *incident)
{
    return incident->severity != PLX_SEVERITY_OURS &&
           incident->kind != PLX_INCIDENT_DEGRADED;
}

/* Whoever is told that a target fails is told so because something of it did. */
static void check_cause(const struct plx_store_incident_batch *batch,
                        const struct plx_letter *letter)
{
    const struct plx_incident *incident = NULL;
    for (size_t i = 0; i < batch->n_incidents; i++)
        if (batch->incidents[i]->id == letter->incident)
            incident = batch->incidents[i];
    bool begins =
        strcmp(letter->event, "open") == 0 || strcmp(letter->event, "escalate") == 0;
    if (!incident || !begins || !accuses(incident))
        return;
    for (size_t i = 0; i < incident->n_members; i++)
        if (incident->members[i].left.ns == 0 &&
            !plx_target_is_innocent(incident->members[i].monitor_id))
            return;
    plx_sim_violation("%s is told of %s %s, and its targets were well: %s",
                      letter->receiver, plx_incident_kind_token(incident->kind),
                      incident->entity, incident->sentence);
}

int plx_store_put_incidents(struct plx_store *store,
                            const struct plx_store_incident_batch *batch,
                            plx_store_letters_fn *done, void *arg)
{
    struct put *put = resized(NULL, 1, sizeof *put);
    *put = (struct put){.n_incidents = batch->n_incidents,
                        .n_letters = batch->n_letters,
                        .done = done,
                        .arg = arg};
    put->incidents = resized(NULL, put->n_incidents + 1, sizeof *put->incidents);
    put->letters = resized(NULL, put->n_letters + 1, sizeof *put->letters);
    for (size_t i = 0; i < put->n_incidents; i++)
        put->incidents[i] = copy_of(batch->incidents[i]);
    for (size_t i = 0; i < put->n_letters; i++) {
        check_cause(batch, &batch->letters[i]);
        put->letters[i] = copy_letter(&batch->letters[i]);
        cut(&put->letters[i].created);
    }
    return plx_sim_store_submit(store, &PUT, put);
}

/* ---- what came of an attempt ---- */

struct tried {
    uint64_t id;
    enum plx_letter_state state;
    uint32_t attempts;
    plx_store_done_fn *done;
    void *arg;
};

static void tried_keep(void *work)
{
    const struct tried *t = work;
    struct plx_letter *letter = &disk.letters[t->id - 1];
    letter->state = t->state;
    letter->attempts = t->attempts;
    plx_letters_noted(t->id, t->state);
}

static void tried_tell(void *work, int err)
{
    struct tried *t = work;
    if (t->done)
        t->done(t->arg, err, err ? "it failed" : "");
}

static const struct plx_sim_job TRIED = {NULL, tried_keep, tried_tell, free};

int plx_store_letter_tried(struct plx_store *store, uint64_t id,
                           enum plx_letter_state state, uint32_t attempts,
                           struct plx_wall at, const char *why, plx_store_done_fn *done,
                           void *arg)
{
    struct tried *t = resized(NULL, 1, sizeof *t);
    (void)at, (void)why;
    *t = (struct tried){id, state, attempts, done, arg};
    return plx_sim_store_submit(store, &TRIED, t);
}

void plx_sim_incidents_sent(const char *key)
{
    if (plx_sim_sabotage() != PLX_SABOTAGE_EARLY_FORGET)
        return;
    for (size_t i = 0; i < disk.n_letters; i++) {
        struct plx_letter *letter = &disk.letters[i];
        if (strcmp(letter->key, key) != 0)
            continue;
        letter->state = PLX_LETTER_DELIVERED;
        plx_letters_noted(letter->id, letter->state);
    }
}

/* ---- reading ---- */

int plx_store_recall_incidents(struct plx_store *store, struct plx_wall since,
                               plx_store_incident_fn *fn, void *arg)
{
    (void)store;
    for (size_t i = 0; i < disk.n_incidents; i++) {
        const struct plx_incident *incident = &disk.incidents[i];
        if (incident->state == PLX_INCIDENT_CLOSED && incident->closed.ns < since.ns)
            continue;
        struct plx_incident lent = *incident;
        lent.saved.ns = 0;
        if (!fn(arg, &lent))
            break;
    }
    return 0;
}

int plx_store_last_incident(struct plx_store *store, uint64_t *ret)
{
    (void)store;
    *ret = disk.n_incidents ? disk.incidents[disk.n_incidents - 1].id : 0;
    return 0;
}

int plx_store_read_waiting(struct plx_store *store, plx_store_letter_fn *fn, void *arg)
{
    (void)store;
    for (size_t i = 0; i < disk.n_letters; i++)
        if (disk.letters[i].state == PLX_LETTER_WAITING && !fn(arg, &disk.letters[i]))
            break;
    return 0;
}

int plx_store_read_alerting(struct plx_store *store, plx_store_section_fn *fn, void *arg)
{
    (void)store;
    for (size_t i = 0; i < disk.n_sections; i++)
        if (!fn(arg, &disk.sections[i]))
            break;
    return 0;
}

/* Nobody silences anything here. */
int plx_store_read_silences(struct plx_store *store, struct plx_wall now,
                            plx_store_silence_fn *fn, void *arg)
{
    (void)store, (void)now, (void)fn, (void)arg;
    return 0;
}
