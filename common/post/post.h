/* One HTTP POST of JSON at a time, moved on by a loop's ticks and never waiting: for
 * signs of life. Redirects are not followed; an answer's body is not kept. For notices to
 * people, with their queues and retries, there is the coordinator's notifier.
 *
 * One thread. */
#ifndef PLX_POST_POST_H
#define PLX_POST_POST_H

#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>

struct plx_post;

enum plx_post_state {
    PLX_POST_IDLE,
    PLX_POST_BUSY,
    PLX_POST_DELIVERED, /* just now: 2xx */
    PLX_POST_FAILED,    /* just now */
};

int plx_post_new(struct plx_post **ret, struct plx_why *why);
/* Cuts off what is under way. Accepts NULL in *post. */
void plx_post_destroy(struct plx_post **post);

/* Begins to send; copies. `secret` signs the body (post/signature.h), NULL for none.
 * PLX_EBUSY while another is under way. */
int plx_post_send(struct plx_post *post, const char *url, const char *body, size_t len,
                  const char *secret, struct plx_wall now, struct plx_why *why);
/* Moves it on. After DELIVERED and FAILED it is idle again; `why` then has a sentence. */
enum plx_post_state plx_post_tick(struct plx_post *post, struct plx_why *why);

/* http:// or https:// with a host; PLX_EINVAL with a sentence: "must be …". */
int plx_post_check_url(const char *url, struct plx_why *why);

#endif
