#include "coordinator/core/roster.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/session.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

/* After our own absence, so long until what waited meanwhile has been read. */
#define CATCHING_UP_NS    (2 * PLX_SEC_NS)
/* A second session's messages count as a clone's only so soon after the other's. */
#define DOUBLED_WITHIN_NS (30 * PLX_SEC_NS)
/* How far an agent's own estimate may be from what one heartbeat shows, beyond its round
 * trip: the time a message may have waited in queues. */
#define OFFSET_DOUBT_NS   (2 * PLX_SEC_NS)

struct entry {
    struct plx_agent agent;
    uint32_t slot;
    UT_hash_handle by_id, by_name, by_key, by_old_key;
};

struct plx_roster {
    struct plx_roster_policy policy;
    struct plx_mono excused_until;
    struct entry **entries;
    size_t n, cap;
    struct entry *by_id, *by_name, *by_key, *by_old_key;
};

const char *plx_presence_token(enum plx_presence presence)
{
    switch (presence) {
#define X(name, value, token)                                                            \
    case PLX_PRESENCE_##name:                                                            \
        return token;
        PLX_PRESENCE_TABLE(X)
#undef X
    }
    return "none";
}

void plx_roster_policy_default(struct plx_roster_policy *ret)
{
    *ret = (struct plx_roster_policy){
        .lease_ns = PLX_SESSION_LEASE_NS,
        .return_ns = PLX_SESSION_RETURN_NS,
        .clock_off_ns = 2 * PLX_SEC_NS,
        .stuck_ns = 15 * PLX_SEC_NS,
    };
}

struct plx_roster *plx_roster_new(const struct plx_roster_policy *policy)
{
    struct plx_roster *roster = calloc(1, sizeof *roster);
    if (!roster)
        abort();
    if (policy)
        roster->policy = *policy;
    else
        plx_roster_policy_default(&roster->policy);
    return roster;
}

static void clear_troubles(struct plx_agent_vitals *vitals)
{
    for (size_t i = 0; i < vitals->n_troubles; i++)
        free(vitals->troubles[i]);
    vitals->n_troubles = 0;
}

static void clear_labels(struct plx_label **labels, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        free((*labels)[i].key);
        free((*labels)[i].value);
    }
    free(*labels);
    *labels = NULL;
    *n = 0;
}

static void free_entry(struct entry *e)
{
    struct plx_agent *a = &e->agent;
    clear_troubles(&a->vitals);
    clear_labels(&a->labels, &a->n_labels);
    clear_labels(&a->own_labels, &a->n_own_labels);
    free(a->name);
    free(a->region);
    free(a->software);
    free(e);
}

void plx_roster_destroy(struct plx_roster **roster)
{
    struct plx_roster *r = *roster;
    if (!r)
        return;
    HASH_CLEAR(by_id, r->by_id);
    HASH_CLEAR(by_name, r->by_name);
    HASH_CLEAR(by_key, r->by_key);
    HASH_CLEAR(by_old_key, r->by_old_key);
    for (size_t i = 0; i < r->n; i++)
        free_entry(r->entries[i]);
    free(r->entries);
    free(r);
    *roster = NULL;
}

static struct entry *append(struct plx_roster *roster)
{
    if (roster->n == roster->cap) {
        size_t cap = roster->cap ? 2 * roster->cap : 16;
        struct entry **grown = realloc(roster->entries, cap * sizeof *grown);
        if (!grown)
            abort();
        roster->entries = grown;
        roster->cap = cap;
    }
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->slot = (uint32_t)roster->n;
    roster->entries[roster->n++] = e;
    return e;
}

static void copy_labels(const struct plx_label *labels, size_t n, struct plx_label **ret,
                        size_t *ret_n)
{
    if (n == 0)
        return;
    struct plx_label *copy = calloc(n, sizeof *copy);
    if (!copy)
        abort();
    for (size_t i = 0; i < n; i++)
        copy[i] = (struct plx_label){plx_text_dup(labels[i].key),
                                     plx_text_dup(labels[i].value)};
    *ret = copy;
    *ret_n = n;
}

