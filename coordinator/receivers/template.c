#include "coordinator/receivers/template.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef void field_fn(const struct plx_message *m, struct plx_buf *out);

/* ---- what fields say ---- */

static void put(struct plx_buf *out, const char *text)
{
    plx_buf_text(out, text ? text : "");
}

static void put_time(struct plx_buf *out, struct plx_wall t)
{
    char text[PLX_WALL_TEXT_MAX];
    if (t.ns > 0)
        plx_buf_text(out, plx_wall_format(t, text));
}

#define TEXT_FIELD(name)                                                                 \
    static void put_##name(const struct plx_message *m, struct plx_buf *out)             \
    {                                                                                    \
        put(out, m->name);                                                               \
    }
TEXT_FIELD(key)
TEXT_FIELD(event)
TEXT_FIELD(kind)
TEXT_FIELD(severity)
TEXT_FIELD(state)
TEXT_FIELD(entity)
TEXT_FIELD(title)
TEXT_FIELD(sentence)
TEXT_FIELD(acked_by)
TEXT_FIELD(note)
TEXT_FIELD(runbook)
TEXT_FIELD(url)

#define TIME_FIELD(name)                                                                 \
    static void put_##name(const struct plx_message *m, struct plx_buf *out)             \
    {                                                                                    \
        put_time(out, m->name);                                                          \
    }
TIME_FIELD(at)
TIME_FIELD(onset)
TIME_FIELD(opened)
TIME_FIELD(closed)
TIME_FIELD(acked)

static void put_incident(const struct plx_message *m, struct plx_buf *out)
{
    plx_buf_printf(out, "%llu", (unsigned long long)m->incident);
}

static void put_n_affected(const struct plx_message *m, struct plx_buf *out)
{
    plx_buf_printf(out, "%zu", m->n_affected);
}

static void put_members(const struct plx_message *m, struct plx_buf *out)
{
    for (size_t i = 0; i < m->n_members; i++)
        plx_buf_printf(out, "%s%s", i ? ", " : "", m->members[i]);
    if (m->n_affected > m->n_members)
        plx_buf_printf(out, " and %zu more", m->n_affected - m->n_members);
}

static void put_labels(const struct plx_message *m, struct plx_buf *out)
{
    for (size_t i = 0; i < m->n_labels; i++)
        plx_buf_printf(out, "%s%s=%s", i ? ", " : "", m->labels[i].key,
                       m->labels[i].value);
}

/* How long it has lasted, or did. */
static void put_duration(const struct plx_message *m, struct plx_buf *out)
{
    char text[PLX_DURATION_TEXT_MAX];
    struct plx_wall end = m->closed.ns > 0 ? m->closed : m->at;
    struct plx_wall from = m->onset.ns > 0 ? m->onset : m->opened;
    int64_t ns = from.ns > 0 ? plx_wall_diff(end, from) : 0;
    ns -= ns % PLX_SEC_NS;
    plx_buf_text(out, plx_duration_human(ns > 0 ? ns : 0, text));
}

/* One word for what this is about. */
static const char *word_of(const struct plx_message *m)
{
    static const struct {
        const char *event, *word;
    } words[] = {
        {"open", "OPEN"},          {"update", "UPDATE"},    {"repeat", "STILL OPEN"},
        {"escalate", "ESCALATED"}, {"ack", "ACKNOWLEDGED"}, {"resolve", "RESOLVED"},
        {"test", "TEST"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].event, m->event) == 0)
            return words[i].word;
    return "NOTICE";
}

static void put_word(const struct plx_message *m, struct plx_buf *out)
{
    plx_buf_text(out, word_of(m));
}

static void put_headline(const struct plx_message *m, struct plx_buf *out)
{
    plx_buf_printf(out, "[%s] %s", word_of(m), m->title);
}

static void line(struct plx_buf *out, const char *name, const char *value)
{
    if (value && value[0])
        plx_buf_printf(out, "\n%s: %s", name, value);
}

static void field_line(struct plx_buf *out, const char *name, const struct plx_message *m,
                       field_fn *fn)
{
    struct plx_buf value;
    plx_buf_init(&value, PLX_TEMPLATE_TEXT_MAX);
    fn(m, &value);
    line(out, name, plx_buf_str(&value));
    plx_buf_fini(&value);
}

