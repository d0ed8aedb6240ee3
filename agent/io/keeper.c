#include "agent/io/keeper.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (512u * 1024 * 1024)
#define MAGIC      UINT64_C(0x31304e4753584c50) /* "PLXSGN01" */
/* Tasks of a part: with the longest greetings still within a frame. */
#define PART_TASKS 40
/* Parts encoded in a tick: some 0.3 ms. */
#define TICK_PARTS 25
/* Changes often come together. */
#define SETTLE_NS  PLX_SEC_NS
#define RETRY_NS   PLX_MIN_NS

/* In the byte order of the host: the file stays there. */
struct header {
    uint64_t magic, owner; /* hash of the coordinator's key */
    uint64_t generation, hash;
    uint32_t n_tasks, parts;
};

/* Which assignment. */
struct edition {
    uint64_t generation, hash;
};

struct plx_keeper {
    char *path;
    uint64_t owner;
    struct plx_jobs *jobs;
    struct edition kept, encoding;
    struct plx_mono changed; /* since when it differs from `kept`; 0: it does not */
    bool is_encoding, is_writing;
    uint32_t next_slot, next_part, parts;
    struct plx_buf out;
    pthread_t thread;
    atomic_bool written;
    int write_err;
    struct plx_why write_why;
};

struct plx_keeper *plx_keeper_new(const char *data_dir, const char *server_key,
                                  struct plx_jobs *jobs)
{
    struct plx_keeper *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    k->path = plx_file_path(data_dir, "assignment");
    k->owner = plx_hash_bytes(server_key, strlen(server_key), MAGIC);
    k->jobs = jobs;
    plx_buf_init(&k->out, FILE_MAX);
    return k;
}

static struct edition edition_of(const struct plx_jobs *jobs)
{
    return (struct edition){plx_jobs_generation(jobs), plx_jobs_hash(jobs)};
}

static bool is_same(struct edition a, struct edition b)
{
    return a.generation == b.generation && a.hash == b.hash;
}

/* ---- writing ---- */

static void begin_encoding(struct plx_keeper *k)
{
    size_t n = plx_jobs_count(k->jobs);
    k->encoding = edition_of(k->jobs);
    k->is_encoding = true;
    k->next_slot = k->next_part = 0;
    k->parts = n ? (uint32_t)((n + PART_TASKS - 1) / PART_TASKS) : 1;
    const struct header header = {.magic = MAGIC,
                                  .owner = k->owner,
                                  .generation = k->encoding.generation,
                                  .hash = k->encoding.hash,
                                  .n_tasks = (uint32_t)n,
                                  .parts = k->parts};
    plx_buf_clear(&k->out);
    plx_buf_add(&k->out, &header, sizeof header);
}

static int encode_part(struct plx_keeper *k)
{
    struct plx_task tasks[PART_TASKS];
    char texts[PART_TASKS][PLX_ADDR_TEXT_MAX];
    struct plx_buf frame;
    size_t n = 0;
    while (n < PART_TASKS && k->next_slot < plx_jobs_slots(k->jobs)) {
        const struct plx_job *job = plx_jobs_at(k->jobs, k->next_slot++);
        if (job) {
            tasks[n] = plx_job_task(job, texts[n]);
            n++;
        }
    }
    const struct plx_msg msg = {.type = PLX_MSG_SNAPSHOT,
                                .snapshot = {.generation = k->encoding.generation,
                                             .part = k->next_part++,
                                             .parts = k->parts,
                                             .tasks = tasks,
                                             .n_tasks = n}};
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    int err = plx_wire_encode(&msg, &frame);
    uint32_t len = (uint32_t)frame.len;
    plx_buf_add(&k->out, &len, sizeof len);
    plx_buf_add(&k->out, frame.data, frame.len);
    plx_buf_fini(&frame);
    return err ? err : k->out.overflow ? PLX_ETOOBIG : 0;
}

static void *write_out(void *arg)
{
    struct plx_keeper *k = arg;
    k->write_err =
        plx_file_write_private(k->path, k->out.data, k->out.len, &k->write_why);
    atomic_store(&k->written, true);
    return NULL;
}

static void give_up(struct plx_keeper *k, const char *why)
{
    plx_log(PLX_LOG_WARN, "assignment_not_kept", "why", why, NULL);
    k->is_encoding = false;
    k->changed = plx_mono_add(plx_clock_mono(), RETRY_NS);
}

static void begin_writing(struct plx_keeper *k)
{
    k->is_encoding = false;
    atomic_store(&k->written, false);
    k->is_writing = pthread_create(&k->thread, NULL, write_out, k) == 0;
    if (!k->is_writing)
        give_up(k, "no thread");
}

static void end_writing(struct plx_keeper *k)
{
    pthread_join(k->thread, NULL);
    k->is_writing = false;
    if (k->write_err)
        give_up(k, k->write_why.text);
    else
        k->kept = k->encoding;
    plx_buf_fini(&k->out);
}

