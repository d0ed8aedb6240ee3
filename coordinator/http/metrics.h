/* The coordinator's own state for Prometheus (text format 0.0.4).
 *
 * What is counted here does not grow with monitors or agents. Loop thread. */
#ifndef PLX_HTTP_METRICS_H
#define PLX_HTTP_METRICS_H

#include "base/buf.h"
#include "coordinator/http/http.h"

void plx_metrics_write(struct plx_desk *desk, const struct plx_http_counts *http,
                       struct plx_buf *out);
/* For those who want a series for each monitor: verdicts. Not part of the above, whose
 * number of series does not grow with the fleet. */
void plx_metrics_write_monitors(struct plx_desk *desk, struct plx_buf *out);

#endif
