#include "coordinator/io/bound.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define MAPPED "tcp://[::ffff:"

void plx_bound_endpoint(struct plx_channel *channel, char ret[PLX_BOUND_MAX])
{
    char text[PLX_BOUND_MAX];
    size_t size = sizeof text;
    ret[0] = '\0';
    if (zmq_getsockopt(plx_channel_socket(channel), ZMQ_LAST_ENDPOINT, text, &size) < 0)
        return;
    const char *close = strchr(text, ']');
    if (strncmp(text, MAPPED, strlen(MAPPED)) != 0 || !close) {
        snprintf(ret, PLX_BOUND_MAX, "%s", text);
        return;
    }
    const char *address = text + strlen(MAPPED);
    snprintf(ret, PLX_BOUND_MAX, "tcp://%.*s%s", (int)(close - address), address,
             close + 1);
}
