/* The JSON lines `parallax judge` reads: one line in, one checked event out.
 *
 * Strict about what it knows: an unknown type, a missing field, a wrong type, a value out
 * of range is an error that names the field and quotes the text. Fields it does not know
 * are left alone, so that a newer recorder can feed an older judge. */
#ifndef PLX_CLI_JUDGE_LINES_H
#define PLX_CLI_JUDGE_LINES_H

#include "base/outcome.h"
#include "base/why.h"
#include "coordinator/core/judge.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_LINE_MAX (1024 * 1024) /* bytes of one line */

/* Names to the small numbers the judge wants, in order of first sight. */
struct plx_names {
    char **names;
    uint32_t n, cap;
    uint32_t *index; /* open addressing: number + 1 */
    uint32_t cap_index;
};

void plx_names_fini(struct plx_names *names);
/* The name's number; UINT32_MAX if unknown. */
uint32_t plx_names_find(const struct plx_names *names, const char *name);
/* The name's number, new if it was unknown; UINT32_MAX when there are `max` already. */
uint32_t plx_names_intern(struct plx_names *names, const char *name, uint32_t max);

enum plx_line_type {
    PLX_LINE_AGENT,
    PLX_LINE_MONITOR,
    PLX_LINE_HEARTBEAT,
    PLX_LINE_RESULT,
    PLX_LINE_TICK,
    PLX_LINE_RECORDING,
    PLX_LINE_RECORDED,
};

/* What a recording says of itself. Seconds, 0 where it does not say. */
struct plx_recording_span {
    bool said;
    double from, until; /* what was asked for; lines before `from` are a run-up */
    bool recorded;      /* it holds the verdicts of its time */
};

/* A verdict that the coordinator gave at the time. */
struct plx_recorded {
    uint32_t monitor;
    struct plx_wall at;
    enum plx_judge_verdict verdict;
    double confidence;
    char *was; /* "pending", or the verdict before; "" if not known */
    char *scope;
    char *why;
};

/* Rules in place of those the monitor lines give. */
struct plx_lines_rules {
    bool has_quorum, has_min_coverage;
    struct plx_quorum quorum;
    double min_coverage; /* 0-1 */
};

/* A line understood. Agents and monitors have been declared to the judge already. */
struct plx_line {
    enum plx_line_type type;
    struct plx_wall now;
    double now_s; /* as written */
    uint32_t agent;
    struct plx_judge_result result;
};

struct plx_lines {
    struct plx_names agents, monitors;
    struct plx_judge *judge;             /* borrowed */
    double last_now;                     /* `now` may not fall below it */
    const struct plx_lines_rules *rules; /* borrowed; may be NULL */
    struct plx_recording_span span;      /* of the last "recording" line */
    bool keep_recorded;
    struct plx_recorded *recorded; /* in the order of their lines, if kept */
    size_t n_recorded, cap_recorded;
};

void plx_lines_fini(struct plx_lines *lines);

/* Reads one line of `len` bytes (without its newline) and declares agents and monitors.
 * 0, or PLX_EINVAL with a sentence in `why`; never crashes, whatever the bytes. */
int plx_lines_read(struct plx_lines *lines, const char *text, size_t len,
                   struct plx_line *ret_line, struct plx_why *why);

#endif
