#include "sys/doc.h"

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "sys/doc_parse.h"
#include "sys/file.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (256 * 1024)

struct plx_doc_chunk {
    struct plx_doc_chunk *next;
    size_t used, size;
    alignas(16) unsigned char bytes[];
};

static void add_chunk(struct plx_doc *doc, size_t size)
{
    struct plx_doc_chunk *chunk = calloc(1, sizeof *chunk + size);
    if (!chunk)
        abort();
    chunk->size = size;
    chunk->next = doc->chunks;
    doc->chunks = chunk;
}

void *plx_doc_alloc(struct plx_doc *doc, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (!doc->chunks || doc->chunks->size - doc->chunks->used < size)
        add_chunk(doc, size > CHUNK_BYTES ? size : CHUNK_BYTES);
    void *p = doc->chunks->bytes + doc->chunks->used;
    doc->chunks->used += size;
    return p;
}

int plx_doc_parse(const char *name, const char *text, size_t len, struct plx_doc **ret,
                  struct plx_why *why)
{
    if (len > PLX_DOC_BYTES_MAX)
        return plx_why_set(why, PLX_ETOOBIG, "%s:1:1: is larger than 64 MiB", name);
    struct plx_doc *doc = calloc(1, sizeof *doc);
    if (!doc)
        abort();
    doc->name = plx_text_dup(name);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        text += 3;
        len -= 3;
    }
    int err = plx_doc_scan(name, text, len, why);
    if (err == 0)
        err = plx_doc_build(doc, text, len, why);
    if (err < 0)
        plx_doc_destroy(&doc);
    else
        *ret = doc;
    return err;
}

int plx_doc_load(const char *path, struct plx_doc **ret, struct plx_why *why)
{
    char *text;
    size_t len;
    int err = plx_file_read(path, PLX_DOC_BYTES_MAX, &text, &len, why);
    if (err == PLX_EINVAL || err == PLX_ETOOBIG) /* bad input, not a missing file */
        plx_why_in(why, err, "%s:1:1", path);
    if (err < 0)
        return err;
    err = plx_doc_parse(path, text, len, ret, why);
    free(text);
    return err;
}