static struct entry *find_name(const struct plx_roster *roster, const char *name)
{
    struct entry *e;
    HASH_FIND(by_name, roster->by_name, name, strlen(name), e);
    return e;
}

/* A revoked agent's name is free again. */
static bool name_is_taken(const struct plx_roster *roster,
                          const struct plx_roster_entry *entry)
{
    const struct entry *namesake = find_name(roster, entry->name);
    return namesake && !namesake->agent.revoked && !entry->revoked;
}

/* A name leads to whoever bears it now, or bore it last. */
static void index_name(struct plx_roster *roster, struct entry *e)
{
    struct entry *namesake = find_name(roster, e->agent.name);
    if (namesake && !namesake->agent.revoked)
        return;
    if (namesake)
        HASH_DELETE(by_name, roster->by_name, namesake);
    HASH_ADD_KEYPTR(by_name, roster->by_name, e->agent.name, strlen(e->agent.name), e);
}

int plx_roster_add(struct plx_roster *roster, const struct plx_roster_entry *entry,
                   bool presumed, struct plx_mono now, uint32_t *ret_slot)
{
    if (roster->n >= PLX_ROSTER_MAX)
        return PLX_ENOMEM;
    if (strlen(entry->key) != PLX_AGENT_KEY_MAX - 1)
        return PLX_EINVAL;
    if (plx_roster_by_id(roster, entry->id) != PLX_ROSTER_NONE ||
        name_is_taken(roster, entry))
        return PLX_EEXISTS;
    struct entry *e = append(roster);
    struct plx_agent *a = &e->agent;
    a->id = entry->id;
    a->token_id = entry->token_id;
    a->name = plx_text_dup(entry->name);
    a->region = plx_text_dup(entry->region);
    memcpy(a->key, entry->key, sizeof a->key);
    copy_labels(entry->labels, entry->n_labels, &a->labels, &a->n_labels);
    copy_labels(entry->own_labels, entry->n_own_labels, &a->own_labels, &a->n_own_labels);
    a->enrolled = entry->enrolled;
    a->last_seen = entry->last_seen;
    a->revoked = entry->revoked;
    a->drained = entry->drained;
    a->software = plx_text_dup("");
    a->alive = presumed && !a->revoked;
    a->presumed = a->alive;
    a->heard = now;
    HASH_ADD(by_id, roster->by_id, agent.id, sizeof a->id, e);
    index_name(roster, e);
    if (!a->revoked)
        HASH_ADD(by_key, roster->by_key, agent.key, PLX_AGENT_KEY_MAX - 1, e);
    *ret_slot = e->slot;
    return 0;
}

size_t plx_roster_count(const struct plx_roster *roster)
{
    return roster->n;
}

const char *plx_agent_label(const struct plx_agent *agent, const char *key)
{
    for (size_t i = 0; i < agent->n_labels; i++)
        if (strcmp(agent->labels[i].key, key) == 0)
            return agent->labels[i].value;
    return "";
}

const struct plx_agent *plx_roster_at(const struct plx_roster *roster, uint32_t slot)
{
    return slot < roster->n ? &roster->entries[slot]->agent : NULL;
}

uint32_t plx_roster_by_id(const struct plx_roster *roster, uint64_t id)
{
    struct entry *e;
    HASH_FIND(by_id, roster->by_id, &id, sizeof id, e);
    return e ? e->slot : PLX_ROSTER_NONE;
}

uint32_t plx_roster_by_name(const struct plx_roster *roster, const char *name)
{
    const struct entry *e = find_name(roster, name);
    return e ? e->slot : PLX_ROSTER_NONE;
}

uint32_t plx_roster_by_key(const struct plx_roster *roster, const char *key)
{
    if (strlen(key) != PLX_AGENT_KEY_MAX - 1)
        return PLX_ROSTER_NONE;
    struct entry *e;
    HASH_FIND(by_key, roster->by_key, key, PLX_AGENT_KEY_MAX - 1, e);
    if (!e)
        HASH_FIND(by_old_key, roster->by_old_key, key, PLX_AGENT_KEY_MAX - 1, e);
    return e ? e->slot : PLX_ROSTER_NONE;
}

