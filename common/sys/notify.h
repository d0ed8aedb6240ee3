/* What a daemon tells systemd (sd_notify(3)), without its library. Nothing happens where
 * there is no NOTIFY_SOCKET. Loop thread. */
#ifndef PLX_SYS_NOTIFY_H
#define PLX_SYS_NOTIFY_H

#include "base/time.h"

/* "READY=1", "STOPPING=1", … */
void plx_notify(const char *state);

/* READY=1 after a reload that began with this. */
void plx_notify_reloading(struct plx_mono now);

struct plx_watchdog {
    int64_t period_ns; /* 0: nobody watches */
    struct plx_mono last;
};

/* Reads WATCHDOG_USEC: from then on we show life twice in that time. */
void plx_watchdog_init(struct plx_watchdog *watchdog);
/* From the loop's timer, so that a loop that hangs is noticed. */
void plx_watchdog_tick(struct plx_watchdog *watchdog, struct plx_mono now);

#endif
