/* A scripted name server on a loopback port, UDP and TCP, served from the caller's loop.
 *
 * What it answers depends on the first label of the name asked for:
 *   ok…      A 192.0.2.1, AAAA 2001:db8::1, TTL 60
 *   four…    A 192.0.2.4 only
 *   half…    A 127.0.0.1, 127.0.0.2, 127.0.0.3, TTL 1
 *   many…    28 A records, as many as a UDP answer holds
 *   flood…   500 A records 127.0.2.*: truncated over UDP, whole over TCP
 *   loop…    a CNAME to loop2…, and one back
 *   evil…    A 169.254.169.254, a metadata service's
 *   count…   says 65535 records and has none
 *   spoof…   the answer of ok… under another query's number, from the right port
 *   late…    the answer of four…, 30 s later
 *   nx…      NXDOMAIN      servfail… SERVFAIL     refuse… REFUSED
 *   silent…  nothing       garbage…  bytes that are no DNS message */
#ifndef PLX_TESTS_DNS_PEER_H
#define PLX_TESTS_DNS_PEER_H

#include "base/time.h"
#include "sys/loop.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_DNS_PEER_LATE_MAX  256 /* answers that wait for their time */
#define PLX_DNS_PEER_CALLS_MAX 32
#define PLX_DNS_PEER_LATE_NS   (30 * PLX_SEC_NS)
#define PLX_DNS_PEER_QUERY_MAX 512

struct plx_dns_peer_late {
    struct plx_mono at;
    struct sockaddr_in to;
    uint8_t query[PLX_DNS_PEER_QUERY_MAX];
    size_t len;
};

struct plx_dns_peer;

/* A connection that a query is to come over. */
struct plx_dns_peer_call {
    struct plx_dns_peer *peer;
    int fd; /* -1: free */
};

struct plx_dns_peer {
    struct plx_loop *loop;
    int fd, tcp_fd;
    uint16_t port;
    size_t n_queries, n_tcp, n_late; /* asked; of those over TCP; answered late */
    struct plx_dns_peer_late late[PLX_DNS_PEER_LATE_MAX];
    struct plx_dns_peer_call calls[PLX_DNS_PEER_CALLS_MAX];
    size_t late_head, late_tail; /* in the order of their time */
};

/* Port 0: any. Returns 0 or -1. */
int plx_dns_peer_start(struct plx_dns_peer *peer, struct plx_loop *loop, uint16_t port);
void plx_dns_peer_stop(struct plx_dns_peer *peer, struct plx_loop *loop);
/* To be called now and then: sends the late answers whose time has come. */
void plx_dns_peer_tick(struct plx_dns_peer *peer, struct plx_mono now);

#endif