static void put_details(const struct plx_message *m, struct plx_buf *out)
{
    put(out, m->sentence);
    if (m->n_members > 0)
        field_line(out, "Monitors", m, put_members);
    field_line(out, "Since", m, put_onset);
    if (m->closed.ns > 0)
        field_line(out, "Lasted", m, put_duration);
    line(out, "Acknowledged by", m->acked_by);
    line(out, "Note", m->note);
    if (m->flapping)
        line(out, "State", "flapping");
    line(out, "Runbook", m->runbook);
    line(out, "Incident", m->url);
}

static const struct {
    const char *name;
    field_fn *fn;
} fields[] = {
    {"headline", put_headline},
    {"details", put_details},
    {"word", put_word},
    {"incident", put_incident},
    {"event", put_event},
    {"kind", put_kind},
    {"severity", put_severity},
    {"state", put_state},
    {"entity", put_entity},
    {"title", put_title},
    {"sentence", put_sentence},
    {"members", put_members},
    {"n_affected", put_n_affected},
    {"labels", put_labels},
    {"at", put_at},
    {"onset", put_onset},
    {"opened", put_opened},
    {"closed", put_closed},
    {"acked", put_acked},
    {"acked_by", put_acked_by},
    {"note", put_note},
    {"duration", put_duration},
    {"runbook", put_runbook},
    {"url", put_url},
    {"key", put_key},
};
#define N_FIELDS (sizeof fields / sizeof *fields)

/* ---- reading templates ---- */

/* The name in "{{ name }}" at `at`; returns what is behind it, or NULL if it has no end
 * or is too long. */
static const char *read_field(const char *at, char ret[32])
{
    const char *end = strstr(at + 2, "}}");
    const char *from = at + 2 + strspn(at + 2, " ");
    if (!end)
        return NULL;
    size_t len = strcspn(from, " }");
    if (from + len + strspn(from + len, " ") != end || len == 0 || len >= 32)
        return NULL;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return end + 2;
}

static field_fn *find_field(const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].fn;
    return NULL;
}

static int line_of(const char *text, const char *at)
{
    int n = 1;
    for (; text < at; text++)
        n += *text == '\n';
    return n;
}

static int refuse_field(const char *value, const char *at, const char *name,
                        struct plx_why *why)
{
    const char *names[N_FIELDS];
    for (size_t i = 0; i < N_FIELDS; i++)
        names[i] = fields[i].name;
    const char *meant = plx_text_closest(name, names, N_FIELDS);
    return plx_why_set(why, PLX_EINVAL, "line %d: there is no field '%s'%s%s%s",
                       line_of(value, at), name, meant ? "; did you mean '" : "",
                       meant ? meant : "", meant ? "'?" : "");
}

int plx_check_template(const char *value, struct plx_why *why)
{
    char name[32];
    if (strlen(value) > PLX_TEMPLATE_MAX)
        return plx_why_set(why, PLX_EINVAL, "must be at most %d bytes", PLX_TEMPLATE_MAX);
    for (const char *at = value; (at = strstr(at, "{{"));) {
        const char *next = read_field(at, name);
        if (!next)
            return plx_why_set(why, PLX_EINVAL,
                               "line %d: '%.20s' is no field: {{name}} is meant",
                               line_of(value, at), at);
        if (!find_field(name))
            return refuse_field(value, at, name, why);
        at = next;
    }
    return 0;
}

/* ---- writing ---- */

/* Cuts at a character's beginning. */
static void cut(char *text, size_t max_chars)
{
    size_t n = 0;
    char *keep = text;
    for (char *p = text; *p; p++) {
        if (((unsigned char)*p & 0xc0) == 0x80)
            continue;
        if (n + 1 == max_chars)
            keep = p;
        if (++n > max_chars) {
            memcpy(keep, "…", sizeof "…");
            return;
        }
    }
}

char *plx_template_text(const char *template, const struct plx_message *message,
                        size_t max_chars)
{
    struct plx_buf out;
    char name[32];
    const char *at = template, *field;
    plx_buf_init(&out, PLX_TEMPLATE_TEXT_MAX);
    while ((field = strstr(at, "{{"))) {
        const char *next = read_field(field, name);
        field_fn *fn = next ? find_field(name) : NULL;
        plx_buf_add(&out, at, (size_t)(field - at));
        if (fn)
            fn(message, &out);
        at = next ? next : field + 2;
    }
    plx_buf_text(&out, at);
    /* Room for the mark of what is cut. */
    plx_buf_add(&out, "\0\0\0", 3);
    char *text = plx_buf_give(&out, NULL);
    cut(text, max_chars);
    return text;
}
