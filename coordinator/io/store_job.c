/* Jobs: made and queued on the loop thread, handed back to it when they are durable. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/clock.h"

#include <assert.h>
#include <unistd.h>

void *plx_store_job_new(const struct plx_store_job_class *class, size_t size, void *arg)
{
    struct plx_store_job *job = calloc(1, size);
    if (!job)
        abort();
    job->class = class;
    job->bytes = size;
    job->rows = 1;
    job->arg = arg;
    return job;
}

void plx_store_job_destroy(struct plx_store_job *job)
{
    if (job->class->fini)
        job->class->fini(job);
    for (size_t i = 0; i < job->n_owned; i++)
        free(job->owned[i]);
    free(job);
}

static void own(struct plx_store_job *job, void *memory, size_t bytes)
{
    assert(job->n_owned < PLX_STORE_JOB_OWNED_MAX);
    job->owned[job->n_owned++] = memory;
    job->bytes += bytes;
}

void *plx_store_job_alloc(struct plx_store_job *job, size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory)
        abort();
    own(job, memory, n * size);
    return memory;
}

const char *plx_store_job_text(struct plx_store_job *job, const char *text)
{
    if (!text)
        return NULL;
    char *copy = plx_text_dup(text);
    own(job, copy, strlen(copy) + 1);
    return copy;
}

/* 0, or why the queue does not take the job. With the lock held. */
static int admit(struct plx_store *store, const struct plx_store_job *job)
{
    struct plx_store_health *h = &store->health;
    if (store->stopping)
        return PLX_EGONE;
    if (h->state == PLX_STORE_FAILED)
        return PLX_EIO;
    if (job->bytes > store->options.queue_bytes)
        return PLX_ETOOBIG;
    /* Agents keep what is not taken; verdicts and decisions have nowhere to wait. */
    size_t jobs = store->options.queue_jobs, bytes = store->options.queue_bytes;
    if (job->class->bulk) {
        jobs -= jobs / 4;
        bytes -= bytes / 4;
    }
    if (h->queued_jobs < jobs && h->queued_bytes <= bytes &&
        job->bytes <= bytes - h->queued_bytes)
        return 0;
    h->refused_jobs++;
    return PLX_EAGAIN;
}

int plx_store_submit(struct plx_store *store, struct plx_store_job *job)
{
    job->submitted = plx_clock_mono();
    pthread_mutex_lock(&store->lock);
    int err = admit(store, job);
    if (!err) {
        store->health.queued_jobs++;
        store->health.queued_bytes += job->bytes;
        store->queue_rows += job->rows;
        plx_store_jobs_push(&store->queue, job);
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->lock);
    if (err)
        plx_store_job_destroy(job);
    return err;
}

void plx_store_finished(struct plx_store *store, struct plx_store_job *job)
{
    pthread_mutex_lock(&store->lock);
    plx_store_jobs_push(&store->finished, job);
    pthread_mutex_unlock(&store->lock);
    uint64_t one = 1;
    ssize_t put = write(store->event_fd, &one, sizeof one);
    (void)put; /* fails only at 2^64 - 1 unread ones: readable all the same */
}

void plx_store_jobs_init(struct plx_store_jobs *jobs)
{
    *jobs = (struct plx_store_jobs){.tail = &jobs->head};
}

void plx_store_jobs_push(struct plx_store_jobs *jobs, struct plx_store_job *job)
{
    job->next = NULL;
    *jobs->tail = job;
    jobs->tail = &job->next;
    jobs->n++;
}

struct plx_store_job *plx_store_jobs_pop(struct plx_store_jobs *jobs)
{
    struct plx_store_job *job = jobs->head;
    if (!job)
        return NULL;
    jobs->head = job->next;
    if (!jobs->head)
        jobs->tail = &jobs->head;
    jobs->n--;
    return job;
}

void plx_store_plain_finish(struct plx_store_job *job)
{
    struct plx_store_plain_job *plain = (struct plx_store_plain_job *)job;
    if (plain->done)
        plain->done(job->arg, job->err, job->why.text);
}

const struct plx_label *plx_store_job_labels(struct plx_store_job *job,
                                             const struct plx_label *labels, size_t n)
{
    size_t bytes = n * sizeof *labels;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(labels[i].key) + strlen(labels[i].value) + 2;
    struct plx_label *copy = plx_store_job_alloc(job, bytes, 1);
    char *text = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        size_t key = strlen(labels[i].key) + 1, value = strlen(labels[i].value) + 1;
        copy[i].key = memcpy(text, labels[i].key, key);
        copy[i].value = memcpy(text + key, labels[i].value, value);
        text += key + value;
    }
    return copy;
}