enum plx_presence plx_roster_presence(const struct plx_agent *agent)
{
    if (agent->revoked)
        return PLX_PRESENCE_REVOKED;
    if (agent->alive)
        return agent->drained ? PLX_PRESENCE_DRAINING : PLX_PRESENCE_LIVE;
    return agent->last_seen.ns == 0 ? PLX_PRESENCE_NEVER : PLX_PRESENCE_LOST;
}

static bool note(struct plx_roster_notes *notes, enum plx_roster_note_kind kind,
                 uint32_t slot)
{
    if (notes->n == PLX_ROSTER_NOTES_MAX)
        return false;
    notes->list[notes->n++] = (struct plx_roster_note){kind, slot};
    return true;
}

static void heard(struct plx_agent *a, uint32_t slot, struct plx_mono now,
                  struct plx_wall wall, struct plx_roster_notes *notes)
{
    a->heard = now;
    a->last_seen = wall;
    a->presumed = false;
    if (a->alive)
        return;
    a->alive = true;
    note(notes, PLX_NOTE_BACK, slot);
}

/* Ours minus theirs; times from outside may be anything, so bounded to a century. */
static int64_t apart(struct plx_wall ours, struct plx_wall theirs)
{
    const int64_t century_ns = 36500 * PLX_DAY_NS;
    int64_t ns;
    if (__builtin_sub_overflow(ours.ns, theirs.ns, &ns))
        return theirs.ns < 0 ? century_ns : -century_ns;
    return ns > century_ns ? century_ns : ns < -century_ns ? -century_ns : ns;
}

/* Takes a new offset and says when it passes the bound, with half of it as hysteresis. */
static void set_offset(struct plx_roster *roster, struct plx_agent *a, uint32_t slot,
                       int64_t offset_ns, struct plx_roster_notes *notes)
{
    if (a->heard.ns < roster->excused_until.ns)
        return;
    int64_t size = offset_ns < 0 ? -offset_ns : offset_ns;
    int64_t step_ns = offset_ns - a->offset_ns; /* both are bounded by a century or two */
    if (step_ns > roster->policy.clock_off_ns || -step_ns > roster->policy.clock_off_ns)
        a->clock_moved = a->heard;
    a->offset_ns = offset_ns;
    bool off = size > (a->clock_off ? roster->policy.clock_off_ns / 2
                                    : roster->policy.clock_off_ns);
    if (off != a->clock_off)
        note(notes, off ? PLX_NOTE_CLOCK_OFF : PLX_NOTE_CLOCK_OK, slot);
    a->clock_off = off;
}

/* Both are bounded by a century or two. */
static bool is_far(int64_t a_ns, int64_t b_ns)
{
    return a_ns - b_ns > OFFSET_DOUBT_NS || b_ns - a_ns > OFFSET_DOUBT_NS;
}

static void note_doubled(struct plx_agent *a, uint32_t slot,
                         struct plx_roster_notes *notes)
{
    if (!a->doubled)
        note(notes, PLX_NOTE_DOUBLED, slot);
    a->doubled = true;
}

void plx_roster_hello(struct plx_roster *roster, const struct plx_roster_hello *hello,
                      struct plx_roster_notes *notes)
{
    struct plx_agent *a = &roster->entries[hello->slot]->agent;
    if (a->session != 0)
        note(notes, PLX_NOTE_REPLACED, hello->slot);
    if (a->boot_id != hello->boot_id) {
        /* Every start draws a new one: who was replaced and is back never ended. */
        if (hello->boot_id == a->boot_before && hello->boot_id != 0)
            note_doubled(a, hello->slot, notes);
        a->boot_before = a->boot_id;
        a->moved = hello->now;
    }
    a->session = hello->session;
    a->boot_id = hello->boot_id;
    a->connected_at = hello->now;
    free(a->software);
    a->software = plx_text_dup(hello->software);
    note(notes, PLX_NOTE_CONNECTED, hello->slot);
    heard(a, hello->slot, hello->now, hello->wall, notes);
    /* One way only: an upper bound that the first heartbeat's estimate replaces. It
     * matters where the clock is grossly off, so smaller ones count as none. */
    int64_t seen_ns = apart(hello->wall, hello->agent_wall);
    if (seen_ns > OFFSET_DOUBT_NS || seen_ns < 0 || is_far(a->offset_ns, seen_ns))
        set_offset(roster, a, hello->slot, seen_ns, notes);
}

