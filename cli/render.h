/* How answers are shown: tables for people, JSON, CSV and YAML for programs. */
#ifndef PLX_CLI_RENDER_H
#define PLX_CLI_RENDER_H

#include "cli/cli.h"

#include "base/time.h"

#include <jansson.h>
#include <stdint.h>

enum plx_style {
    PLX_STYLE_NONE,
    PLX_STYLE_GOOD,
    PLX_STYLE_WARN,
    PLX_STYLE_BAD,
    PLX_STYLE_UNSURE,
    PLX_STYLE_DIM,
    PLX_STYLE_BOLD,
};

/* Begin and end of a style; "" where nothing may be coloured. */
const char *plx_style_on(const struct plx_cli *cli, enum plx_style style);
const char *plx_style_off(const struct plx_cli *cli, enum plx_style style);

/* Prints to stdout with what could harm a terminal replaced. */
void plx_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A remark for people on standard error, beside the answer, made safe for a terminal. */
void plx_remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* With --output json or yaml: prints `answer` and returns true. */
bool plx_show_data(const struct plx_cli *cli, const json_t *answer);

/* For people and an empty list under `key`: prints the hint and returns true. */
bool plx_say_if_empty(const struct plx_cli *cli, const json_t *answer, const char *key,
                      const char *hint);

/* A length of time in words, whole seconds and up: "0s", "47s", "5m", "3h12m". */
const char *plx_age_text(int64_t age_ns, char buf[PLX_DURATION_TEXT_MAX]);

#define PLX_LATENCY_TEXT_MAX 32
/* Three digits that matter: "0.03 ms", "12.3 ms", "250 ms". */
const char *plx_latency_text(double ms, char buf[PLX_LATENCY_TEXT_MAX]);

struct plx_column {
    const char *key;   /* CSV's header */
    const char *title; /* people's */
    bool right;        /* numbers */
    unsigned max;      /* on a terminal cut to so many columns; 0: never */
};

/* A table being filled row by row, left to right. A last column that does not fit a
 * terminal is wrapped beside the others; on a narrow one it goes below them, or is left
 * out if it is dim. */
struct plx_table;
struct plx_table *plx_table_new(const struct plx_cli *cli,
                                const struct plx_column *columns, size_t n);
void plx_table_destroy(struct plx_table **table);
/* Copies the text ("" for NULL). */
void plx_table_cell(struct plx_table *table, enum plx_style style, const char *text);
void plx_table_cellf(struct plx_table *table, enum plx_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* How long before `now` the moment `then` was, for people ("3m"); as it is in CSV. Both
 * RFC 3339; NULL gives an empty cell. */
void plx_table_age(struct plx_table *table, const char *then, const char *now);
/* Prints it, as CSV if that was asked for. */
void plx_table_print(const struct plx_table *table);

/* Readings of an answer that never fail: "" or 0 for what is not there. */
const char *plx_field(const json_t *object, const char *key);
int64_t plx_field_int(const json_t *object, const char *key);
double plx_field_num(const json_t *object, const char *key);
bool plx_field_bool(const json_t *object, const char *key);
/* The texts of a list joined by ", " into `buf`; "" if there are none. */
const char *plx_field_list(const json_t *object, const char *key, char *buf, size_t size);

#endif
