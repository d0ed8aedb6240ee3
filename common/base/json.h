/* A streaming JSON writer (RFC 8259) into a plx_buf: no tree, commas kept for you.
 *
 *   plx_json_object(j);  plx_json_key(j, "name");  plx_json_str(j, name);
 * plx_json_end(j);
 *
 * Text that is not well-formed UTF-8 is written with U+FFFD in place of each bad byte.
 * Reading JSON is jansson's job, where a reader is needed. */
#ifndef PLX_BASE_JSON_H
#define PLX_BASE_JSON_H

#include "base/buf.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define PLX_JSON_DEPTH_MAX 32

struct plx_json {
    struct plx_buf *out; /* borrowed */
    unsigned depth;
    bool after_key;
    bool comma[PLX_JSON_DEPTH_MAX + 1];
    char closer[PLX_JSON_DEPTH_MAX + 1];
};

void plx_json_init(struct plx_json *j, struct plx_buf *out);

void plx_json_object(struct plx_json *j);
void plx_json_array(struct plx_json *j);
/* Closes the innermost object or array. */
void plx_json_end(struct plx_json *j);

void plx_json_key(struct plx_json *j, const char *key);
void plx_json_str(struct plx_json *j, const char *text); /* NULL writes null */
void plx_json_strn(struct plx_json *j, const char *text, size_t len);
void plx_json_int(struct plx_json *j, int64_t v);
void plx_json_uint(struct plx_json *j, uint64_t v);
/* A number with at most `decimals` digits behind the point, trailing zeros dropped; not
 * finite writes null. */
void plx_json_num(struct plx_json *j, double v, int decimals);
void plx_json_bool(struct plx_json *j, bool v);
void plx_json_null(struct plx_json *j);
/* RFC 3339 text; 0 writes null. */
void plx_json_wall(struct plx_json *j, struct plx_wall t);
/* Writes `json`, a complete value made elsewhere, as it is. */
void plx_json_raw(struct plx_json *j, const char *json);
void plx_json_rawn(struct plx_json *j, const char *json, size_t len);

/* Key and value in one call. */
void plx_json_kstr(struct plx_json *j, const char *key, const char *text);
void plx_json_kint(struct plx_json *j, const char *key, int64_t v);
void plx_json_kuint(struct plx_json *j, const char *key, uint64_t v);
void plx_json_knum(struct plx_json *j, const char *key, double v, int decimals);
void plx_json_kbool(struct plx_json *j, const char *key, bool v);
void plx_json_kwall(struct plx_json *j, const char *key, struct plx_wall t);

#endif