static void copy_vitals(struct plx_agent_vitals *dst, const struct plx_agent_vitals *src)
{
    clear_troubles(dst);
    *dst = *src;
    if (dst->n_troubles > PLX_AGENT_TROUBLES)
        dst->n_troubles = PLX_AGENT_TROUBLES;
    for (size_t i = 0; i < dst->n_troubles; i++)
        dst->troubles[i] = plx_text_dup(src->troubles[i]);
}

static void watch_progress(struct plx_roster *roster, struct plx_agent *a,
                           const struct plx_roster_heartbeat *hb,
                           struct plx_roster_notes *notes)
{
    int64_t patience_ns = 3 * hb->shortest_interval_ns + roster->policy.stuck_ns;
    bool idle = hb->shortest_interval_ns == 0 || a->drained;
    if (idle || hb->vitals.progress != a->vitals.progress)
        a->moved = hb->now;
    bool stuck = plx_mono_diff(hb->now, a->moved) > patience_ns;
    if (stuck != a->stuck)
        note(notes, stuck ? PLX_NOTE_STUCK : PLX_NOTE_MOVING, hb->slot);
    a->stuck = stuck;
}

/* What to believe of the agent's clock: its own estimate from round trips, as long as one
 * message's bare times do not contradict it; else those. */
static int64_t judge_offset(const struct plx_roster_heartbeat *hb)
{
    int64_t seen_ns = apart(hb->wall, hb->agent_wall);
    int64_t doubt_ns = OFFSET_DOUBT_NS + (int64_t)hb->vitals.rtt_us * PLX_US_NS;
    int64_t error_ns;
    if (hb->vitals.rtt_us == 0 ||
        __builtin_sub_overflow(seen_ns, hb->offset_ns, &error_ns) ||
        error_ns > doubt_ns || error_ns < -doubt_ns)
        return seen_ns > OFFSET_DOUBT_NS || seen_ns < 0 ? seen_ns : 0;
    return hb->offset_ns;
}

void plx_roster_heartbeat(struct plx_roster *roster,
                          const struct plx_roster_heartbeat *hb,
                          struct plx_roster_notes *notes)
{
    struct plx_agent *a = &roster->entries[hb->slot]->agent;
    heard(a, hb->slot, hb->now, hb->wall, notes);
    watch_progress(roster, a, hb, notes);
    copy_vitals(&a->vitals, &hb->vitals);
    set_offset(roster, a, hb->slot, judge_offset(hb), notes);
}

void plx_roster_heard(struct plx_roster *roster, uint32_t slot, struct plx_mono now,
                      struct plx_wall wall, struct plx_roster_notes *notes)
{
    heard(&roster->entries[slot]->agent, slot, now, wall, notes);
}

void plx_roster_echo(struct plx_roster *roster, uint32_t slot, struct plx_mono now,
                     struct plx_roster_notes *notes)
{
    struct plx_agent *a = &roster->entries[slot]->agent;
    if (plx_mono_diff(now, a->heard) <= DOUBLED_WITHIN_NS)
        note_doubled(a, slot, notes);
}

void plx_roster_bye(struct plx_roster *roster, uint32_t slot,
                    struct plx_roster_notes *notes)
{
    struct plx_agent *a = &roster->entries[slot]->agent;
    if (a->session == 0)
        return;
    a->session = 0;
    a->doubled = false;
    note(notes, PLX_NOTE_LEFT, slot);
}

void plx_roster_set_labels(struct plx_roster *roster, uint32_t slot,
                           const struct plx_label *labels, size_t n)
{
    struct plx_agent *a = &roster->entries[slot]->agent;
    clear_labels(&a->labels, &a->n_labels);
    copy_labels(labels, n, &a->labels, &a->n_labels);
}

