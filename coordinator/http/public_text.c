/* The status page's texts: HTML without scripts, JSON, RSS 2.0 and JSON Feed 1.1. */
#include "coordinator/http/public_impl.h"

#include "base/json.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "Mon, 23 Nov 2026 12:00:00 GMT", whatever the locale (RFC 822 as RSS wants it). */
static void add_rfc822(struct plx_buf *out, struct plx_wall t)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(t.ns / PLX_SEC_NS);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    plx_buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
                   tm.tm_min, tm.tm_sec);
}

/* "2026-11-23 12:00 UTC". */
static void add_minute(struct plx_buf *out, struct plx_wall t)
{
    char text[PLX_WALL_TEXT_MAX];
    plx_wall_format(t, text);
    plx_buf_printf(out, "%.10s %.5s UTC", text, text + 11);
}

static size_t count(const struct plx_public *page, enum plx_public_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < page->n_monitors; i++)
        n += page->monitors[i].state == state;
    return n;
}

static const char *class_of(enum plx_public_state state)
{
    static const char *const classes[] = {
        [PLX_PUBLIC_UP] = "good",        [PLX_PUBLIC_PARTLY] = "warn",
        [PLX_PUBLIC_DOWN] = "bad",       [PLX_PUBLIC_PAUSED] = "unsure",
        [PLX_PUBLIC_UNKNOWN] = "unsure",
    };
    return classes[state];
}

static const char *shape_of(enum plx_public_state state)
{
    static const char *const shapes[] = {
        [PLX_PUBLIC_UP] = "●",     [PLX_PUBLIC_PARTLY] = "▲",  [PLX_PUBLIC_DOWN] = "✖",
        [PLX_PUBLIC_PAUSED] = "○", [PLX_PUBLIC_UNKNOWN] = "○",
    };
    return shapes[state];
}

/* ---- the page ---- */

static void write_head(const struct plx_public *page, struct plx_buf *out)
{
    size_t down = count(page, PLX_PUBLIC_DOWN), partly = count(page, PLX_PUBLIC_PARTLY);
    plx_buf_text(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width\">"
                      "<link rel=\"icon\" href=\"data:,\"><title>");
    plx_buf_markup(out, page->title);
    plx_buf_text(out, "</title><link rel=\"stylesheet\" href=\"/assets/status.css\">"
                      "<link rel=\"alternate\" type=\"application/rss+xml\""
                      " title=\"Incidents\" href=\"/status/feed.xml\">"
                      "<link rel=\"alternate\" type=\"application/feed+json\""
                      " title=\"Incidents\" href=\"/status/feed.json\">"
                      "</head><body><main><h1>");
    plx_buf_markup(out, page->title);
    plx_buf_printf(out, "</h1><p class=\"answer %s\">",
                   down     ? "bad"
                   : partly ? "warn"
                            : "good");
    if (down || partly)
        plx_buf_printf(out, "%zu down, %zu partly working, of %zu", down, partly,
                       page->n_monitors);
    else
        plx_buf_text(out, count(page, PLX_PUBLIC_UNKNOWN) ? "No trouble is known"
                                                          : "Everything is up");
    plx_buf_text(out, "</p>");
}

static void write_row(const struct plx_public *page, const struct plx_public_monitor *m,
                      struct plx_buf *out)
{
    double ratio = plx_public_uptime(page, m->name);
    plx_buf_text(out, "<tr><th scope=\"row\">");
    plx_buf_markup(out, m->name);
    plx_buf_printf(out, "</th><td class=\"%s\">%s %s</td><td>", class_of(m->state),
                   shape_of(m->state), plx_public_word(m->state));
    if (m->since.ns)
        add_minute(out, m->since);
    plx_buf_text(out, "</td><td>");
    if (ratio >= 0)
        plx_buf_printf(out, "%.2f %%", ratio * 100);
    else
        plx_buf_text(out, "–");
    plx_buf_text(out, "</td></tr>");
}

static void write_incidents(const struct plx_public *page, struct plx_buf *out)
{
    plx_buf_text(out, "<h2>Incidents of the last 14 days</h2>");
    if (page->n_incidents == 0)
        plx_buf_text(out, "<p>None.</p>");
    else
        plx_buf_text(out, "<ul>");
    for (size_t i = 0; i < page->n_incidents; i++) {
        const struct plx_public_incident *in = &page->incidents[i];
        plx_buf_printf(out, "<li class=\"%s\"><strong>", in->closed.ns ? "good" : "bad");
        plx_buf_markup(out, in->names);
        plx_buf_text(out, "</strong> from ");
        add_minute(out, in->opened);
        if (in->closed.ns) {
            plx_buf_text(out, " to ");
            add_minute(out, in->closed);
        } else {
            plx_buf_text(out, ", not over");
        }
        plx_buf_text(out, "</li>");
    }
    if (page->n_incidents > 0)
        plx_buf_text(out, "</ul>");
}

static void write_page(const struct plx_public *page, struct plx_buf *out)
{
    write_head(page, out);
    plx_buf_text(out, "<table><thead><tr><th scope=\"col\">Service</th><th scope=\"col\">"
                      "State</th><th scope=\"col\">Since</th><th scope=\"col\">Uptime, "
                      "30 days</th></tr></thead><tbody>");
    for (size_t i = 0; i < page->n_monitors; i++)
        write_row(page, &page->monitors[i], out);
    plx_buf_text(out, "</tbody></table>");
    write_incidents(page, out);
    plx_buf_text(out, "<footer><a href=\"/status/feed.xml\">RSS</a> <a "
                      "href=\"/status/feed.json\">JSON feed</a> <a "
                      "href=\"/status.json\">JSON</a></footer></main></body></html>\n");
}

