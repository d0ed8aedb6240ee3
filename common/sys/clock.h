/* The only reader of clocks. */
#ifndef PLX_SYS_CLOCK_H
#define PLX_SYS_CLOCK_H

#include "base/time.h"

/* CLOCK_MONOTONIC. Any thread. */
struct plx_mono plx_clock_mono(void);
/* CLOCK_REALTIME. Any thread. */
struct plx_wall plx_clock_wall(void);

#endif
