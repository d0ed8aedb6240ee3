/* The kernel calls on one probe socket. FACTS of the kernel they lean on are in
 * docs/OUTCOMES.md; nothing here decides anything.
 *
 * A socket is opened once, armed for each probe, and disarmed with connect(AF_UNSPEC),
 * which sends the RST, resets RTT, error and local port, and keeps the epoll
 * registration. All calls return 0 or an errno value (for agent/core/attempt). */
#ifndef PLX_AGENT_IO_PROBE_SOCKET_H
#define PLX_AGENT_IO_PROBE_SOCKET_H

#include "agent/core/attempt.h"
#include "base/monitor.h"
#include "base/result.h"

#include <stdbool.h>

/* A non-blocking TCP socket of `family` (4 or 6) with the error queue on. */
int plx_probe_socket_open(uint8_t family, int *ret_fd);
/* Binds to `source`, leaving the port to connect(). */
int plx_probe_socket_bind(int fd, const struct plx_addr *source);
/* Binds to `source` (all zeros: any) and `port`, which stay over disarming. */
int plx_probe_socket_bind_port(int fd, const struct plx_addr *source, uint16_t port);
/* Routers on the way may be `ttl`; 0: as many as the system says. */
int plx_probe_socket_set_ttl(int fd, uint8_t family, uint8_t ttl);
/* Sends the SYN. Half-open: the third ACK is held back (for 200 ms). */
int plx_probe_socket_connect(int fd, const struct plx_addr *addr, uint16_t port,
                             enum plx_handshake handshake);
/* From now on close() ends the connection with a FIN instead of a RST. */
void plx_probe_socket_close_orderly(int fd);
/* Ends the connection with a RST; the socket can be armed again. */
int plx_probe_socket_disarm(int fd);

enum plx_probe_socket_state {
    PLX_PROBE_SOCKET_PENDING,
    PLX_PROBE_SOCKET_CONNECTED,
    PLX_PROBE_SOCKET_CLOSED,
};
/* Reads TCP_INFO into `facts` (rtt, retrans, segs_out,
 * since_answer). */
enum plx_probe_socket_state plx_probe_socket_info(int fd,
                                                  struct plx_attempt_facts *facts);
/* Reads the pending error, and the last ICMP error of the queue, into `facts`. */
void plx_probe_socket_error(int fd, struct plx_attempt_facts *facts);
/* The local address; family 0 where there is none. */
struct plx_addr plx_probe_socket_source(int fd);

/* Tries on the loopback whether a disarmed socket can really be armed again. */
bool plx_probe_socket_reuse_works(void);

#endif
