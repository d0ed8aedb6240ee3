#include "coordinator/heartbeat.h"

#include "base/text.h"
#include "post/post.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

#define EACH_NS PLX_MIN_NS

struct plx_heartbeat {
    struct plx_post *post;
    char *url;
    struct plx_mono next; /* nothing is sent before */
    bool failed;          /* and that has been said */
};

int plx_heartbeat_new(const char *url, struct plx_heartbeat **ret, struct plx_why *why)
{
    struct plx_heartbeat *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    int err = plx_post_new(&h->post, why);
    if (err < 0) {
        free(h);
        return err;
    }
    h->url = plx_text_dup(url);
    *ret = h;
    return 0;
}

void plx_heartbeat_destroy(struct plx_heartbeat **heartbeat)
{
    if (!*heartbeat)
        return;
    plx_post_destroy(&(*heartbeat)->post);
    free((*heartbeat)->url);
    free(*heartbeat);
    *heartbeat = NULL;
}

/* Changes are logged, not each failure. */
static void note(struct plx_heartbeat *h, bool failed, const char *why)
{
    if (failed && !h->failed)
        plx_log(PLX_LOG_WARN, "heartbeat_failed", "why", why, NULL);
    else if (!failed && h->failed)
        plx_log(PLX_LOG_INFO, "heartbeat_again", NULL);
    h->failed = failed;
}

void plx_heartbeat_tick(struct plx_heartbeat *heartbeat, struct plx_mono now)
{
    static const char body[] = "{\"version\":1,\"event\":\"heartbeat\"}";
    struct plx_why why = {""};
    enum plx_post_state state = plx_post_tick(heartbeat->post, &why);
    if (state == PLX_POST_DELIVERED || state == PLX_POST_FAILED)
        note(heartbeat, state == PLX_POST_FAILED, why.text);
    if (state == PLX_POST_BUSY || plx_mono_diff(now, heartbeat->next) < 0)
        return;
    heartbeat->next = plx_mono_add(now, EACH_NS);
    if (plx_post_send(heartbeat->post, heartbeat->url, body, sizeof body - 1, NULL,
                      plx_clock_wall(), &why) < 0)
        note(heartbeat, true, why.text);
}