/* ---- JSON ---- */

static void write_json(const struct plx_public *page, struct plx_buf *out)
{
    struct plx_json j;
    plx_json_init(&j, out);
    plx_json_object(&j);
    plx_json_kstr(&j, "title", page->title);
    plx_json_key(&j, "monitors");
    plx_json_array(&j);
    for (size_t i = 0; i < page->n_monitors; i++) {
        const struct plx_public_monitor *m = &page->monitors[i];
        double ratio = plx_public_uptime(page, m->name);
        plx_json_object(&j);
        plx_json_kstr(&j, "name", m->name);
        plx_json_kstr(&j, "state", plx_public_word(m->state));
        plx_json_kwall(&j, "since", m->since);
        plx_json_key(&j, "uptime_30d");
        if (ratio >= 0)
            plx_json_num(&j, ratio, 6);
        else
            plx_json_null(&j);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_key(&j, "incidents");
    plx_json_array(&j);
    for (size_t i = 0; i < page->n_incidents; i++) {
        plx_json_object(&j);
        plx_json_kuint(&j, "id", page->incidents[i].id);
        plx_json_kstr(&j, "monitors", page->incidents[i].names);
        plx_json_kwall(&j, "opened", page->incidents[i].opened);
        plx_json_kwall(&j, "closed", page->incidents[i].closed);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_end(&j);
    plx_buf_char(out, '\n');
}

/* ---- feeds: an item when an incident opens, another when it is over ---- */

struct item {
    const struct plx_public_incident *incident;
    bool over;
    char id[64];
    char title[320];
};

static struct item item_of(const struct plx_public_incident *incident, bool over)
{
    struct item item = {.incident = incident, .over = over};
    snprintf(item.id, sizeof item.id, "incident-%" PRIu64 "-%s", incident->id,
             over ? "over" : "open");
    snprintf(item.title, sizeof item.title, "%s: %.*s", over ? "Over" : "Trouble",
             (int)plx_text_cut(incident->names, 240), incident->names);
    return item;
}

typedef void item_fn(const struct plx_public *page, const struct item *item, void *arg);

static void each_item(const struct plx_public *page, item_fn *fn, void *arg)
{
    for (size_t i = 0; i < page->n_incidents; i++)
        for (int over = page->incidents[i].closed.ns != 0; over >= 0; over--) {
            struct item item = item_of(&page->incidents[i], over);
            fn(page, &item, arg);
        }
}

static void write_rss_item(const struct plx_public *page, const struct item *item,
                           void *arg)
{
    struct plx_buf *out = arg;
    plx_buf_text(out, "<item><title>");
    plx_buf_markup(out, item->title);
    plx_buf_text(out, "</title><link>");
    plx_buf_markup(out, page->url);
    plx_buf_printf(out, "/status</link><guid isPermaLink=\"false\">%s</guid><pubDate>",
                   item->id);
    add_rfc822(out, item->over ? item->incident->closed : item->incident->opened);
    plx_buf_text(out, "</pubDate></item>");
}

static void write_rss(const struct plx_public *page, struct plx_buf *out)
{
    plx_buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">"
                      "<channel><title>");
    plx_buf_markup(out, page->title);
    plx_buf_text(out, "</title><link>");
    plx_buf_markup(out, page->url);
    plx_buf_text(out, "/status</link><description>Incidents</description>"
                      "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"");
    plx_buf_markup(out, page->url);
    plx_buf_text(out, "/status/feed.xml\"/>");
    each_item(page, write_rss_item, out);
    plx_buf_text(out, "</channel></rss>\n");
}

static void write_feed_item(const struct plx_public *page, const struct item *item,
                            void *arg)
{
    struct plx_json *j = arg;
    char url[2200];
    snprintf(url, sizeof url, "%.2100s/status", page->url);
    plx_json_object(j);
    plx_json_kstr(j, "id", item->id);
    plx_json_kstr(j, "url", url);
    plx_json_kstr(j, "title", item->title);
    plx_json_kstr(j, "content_text", item->incident->names);
    plx_json_kwall(j, "date_published",
                   item->over ? item->incident->closed : item->incident->opened);
    plx_json_end(j);
}

static void write_json_feed(const struct plx_public *page, struct plx_buf *out)
{
    struct plx_json j;
    char url[2200];
    snprintf(url, sizeof url, "%.2100s/status", page->url);
    plx_json_init(&j, out);
    plx_json_object(&j);
    plx_json_kstr(&j, "version", "https://jsonfeed.org/version/1.1");
    plx_json_kstr(&j, "title", page->title);
    plx_json_kstr(&j, "home_page_url", url);
    plx_json_key(&j, "items");
    plx_json_array(&j);
    each_item(page, write_feed_item, &j);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_buf_char(out, '\n');
}

plx_public_write_fn *const plx_public_write[] = {
    [PLX_PUBLIC_PAGE] = write_page,
    [PLX_PUBLIC_JSON] = write_json,
    [PLX_PUBLIC_RSS] = write_rss,
    [PLX_PUBLIC_JSON_FEED] = write_json_feed,
};