void plx_doc_destroy(struct plx_doc **doc)
{
    if (!*doc)
        return;
    for (struct plx_doc_chunk *chunk = (*doc)->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free((*doc)->name);
    free(*doc);
    *doc = NULL;
}

const char *plx_doc_name(const struct plx_doc *doc)
{
    return doc->name;
}

const struct plx_node *plx_doc_root(const struct plx_doc *doc)
{
    return doc->root;
}

const struct plx_node *plx_node_get(const struct plx_node *map, const char *key)
{
    if (!map || map->kind != PLX_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

const char *plx_node_text(const struct plx_node *map, const char *key)
{
    const struct plx_node *node =
        map && map->kind == PLX_NODE_MAP ? plx_node_get(map, key) : NULL;
    return node && node->kind == PLX_NODE_SCALAR ? node->text : NULL;
}

int plx_doc_error(const struct plx_doc *doc, const struct plx_node *node,
                  struct plx_why *why, const char *fmt, ...)
{
    char text[PLX_WHY_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) /* text from outside may end up on a terminal */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return plx_why_set(why, PLX_EINVAL, "%s:%u:%u: %s", doc->name, node ? node->line : 1,
                       node ? node->column : 1, text);
}

/* Bytes of the character at `p` if it may be shown, else 0. */
static size_t showable(const char *p)
{
    for (size_t n = 1; n <= 4 && p[n - 1]; n++)
        if (plx_text_is_clean(p, n))
            return n;
    return 0;
}

const char *plx_doc_excerpt(const char *text, char buf[PLX_EXCERPT_MAX])
{
    const char ellipsis[] = "…";
    size_t used = 0;
    while (*text && *text != '\n' && *text != '\r') {
        size_t n = showable(text);
        if (used + (n ? n : 1) > PLX_EXCERPT_MAX - sizeof ellipsis) {
            memcpy(buf + used, ellipsis, sizeof ellipsis);
            return buf;
        }
        if (n)
            memcpy(buf + used, text, n);
        else
            buf[used] = '?';
        used += n ? n : 1;
        text += n ? n : 1;
    }
    buf[used] = '\0';
    return buf;
}

/* A plain scalar that YAML reads as "nothing". */
static bool is_null(const struct plx_node *node)
{
    return node->kind == PLX_NODE_SCALAR && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}

int plx_doc_text(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                 const char **ret, struct plx_why *why)
{
    if (node->kind != PLX_NODE_SCALAR)
        return plx_doc_error(doc, node, why, "'%s' must be one value, not a %s", key,
                             node->kind == PLX_NODE_LIST ? "list" : "map");
    if (is_null(node))
        return plx_doc_error(doc, node, why, "'%s' has no value", key);
    *ret = node->text;
    return 0;
}

/* "must be …: 'offending text'" */
static int refuse_value(const struct plx_doc *doc, const struct plx_node *node,
                        const char *key, const char *rule, struct plx_why *why)
{
    char shown[PLX_EXCERPT_MAX];
    return plx_doc_error(doc, node, why, "'%s' must be %s: '%s'", key, rule,
                         plx_doc_excerpt(node->text, shown));
}

/* YAML 1.1 reads 0755 as octal, people do not: refuse rather than guess. */
static bool has_leading_zero(const char *text)
{
    text += *text == '-';
    return text[0] == '0' && text[1] != '\0';
}

int plx_doc_int(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                int64_t min, int64_t max, int64_t *ret, struct plx_why *why)
{
    const char *text;
    int err = plx_doc_text(doc, node, key, &text, why);
    if (err < 0)
        return err;
    if (!has_leading_zero(text) && plx_text_int(text, min, max, ret) == 0)
        return 0;
    char rule[80];
    snprintf(rule, sizeof rule, "a whole number from %" PRId64 " to %" PRId64, min, max);
    return refuse_value(doc, node, key, rule, why);
}

int plx_doc_bool(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                 bool *ret, struct plx_why *why)
{
    const char *text;
    int err = plx_doc_text(doc, node, key, &text, why);
    if (err < 0)
        return err;
    bool yes = strcmp(text, "true") == 0;
    if (node->quoted || (!yes && strcmp(text, "false") != 0))
        return refuse_value(doc, node, key, "true or false", why);
    *ret = yes;
    return 0;
}

int plx_doc_duration(const struct plx_doc *doc, const struct plx_node *node,
                     const char *key, int64_t *ret_ns, struct plx_why *why)
{
    const char *text;
    int64_t number;
    int err = plx_doc_text(doc, node, key, &text, why);
    if (err < 0)
        return err;
    if (plx_duration_parse(text, ret_ns) == 0)
        return 0;
    if (plx_text_int(text, INT64_MIN, INT64_MAX, &number) == 0)
        return refuse_value(doc, node, key, "a duration with a unit, such as 30s", why);
    return refuse_value(doc, node, key, "a duration such as 30s, 5m or 1h", why);
}

int plx_doc_known_keys(const struct plx_doc *doc, const struct plx_node *map,
                       const char *const *known, size_t n_known, struct plx_why *why)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        size_t k = 0;
        while (k < n_known && strcmp(known[k], key) != 0)
            k++;
        if (k < n_known)
            continue;
        char shown[PLX_EXCERPT_MAX];
        const char *closest = plx_text_closest(key, known, n_known);
        return plx_doc_error(doc, map->keys[i], why, "unknown key '%s'%s%s%s",
                             plx_doc_excerpt(key, shown),
                             closest ? ", did you mean '" : "", closest ? closest : "",
                             closest ? "'?" : "");
    }
    return 0;
}
