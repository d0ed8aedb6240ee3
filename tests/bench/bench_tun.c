/* A peer of known distance: answers each SYN that is routed into its TUN device with a
 * SYN-ACK exactly `delay_us` later, and swallows what goes to 10.99.0.0/16 (the black
 * hole). Spins on its CPU, because sleeping is off by more than what is measured.
 *
 * Prints "ready 1" when the device is there (who starts it gives it addresses and
 * routes); on SIGTERM the packets seen (hole excluded) and its own error. */
#include "measure.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUEUE 65536
#define HOLE  0x0a630000u

struct packet {
    struct iphdr ip;
    struct tcphdr tcp;
};

struct answer {
    int64_t due_ns;
    struct packet packet;
};

static struct {
    struct answer queue[QUEUE]; /* the delay is one for all: first in, first out */
    uint64_t head, tail;
    uint64_t syn, rst, ack, hole, dropped;
    struct plx_bench_hist late_ns;
} peer;

static int open_tun(void)
{
    struct ifreq req = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(req.ifr_name, sizeof req.ifr_name, "bench0");
    if (fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0)
        plx_bench_die("cannot open the TUN device");
    return fd;
}

static uint32_t sum_words(uint32_t sum, const void *bytes, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2) {
        uint16_t word;
        memcpy(&word, (const char *)bytes + i, 2);
        sum += word;
    }
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* RFC 9293 3.1 and RFC 791 3.1: one's complement sums, TCP's with the pseudo-header. */
static void set_checksums(struct packet *p)
{
    uint32_t sum = htons(IPPROTO_TCP) + (uint32_t)htons(sizeof p->tcp);
    sum = sum_words(sum, &p->ip.saddr, 8);
    p->ip.check = fold(sum_words(0, &p->ip, sizeof p->ip));
    p->tcp.check = fold(sum_words(sum, &p->tcp, sizeof p->tcp));
}

static struct packet syn_ack_of(const struct packet *syn)
{
    struct packet p = {
        .ip = {.version = 4,
               .ihl = 5,
               .tot_len = htons(sizeof p),
               .ttl = 64,
               .protocol = IPPROTO_TCP,
               .saddr = syn->ip.daddr,
               .daddr = syn->ip.saddr},
        .tcp = {.source = syn->tcp.dest,
                .dest = syn->tcp.source,
                .seq = htonl(1),
                .ack_seq = htonl(ntohl(syn->tcp.seq) + 1),
                .doff = 5,
                .syn = 1,
                .ack = 1,
                .window = htons(65535)},
    };
    set_checksums(&p);
    return p;
}

static void take_in(const struct packet *p, int64_t now_ns, int64_t delay_ns)
{
    if ((ntohl(p->ip.daddr) & 0xffff0000u) == HOLE) {
        peer.hole++;
        return;
    }
    peer.rst += p->tcp.rst;
    peer.ack += p->tcp.ack && !p->tcp.rst && !p->tcp.syn;
    if (!p->tcp.syn)
        return;
    peer.syn++;
    if (peer.tail - peer.head == QUEUE) {
        peer.dropped++;
        return;
    }
    struct answer *a = &peer.queue[peer.tail++ % QUEUE];
    *a = (struct answer){now_ns + delay_ns, syn_ack_of(p)};
}

/* Returns false when there is nothing to read. */
static bool read_one(int fd, int64_t delay_ns)
{
    char bytes[2048] __attribute__((aligned(8)));
    ssize_t len = read(fd, bytes, sizeof bytes);
    int64_t now_ns = plx_clock_mono().ns;
    if (len < 0)
        return false;
    const struct packet *p = (const struct packet *)bytes;
    bool is_tcp = len >= (ssize_t)sizeof *p && p->ip.version == 4 && p->ip.ihl == 5 &&
                  p->ip.protocol == IPPROTO_TCP;
    if (is_tcp)
        take_in(p, now_ns, delay_ns);
    return true;
}

static void answer_due(int fd)
{
    while (peer.head != peer.tail) {
        const struct answer *a = &peer.queue[peer.head % QUEUE];
        int64_t late_ns = plx_clock_mono().ns - a->due_ns;
        if (late_ns < 0)
            return;
        if (write(fd, &a->packet, sizeof a->packet) < 0)
            peer.dropped++;
        plx_bench_hist_add(&peer.late_ns, late_ns);
        peer.head++;
    }
}

int main(int argc, char **argv)
{
    int64_t delay_us = 20000, cpu = -1;
    const struct plx_bench_option options[] = {
        {"delay_us", &delay_us}, {"cpu", &cpu}, {NULL, NULL}};
    plx_bench_options(argc, argv, options);
    plx_bench_pin(cpu);
    const volatile int *stop = plx_bench_until_signal();
    int fd = open_tun();
    plx_bench_print("ready", 1);
    fflush(stdout);
    while (!*stop) {
        for (int i = 0; i < 16 && read_one(fd, delay_us * PLX_US_NS); i++)
            answer_due(fd);
        answer_due(fd);
    }
    plx_bench_print("syn", (double)peer.syn);
    plx_bench_print("rst", (double)peer.rst);
    plx_bench_print("third_ack", (double)peer.ack);
    plx_bench_print("hole_packets", (double)peer.hole);
    plx_bench_print("dropped", (double)peer.dropped);
    plx_bench_print("peer_late_p50_us",
                    plx_bench_hist_quantile(&peer.late_ns, 0.5) / 1e3);
    plx_bench_print("peer_late_p99_us",
                    plx_bench_hist_quantile(&peer.late_ns, 0.99) / 1e3);
    return 0;
}