void plx_roster_set_own_labels(struct plx_roster *roster, uint32_t slot,
                               const struct plx_label *labels, size_t n)
{
    struct plx_agent *a = &roster->entries[slot]->agent;
    clear_labels(&a->own_labels, &a->n_own_labels);
    copy_labels(labels, n, &a->own_labels, &a->n_own_labels);
}

void plx_roster_retire_old_key(struct plx_roster *roster, uint32_t slot)
{
    struct entry *e = roster->entries[slot];
    if (e->agent.old_key[0] == '\0')
        return;
    HASH_DELETE(by_old_key, roster->by_old_key, e);
    e->agent.old_key[0] = '\0';
}

int plx_roster_change_key(struct plx_roster *roster, uint32_t slot, const char *key)
{
    struct entry *e = roster->entries[slot];
    if (plx_roster_by_key(roster, key) != PLX_ROSTER_NONE || e->agent.revoked)
        return PLX_EEXISTS;
    plx_roster_retire_old_key(roster, slot);
    HASH_DELETE(by_key, roster->by_key, e);
    memcpy(e->agent.old_key, e->agent.key, sizeof e->agent.old_key);
    plx_text_copy(e->agent.key, sizeof e->agent.key, key);
    HASH_ADD(by_key, roster->by_key, agent.key, PLX_AGENT_KEY_MAX - 1, e);
    HASH_ADD(by_old_key, roster->by_old_key, agent.old_key, PLX_AGENT_KEY_MAX - 1, e);
    return 0;
}

void plx_roster_drain(struct plx_roster *roster, uint32_t slot, bool on,
                      struct plx_roster_notes *notes)
{
    struct plx_agent *a = &roster->entries[slot]->agent;
    if (a->drained == on)
        return;
    a->drained = on;
    note(notes, PLX_NOTE_STANDING, slot);
}

void plx_roster_revoke(struct plx_roster *roster, uint32_t slot,
                       struct plx_roster_notes *notes)
{
    struct entry *e = roster->entries[slot];
    if (e->agent.revoked)
        return;
    plx_roster_retire_old_key(roster, slot);
    HASH_DELETE(by_key, roster->by_key, e);
    e->agent.revoked = true;
    e->agent.alive = false;
    e->agent.session = 0;
    note(notes, PLX_NOTE_STANDING, slot);
}

void plx_roster_excuse(struct plx_roster *roster, struct plx_mono now, int64_t away_ns)
{
    roster->excused_until = plx_mono_add(now, CATCHING_UP_NS);
    for (size_t i = 0; i < roster->n; i++) {
        struct plx_agent *a = &roster->entries[i]->agent;
        if (!a->alive)
            continue;
        a->heard = now;
        a->presumed |= away_ns >= PLX_SESSION_SILENCE_NS;
        a->moved = plx_mono_add(a->moved, away_ns);
    }
}

void plx_roster_clock_set(struct plx_roster *roster, int64_t step_ns)
{
    for (size_t i = 0; i < roster->n; i++) {
        int64_t *offset_ns = &roster->entries[i]->agent.offset_ns;
        if (__builtin_add_overflow(*offset_ns, step_ns, offset_ns))
            *offset_ns = 0;
    }
}

void plx_roster_tick(struct plx_roster *roster, struct plx_mono now,
                     struct plx_roster_notes *notes)
{
    for (size_t i = 0; i < roster->n; i++) {
        struct plx_agent *a = &roster->entries[i]->agent;
        int64_t lease_ns =
            a->presumed ? roster->policy.return_ns : roster->policy.lease_ns;
        if (!a->alive || plx_mono_diff(now, a->heard) <= lease_ns)
            continue;
        if (!note(notes, PLX_NOTE_LOST, (uint32_t)i))
            return;
        a->alive = false;
        a->presumed = false;
        a->stuck = false;
        a->doubled = false;
    }
}

struct plx_wall plx_roster_correct(const struct plx_agent *agent, struct plx_wall theirs,
                                   struct plx_wall wall)
{
    int64_t ns;
    if (__builtin_add_overflow(theirs.ns, agent->offset_ns, &ns) || ns > wall.ns)
        ns = wall.ns;
    return (struct plx_wall){ns};
}
