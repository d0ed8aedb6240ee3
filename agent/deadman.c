#include "agent/deadman.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "post/post.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_NS   (10 * PLX_SEC_NS)
#define SECRET_MAX 4096
#define BODY_MAX   4096

struct plx_deadman {
    const struct plx_deadman_options *options;
    const char *agent, *region;
    struct plx_post *post;
    struct plx_mono last_up;
    struct plx_mono next; /* nothing is sent before */
    bool told;            /* that it is gone, and not yet that it is back */
    bool sending_back;    /* what is under way says that it is back */
};

int plx_deadman_new(const struct plx_deadman_options *options, const char *agent,
                    const char *region, struct plx_mono now, struct plx_deadman **ret,
                    struct plx_why *why)
{
    struct plx_deadman *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    *d = (struct plx_deadman){.options = options,
                              .agent = agent,
                              .region = region,
                              .last_up = now,
                              .next = now};
    int err = plx_post_new(&d->post, why);
    if (err < 0) {
        free(d);
        return err;
    }
    *ret = d;
    return 0;
}

void plx_deadman_destroy(struct plx_deadman **deadman)
{
    if (!*deadman)
        return;
    plx_post_destroy(&(*deadman)->post);
    free(*deadman);
    *deadman = NULL;
}

static void write_body(const struct plx_deadman *d, struct plx_mono now, bool back,
                       struct plx_wall wall, struct plx_buf *out)
{
    int64_t away_ns = plx_mono_diff(now, d->last_up);
    struct plx_json j;
    plx_json_init(&j, out);
    plx_json_object(&j);
    plx_json_kuint(&j, "version", 1);
    plx_json_kstr(&j, "event", back ? "coordinator_back" : "coordinator_gone");
    plx_json_kstr(&j, "agent", d->agent);
    plx_json_kstr(&j, "region", d->region);
    plx_json_kwall(&j, "at", wall);
    if (!back) {
        plx_json_kwall(&j, "last_seen", plx_wall_add(wall, -away_ns));
        plx_json_kint(&j, "away_seconds", away_ns / PLX_SEC_NS);
    }
    plx_json_end(&j);
}

/* NULL: there is none. */
static int read_secret(const struct plx_deadman *d, char **ret, struct plx_why *why)
{
    size_t len;
    if (!d->options->secret_file)
        return 0;
    int err = plx_file_read(d->options->secret_file, SECRET_MAX, ret, &len, why);
    while (err == 0 && len > 0 && strchr("\r\n \t", (*ret)[len - 1]))
        (*ret)[--len] = '\0';
    return err;
}

static void say(struct plx_deadman *d, struct plx_mono now, bool back)
{
    struct plx_wall wall = plx_clock_wall();
    struct plx_why why = {""};
    struct plx_buf body;
    char *secret = NULL;
    plx_buf_init(&body, BODY_MAX);
    write_body(d, now, back, wall, &body);
    int err = read_secret(d, &secret, &why);
    if (err == 0)
        err = plx_post_send(d->post, d->options->url, plx_buf_str(&body), body.len,
                            secret, wall, &why);
    if (err < 0)
        plx_log(PLX_LOG_WARN, "deadman_failed", "why", why.text, NULL);
    d->sending_back = back;
    d->next = plx_mono_add(now, RETRY_NS);
    free(secret);
    plx_buf_fini(&body);
}

/* True while something is under way. */
static bool hear(struct plx_deadman *d, struct plx_mono now)
{
    struct plx_why why = {""};
    switch (plx_post_tick(d->post, &why)) {
    case PLX_POST_DELIVERED:
        d->told = !d->sending_back;
        d->next = plx_mono_add(now, d->sending_back ? 0 : d->options->repeat_ns);
        plx_log(PLX_LOG_INFO, "deadman_told", "what", d->sending_back ? "back" : "gone",
                NULL);
        break;
    case PLX_POST_FAILED:
        d->next = plx_mono_add(now, RETRY_NS);
        plx_log(PLX_LOG_WARN, "deadman_failed", "why", why.text, NULL);
        break;
    case PLX_POST_IDLE:
        break;
    case PLX_POST_BUSY:
        return true;
    }
    return false;
}

void plx_deadman_tick(struct plx_deadman *deadman, struct plx_mono now, bool up)
{
    bool busy = hear(deadman, now);
    if (up) {
        deadman->last_up = now;
        /* It need not wait for the next repetition to say that all is well. */
        if (deadman->told && !deadman->sending_back)
            deadman->next = now;
    }
    bool gone = !up && plx_mono_diff(now, deadman->last_up) >= deadman->options->after_ns;
    if (busy || plx_mono_diff(now, deadman->next) < 0 ||
        (!gone && !(up && deadman->told)))
        return;
    say(deadman, now, up);
}
