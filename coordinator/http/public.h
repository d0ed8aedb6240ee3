/* What everybody may see: the status page, its feeds and badges, of monitors chosen by a
 * label (`status_page: KEY=VALUE`, or `all`). Off unless configured.
 *
 * A public answer names monitors, never hosts, addresses, agents, sentences or people. It
 * is the same for all who ask, may be cached, and is made anew when something has
 * happened, or after some seconds, however many ask. Loop thread. */
#ifndef PLX_HTTP_PUBLIC_H
#define PLX_HTTP_PUBLIC_H

#include "base/buf.h"
#include "coordinator/io/api.h"

struct plx_public_options {
    const char *label; /* "public=yes", "all"; NULL: there is no status page */
    const char *title; /* NULL: "Status" */
    const char *url;   /* where people reach us, for links of feeds */
};

/* Kinds of public answers. */
enum plx_public_what {
    PLX_PUBLIC_PAGE,
    PLX_PUBLIC_JSON,
    PLX_PUBLIC_RSS,       /* RSS 2.0 */
    PLX_PUBLIC_JSON_FEED, /* JSON Feed 1.1 */
    PLX_PUBLIC_WHATS_
};

struct plx_public;

/* `label`: a word, "=", a value; or "all". */
bool plx_public_is_label(const char *text);

/* Borrows desk and API; copies the options' texts. NULL: there is none. */
struct plx_public *plx_public_new(struct plx_desk *desk, struct plx_api *api,
                                  const struct plx_public_options *options);
/* No call may be open: after plx_api_destroy. */
void plx_public_destroy(struct plx_public **page);

/* The answer's text, lent until the next call, and its type. */
const struct plx_buf *plx_public_text(struct plx_public *page, enum plx_public_what what,
                                      const char **ret_type);

/* A badge as SVG. `file`: a monitor's name and ".svg"; `what`: verdict, uptime, latency.
 * Later, or at once: `done` with `err` 0 and the SVG, PLX_ENOTFOUND (no such monitor, or
 * not public), PLX_EINVAL (no such badge). */
typedef void plx_public_badge_fn(void *arg, int err, const struct plx_buf *svg);
void plx_public_badge(struct plx_public *page, const char *file, const char *what,
                      plx_public_badge_fn *done, void *arg);

#endif
