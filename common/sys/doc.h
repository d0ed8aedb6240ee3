/* A YAML document as a tree that remembers where everything stood.
 *
 * A strict reader (libyaml): no aliases or anchors, no tags, no tabs as indentation, one
 * document, bounded size, depth and node count, UTF-8 only, duplicate keys refused. JSON
 * is read too, as YAML's flow style. Every error reads
 * "FILE:LINE:COLUMN: what is wrong: offending text". */
#ifndef PLX_SYS_DOC_H
#define PLX_SYS_DOC_H

#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_DOC_BYTES_MAX (64 * 1024 * 1024)
#define PLX_DOC_DEPTH_MAX 16
#define PLX_DOC_LINE_MAX  65536
#define PLX_EXCERPT_MAX   48

enum plx_node_kind { PLX_NODE_SCALAR, PLX_NODE_LIST, PLX_NODE_MAP };

struct plx_node {
    enum plx_node_kind kind;
    uint32_t line, column;   /* from 1 */
    bool quoted;             /* scalar: was written in quotes */
    char *text;              /* scalar */
    struct plx_node **keys;  /* map: scalars */
    struct plx_node **items; /* map, list */
    size_t n;
};

struct plx_doc;

/* Parses `text`; `name` (a file's path, "-", "request") is what errors begin with.
 * Returns 0, or PLX_EINVAL / PLX_ETOOBIG with a sentence. */
int plx_doc_parse(const char *name, const char *text, size_t len, struct plx_doc **ret,
                  struct plx_why *why);
/* Reads and parses the file ("-": standard input). */
int plx_doc_load(const char *path, struct plx_doc **ret, struct plx_why *why);
void plx_doc_destroy(struct plx_doc **doc);

const char *plx_doc_name(const struct plx_doc *doc);
/* The root; NULL for an empty document. */
const struct plx_node *plx_doc_root(const struct plx_doc *doc);

/* The value under `key` in a map, or NULL. */
const struct plx_node *plx_node_get(const struct plx_node *map, const char *key);
/* The text of the scalar under `key`; NULL if there is none, or `map` is no map or NULL.
 */
const char *plx_node_text(const struct plx_node *map, const char *key);

/* Sets "NAME:LINE:COLUMN: …" and returns PLX_EINVAL. */
int plx_doc_error(const struct plx_doc *doc, const struct plx_node *node,
                  struct plx_why *why, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The beginning of the first line of `text`, fit to be quoted in a sentence: shortened
 * with "…", '?' for what a terminal should not see. Returns `buf`. */
const char *plx_doc_excerpt(const char *text, char buf[PLX_EXCERPT_MAX]);

/* Typed readings of a scalar node; each returns 0 or PLX_EINVAL with a sentence that
 * names the place, the key and the offending text. `key` is only for the sentence. */
int plx_doc_text(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                 const char **ret, struct plx_why *why);
int plx_doc_int(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                int64_t min, int64_t max, int64_t *ret, struct plx_why *why);
int plx_doc_bool(const struct plx_doc *doc, const struct plx_node *node, const char *key,
                 bool *ret, struct plx_why *why);
int plx_doc_duration(const struct plx_doc *doc, const struct plx_node *node,
                     const char *key, int64_t *ret_ns, struct plx_why *why);

/* Refuses keys of `map` that are not among `known`, with the closest known one. */
int plx_doc_known_keys(const struct plx_doc *doc, const struct plx_node *map,
                       const char *const *known, size_t n_known, struct plx_why *why);

#endif
