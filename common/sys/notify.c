#include "sys/notify.h"

#include "base/text.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void plx_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof name.sun_path)
        return;
    size_t len = strlen(path);
    memcpy(name.sun_path, path, len);
    if (path[0] == '@')
        name.sun_path[0] = '\0'; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&name,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

void plx_notify_reloading(struct plx_mono now)
{
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now.ns / 1000);
    plx_notify(text);
}

/* systemd sets WATCHDOG_PID to the process it means; a child of ours is not it. */
void plx_watchdog_init(struct plx_watchdog *watchdog)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t period_us = 0, whose = 0;
    *watchdog = (struct plx_watchdog){0};
    if (!usec || plx_text_int(usec, 1, INT64_MAX / 1000, &period_us) != 0)
        return;
    if (pid && (plx_text_int(pid, 1, INT32_MAX, &whose) != 0 || whose != getpid()))
        return;
    watchdog->period_ns = period_us * 1000;
}

void plx_watchdog_tick(struct plx_watchdog *watchdog, struct plx_mono now)
{
    bool due = watchdog->period_ns > 0 &&
               (watchdog->last.ns == 0 ||
                plx_mono_diff(now, watchdog->last) >= watchdog->period_ns / 2);
    if (!due)
        return;
    watchdog->last = now;
    plx_notify("WATCHDOG=1");
}
