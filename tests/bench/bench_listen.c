/* The servers: listeners on all addresses of this machine, some ports, that accept and
 * close at once and count what they accepted. A half-open probe is never accepted.
 *
 * Prints "ready 1" when it listens and "accepts N" on SIGTERM. */
#include "measure.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 256

static int open_listener(int64_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 65535) < 0)
        plx_bench_die("cannot listen");
    return fd;
}

static uint64_t accept_all(int listener)
{
    uint64_t n = 0;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return n;
        close(fd);
        n++;
    }
}

int main(int argc, char **argv)
{
    int64_t port = 20000, n_ports = 16, cpu = -1;
    struct plx_bench_option options[] = {
        {"port", &port}, {"ports", &n_ports}, {"cpu", &cpu}, {NULL, NULL}};
    struct pollfd fds[PORTS_MAX];
    uint64_t accepts = 0;
    plx_bench_options(argc, argv, options);
    if (n_ports < 1 || n_ports > PORTS_MAX) {
        errno = ERANGE;
        plx_bench_die("ports");
    }
    plx_bench_pin(cpu);
    const volatile int *stop = plx_bench_until_signal();
    for (int64_t i = 0; i < n_ports; i++)
        fds[i] = (struct pollfd){.fd = open_listener(port + i), .events = POLLIN};
    plx_bench_print("ready", 1);
    fflush(stdout);
    while (!*stop) {
        poll(fds, (nfds_t)n_ports, 200);
        for (int64_t i = 0; i < n_ports; i++)
            accepts += accept_all(fds[i].fd);
    }
    plx_bench_print("accepts", (double)accepts);
    return 0;
}
