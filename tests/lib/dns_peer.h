/* A scripted name server on a loopback UDP port, served from the caller's loop.
 *
 * What it answers depends on the first label of the name asked for:
 *   ok…      A 192.0.2.1, AAAA 2001:db8::1, TTL 60
 *   four…    A 192.0.2.4 only
 *   many…    28 A records, as many as a UDP answer holds
 *   nx…      NXDOMAIN      servfail… SERVFAIL     refuse… REFUSED
 *   silent…  nothing       garbage…  bytes that are no DNS message */
#ifndef PLX_TESTS_DNS_PEER_H
#define PLX_TESTS_DNS_PEER_H

#include "sys/loop.h"

#include <stddef.h>
#include <stdint.h>

struct plx_dns_peer {
    int fd;
    uint16_t port;
    size_t n_queries;
};

/* Fails the test where a socket cannot be had. */
void plx_dns_peer_start(struct plx_dns_peer *peer, struct plx_loop *loop);
void plx_dns_peer_stop(struct plx_dns_peer *peer, struct plx_loop *loop);

#endif
