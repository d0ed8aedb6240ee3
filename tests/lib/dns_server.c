/* The scripted name server of dns_peer.h as a program:
 *
 *   dns_server [PORT]    serves 127.0.0.1 (any port if none is given) and prints
 *                        "ready PORT"; ends at SIGTERM, with the numbers of queries */
#include "base/text.h"
#include "dns_peer.h"

#include <stdio.h>

static struct plx_dns_peer peer; /* large */

static void on_signal(void *arg, int signo)
{
    struct plx_loop **loop = arg;
    (void)signo;
    plx_loop_stop(*loop);
}

static void on_tick(void *arg, struct plx_mono now)
{
    (void)arg;
    plx_dns_peer_tick(&peer, now);
}

int main(int argc, char **argv)
{
    struct plx_loop *loop = NULL;
    int64_t port = 0;
    if (argc > 1 && plx_text_int(argv[1], 1, 65535, &port) != 0)
        return 2;
    if (plx_loop_new(on_signal, &loop, &loop, NULL) != 0 ||
        plx_dns_peer_start(&peer, loop, (uint16_t)port) != 0 ||
        plx_loop_add_timer(loop, 100 * PLX_MS_NS, on_tick, NULL) != 0) {
        fprintf(stderr, "dns_server: cannot serve port %d\n", (int)port);
        return 1;
    }
    printf("ready %u\n", peer.port);
    fflush(stdout);
    plx_loop_run(loop);
    printf("queries %zu, over TCP %zu, answered late %zu\n", peer.n_queries, peer.n_tcp,
           peer.n_late);
    plx_dns_peer_stop(&peer, loop);
    plx_loop_destroy(&loop);
    return 0;
}
