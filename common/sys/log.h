/* Log lines: one event per line, key=value, to stderr (journald adds the time; on a
 * terminal or with plx_log_timestamps we do).
 *
 *   plx_log(PLX_LOG_INFO, "agent_back", "agent", "fra-1", "after_ms", "1200", NULL);
 *   → level=info event=agent_back agent=fra-1 after_ms=1200
 *
 * Values that hold spaces, quotes, '=' or control characters are quoted and escaped.
 * Never pass a secret. Thread-safe: one write(2) a line. */
#ifndef PLX_SYS_LOG_H
#define PLX_SYS_LOG_H

#include <stdbool.h>

enum plx_log_level { PLX_LOG_DEBUG, PLX_LOG_INFO, PLX_LOG_WARN, PLX_LOG_ERROR };

/* Lines below `level` are dropped. Default PLX_LOG_INFO. Any thread. */
void plx_log_set_level(enum plx_log_level level);
/* "debug", "info", "warn", "error"; 0 or PLX_EINVAL. */
int plx_log_level_parse(const char *token, enum plx_log_level *ret);
/* Puts ts=<RFC 3339> in front. */
void plx_log_timestamps(bool on);
/* JSON objects instead of key=value. */
void plx_log_json(bool on);

/* Key and value pairs (const char *), ended by NULL; a NULL value is written as "". */
void plx_log(enum plx_log_level level, const char *event, ...) __attribute__((sentinel));
/* The same with one printf-formatted value under the key `why` or any other. */
void plx_logf(enum plx_log_level level, const char *event, const char *key,
              const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