/* Encodes `n` parts more, and has them written after the last. */
static void encode(struct plx_keeper *k, uint32_t n)
{
    int err = 0;
    for (; !err && n > 0 && k->next_part < k->parts; n--)
        err = encode_part(k);
    if (err)
        give_up(k, plx_err_text(err));
    else if (k->next_part == k->parts)
        begin_writing(k);
}

void plx_keeper_tick(struct plx_keeper *keeper, struct plx_mono now)
{
    struct plx_keeper *k = keeper;
    struct edition is = edition_of(k->jobs);
    if (k->is_writing && atomic_load(&k->written))
        end_writing(k);
    if (k->is_writing || !plx_jobs_are_whole(k->jobs))
        return;
    if (k->is_encoding && is_same(is, k->encoding)) {
        encode(k, TICK_PARTS);
        return;
    }
    k->is_encoding = false;
    if (is_same(is, k->kept))
        k->changed.ns = 0;
    else if (k->changed.ns == 0)
        k->changed = now;
    else if (plx_mono_diff(now, k->changed) >= SETTLE_NS)
        begin_encoding(k);
}

void plx_keeper_close(struct plx_keeper **keeper)
{
    struct plx_keeper *k = *keeper;
    if (!k)
        return;
    if (k->is_writing)
        end_writing(k);
    if (plx_jobs_are_whole(k->jobs) && !is_same(edition_of(k->jobs), k->kept)) {
        begin_encoding(k);
        encode(k, k->parts);
        if (k->is_writing)
            end_writing(k);
    }
    plx_buf_fini(&k->out);
    free(k->path);
    free(k);
    *keeper = NULL;
}

/* ---- reading ---- */

/* The file's parts, one after the other. */
struct parts {
    const char *at;
    size_t left;
    struct plx_wire_decoder *decoder;
};

static int next_part(struct parts *parts, struct plx_msg *ret_msg, struct plx_why *why)
{
    uint32_t len;
    if (parts->left < sizeof len)
        return plx_why_set(why, PLX_EMALFORMED, "it ends too early");
    memcpy(&len, parts->at, sizeof len);
    parts->at += sizeof len;
    parts->left -= sizeof len;
    if (parts->left < len)
        return plx_why_set(why, PLX_EMALFORMED, "it ends too early");
    int err = plx_wire_decode(parts->decoder, parts->at, len, ret_msg, why);
    if (!err && ret_msg->type != PLX_MSG_SNAPSHOT)
        err = plx_why_set(why, PLX_EMALFORMED, "it has a part of another kind");
    parts->at += len;
    parts->left -= len;
    return err;
}

/* Looks through all parts before any is used. */
static int check(const struct header *header, struct parts parts, struct plx_why *why)
{
    uint64_t hash = 0;
    int err = 0;
    for (uint32_t i = 0; !err && i < header->parts; i++) {
        struct plx_msg msg;
        err = next_part(&parts, &msg, why);
        for (size_t t = 0; !err && t < msg.snapshot.n_tasks; t++)
            hash += plx_task_hash(&msg.snapshot.tasks[t]);
    }
    if (!err && (hash != header->hash || parts.left != 0))
        err = plx_why_set(why, PLX_EMALFORMED, "its contents do not add up");
    return err;
}

static int take_in(struct plx_keeper *k, const struct header *header, struct parts parts,
                   struct plx_why *why)
{
    int err = check(header, parts, why);
    for (uint32_t i = 0; !err && i < header->parts; i++) {
        struct plx_msg msg;
        err = next_part(&parts, &msg, why);
        if (!err)
            err = plx_jobs_snapshot(k->jobs, &msg.snapshot);
    }
    k->kept = edition_of(k->jobs);
    return err;
}

int plx_keeper_load(struct plx_keeper *keeper, struct plx_why *why)
{
    struct header header;
    char *text = NULL;
    size_t len = 0;
    int err = plx_file_read(keeper->path, FILE_MAX, &text, &len, why);
    if (err)
        return err;
    if (len < sizeof header) {
        err = plx_why_set(why, PLX_EMALFORMED, "it is too short");
    } else {
        memcpy(&header, text, sizeof header);
        if (header.magic != MAGIC)
            err = plx_why_set(why, PLX_EMALFORMED, "it is something else");
        else if (header.owner != keeper->owner)
            err = plx_why_set(why, PLX_ENOTFOUND, "it is another coordinator's");
    }
    if (!err) {
        struct plx_wire_decoder *decoder = plx_wire_decoder_new();
        const struct parts parts = {text + sizeof header, len - sizeof header, decoder};
        err = take_in(keeper, &header, parts, why);
        plx_wire_decoder_destroy(&decoder);
    }
    free(text);
    return err;
}
