#include "net.h"

#include "base/err.h"
#include "sys.h"
#include "sys/channel.h"

#include <stdlib.h>
#include <string.h>

/* ZMTP heartbeats give a peer up after so long. */
#define BREAK_NS     (15 * PLX_SEC_NS)
#define RECONNECT_NS PLX_SEC_NS
/* What TCP resends after a short cut, and what was in buffers that are gone. */
#define HELD         0.7
#define STRAY_NS     (2 * PLX_SEC_NS)

struct message {
    struct message *next;
    uint64_t connection;
    uint32_t agent;
    enum plx_sim_way way;
    const char *key; /* the agent's */
    size_t len;
    char bytes[];
};

struct plx_channel {
    struct plx_sim_node *node;
    bool server;
    uint64_t serial;
    uint64_t connection; /* client; 0: none */
    int64_t last_at[2];  /* when the newest message of the connection arrives */
    struct message *head, *tail, *lent;
};

static struct {
    struct plx_channel *server;
    struct plx_channel *clients[PLX_SIM_NODES_MAX];
    struct plx_sim_link links[PLX_SIM_NODES_MAX];
    char keys[PLX_SIM_NODES_MAX][PLX_KEY_TEXT_MAX];
    uint64_t n_serials, n_connections;
} net;

struct plx_sim_net_counts plx_sim_net_counts;

void plx_sim_net_begin(void)
{
    memset(&net, 0, sizeof net);
    plx_sim_net_counts = (struct plx_sim_net_counts){0};
    for (uint32_t i = 0; i < PLX_SIM_NODES_MAX; i++) {
        plx_sim_key(i, net.keys[i]);
        net.links[i].delay_ns = plx_sim_between(PLX_MS_NS, 150 * PLX_MS_NS);
    }
}

void plx_sim_net_end(void)
{
}

struct plx_sim_link *plx_sim_link(uint32_t agent)
{
    return &net.links[agent];
}

void plx_sim_key(uint32_t agent, char ret[41])
{
    snprintf(ret, 41, "%040u", agent);
}

uint32_t plx_sim_key_owner(const char *key)
{
    return (uint32_t)(key[38] - '0') * 10 + (uint32_t)(key[39] - '0');
}

static bool is_cut(uint32_t agent, enum plx_sim_way way)
{
    return net.links[agent].cut_until[way] > plx_sim_now() ||
           plx_sim_node(agent)->uplink_down_until > plx_sim_now();
}

/* ---- connections ---- */

static void drop_inbox(struct plx_channel *c)
{
    while (c->head) {
        struct message *m = c->head;
        c->head = m->next;
        free(m);
    }
    c->tail = NULL;
}

static void try_connect(void *arg, uint64_t serial)
{
    uint32_t agent = ((struct plx_sim_node *)arg)->index;
    struct plx_channel *c = net.clients[agent];
    if (!c || c->serial != serial || c->connection)
        return;
    if (!net.server || is_cut(agent, PLX_WAY_UP) || is_cut(agent, PLX_WAY_DOWN) ||
        plx_sim_node(0)->frozen_until > plx_sim_now()) {
        plx_sim_at(plx_sim_now() + plx_sim_between(RECONNECT_NS, 2 * RECONNECT_NS),
                   try_connect, arg, serial, false);
        return;
    }
    c->connection = ++net.n_connections;
    c->last_at[0] = c->last_at[1] = 0;
    plx_sim_net_counts.connected++;
    plx_sim_say("connected %s", plx_sim_node(agent)->name);
}

static void break_connection(uint32_t agent)
{
    struct plx_channel *c = net.clients[agent];
    if (!c || !c->connection)
        return;
    c->connection = 0;
    plx_sim_net_counts.broken++;
    plx_sim_say("connection broken %s", plx_sim_node(agent)->name);
    plx_sim_at(plx_sim_now() + plx_sim_between(0, RECONNECT_NS), try_connect,
               plx_sim_node(agent), c->serial, false);
}

static void break_if_still(void *arg, uint64_t connection)
{
    uint32_t agent = ((struct plx_sim_node *)arg)->index;
    struct plx_channel *c = net.clients[agent];
    if (c && c->connection == connection)
        break_connection(agent);
}

static void break_if_cut(void *arg, uint64_t connection)
{
    uint32_t agent = ((struct plx_sim_node *)arg)->index;
    if (is_cut(agent, PLX_WAY_UP) && is_cut(agent, PLX_WAY_DOWN))
        break_if_still(arg, connection);
}

void plx_sim_link_was_cut(uint32_t agent)
{
    struct plx_channel *c = net.clients[agent];
    if (c && c->connection)
        plx_sim_at(plx_sim_now() + BREAK_NS, break_if_cut, plx_sim_node(agent),
                   c->connection, false);
}

static struct plx_channel *new_channel(bool server)
{
    struct plx_channel *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->node = plx_sim_current();
    c->server = server;
    c->serial = ++net.n_serials;
    return c;
}

int plx_channel_serve(struct plx_net *plx_net, const char *endpoint, const char *domain,
                      const struct plx_keypair *keys, struct plx_channel **ret,
                      struct plx_why *why)
{
    (void)plx_net, (void)endpoint, (void)domain, (void)keys, (void)why;
    *ret = net.server = new_channel(true);
    return 0;
}

int plx_channel_connect(struct plx_net *plx_net, const char *endpoint,
                        const char *server_key, const struct plx_keypair *keys,
                        struct plx_channel **ret, struct plx_why *why)
{
    (void)plx_net, (void)endpoint, (void)server_key, (void)keys, (void)why;
    struct plx_channel *c = new_channel(false);
    net.clients[c->node->index] = c;
    plx_sim_at(plx_sim_now() + 3 * net.links[c->node->index].delay_ns, try_connect,
               c->node, c->serial, false);
    *ret = c;
    return 0;
}

/* The coordinator is gone: most hear of it at once, some only by its silence. */
static void end_server(void)
{
    net.server = NULL;
    for (uint32_t i = 1; i < PLX_SIM_NODES_MAX; i++) {
        struct plx_channel *c = net.clients[i];
        if (!c || !c->connection)
            continue;
        if (plx_sim_chance(0.7))
            break_connection(i);
        else
            plx_sim_at(plx_sim_now() + BREAK_NS, break_if_still, plx_sim_node(i),
                       c->connection, false);
    }
}

void plx_channel_destroy(struct plx_channel **channel)
{
    struct plx_channel *c = *channel;
    if (!c)
        return;
    if (c->server)
        end_server();
    else
        net.clients[c->node->index] = NULL;
    drop_inbox(c);
    free(c->lent);
    free(c);
    *channel = NULL;
}

void plx_channel_set_linger(struct plx_channel *channel, int linger_ms)
{
    (void)channel, (void)linger_ms;
}

void *plx_channel_socket(struct plx_channel *channel)
{
    return channel;
}

bool plx_peer_is_given(const struct plx_peer *peer)
{
    (void)peer;
    return true;
}

bool plx_peer_equal(const struct plx_peer *a, const struct plx_peer *b)
{
    return a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}

int plx_net_new(struct plx_net **ret, struct plx_why *why)
{
    (void)why;
    *ret = NULL;
    return 0;
}

void plx_net_destroy(struct plx_net **plx_net)
{
    *plx_net = NULL;
}

/* ---- messages ---- */

static struct plx_channel *receiver_of(const struct message *m)
{
    struct plx_channel *client = net.clients[m->agent];
    if (m->way == PLX_WAY_UP)
        return net.server;
    return client && client->connection == m->connection ? client : NULL;
}

static void deliver(void *arg, uint64_t server_serial)
{
    struct message *m = arg;
    struct plx_channel *c = receiver_of(m);
    if (!c || (m->way == PLX_WAY_UP && c->serial != server_serial)) {
        plx_sim_net_counts.lost++;
        free(m);
        return;
    }
    if (plx_sim_deferred(c->node, deliver, m, server_serial, true))
        return;
    if (m->way == PLX_WAY_UP)
        plx_sim_node(m->agent)->heard_at = plx_sim_now();
    m->next = NULL;
    if (c->tail)
        c->tail->next = m;
    else
        c->head = m;
    c->tail = m;
    plx_sim_enter(c->node);
    plx_sim_loop_socket(c->node->loop, c);
    plx_sim_leave();
}

/* When it arrives; -1: never. */
static int64_t arrival(struct plx_channel *c, uint32_t agent, enum plx_sim_way way)
{
    const struct plx_sim_link *link = &net.links[agent];
    int64_t now = plx_sim_now();
    int64_t at = now + link->delay_ns + plx_sim_between(0, link->delay_ns / 4);
    bool stormy = link->storm_until > now;
    if (link->slow_until > now)
        at += plx_sim_between(0, link->slow_ns);
    if (is_cut(agent, way)) {
        bool half = !is_cut(agent, way == PLX_WAY_UP ? PLX_WAY_DOWN : PLX_WAY_UP);
        int64_t end = link->cut_until[way];
        if (half || end - now > BREAK_NS || !plx_sim_chance(HELD))
            return -1;
        at += end - now;
    }
    if (stormy && plx_sim_chance(link->loss))
        return -1;
    if (stormy && plx_sim_chance(link->disorder))
        return at + plx_sim_between(0, STRAY_NS);
    if (at < c->last_at[way])
        at = c->last_at[way];
    c->last_at[way] = at;
    return at;
}

static void post(const struct message *m, int64_t at)
{
    struct message *copy = malloc(sizeof *copy + m->len);
    if (!copy)
        abort();
    memcpy(copy, m, sizeof *m + m->len);
    plx_sim_at(at, deliver, copy, net.server ? net.server->serial : 0, true);
}

static void dispatch(struct plx_channel *client, const struct plx_frame *frame,
                     enum plx_sim_way way)
{
    uint32_t agent = client->node->index;
    struct message *m = malloc(sizeof *m + frame->len);
    if (!m)
        abort();
    *m = (struct message){NULL, client->connection, agent,
                          way,  net.keys[agent],    frame->len};
    memcpy(m->bytes, frame->data, frame->len);
    int64_t at = arrival(client, agent, way);
    plx_sim_net_counts.sent++;
    if (at < 0) {
        plx_sim_net_counts.lost++;
        free(m);
        return;
    }
    const struct plx_sim_link *link = &net.links[agent];
    if (link->storm_until > plx_sim_now() && plx_sim_chance(link->twice)) {
        plx_sim_net_counts.doubled++;
        post(m, at + plx_sim_between(0, STRAY_NS));
    }
    plx_sim_at(at, deliver, m, net.server ? net.server->serial : 0, true);
}

static int send_to_peer(const struct plx_peer *peer, const struct plx_frame *frame)
{
    uint64_t id[2];
    if (peer->len != sizeof id)
        return PLX_EGONE;
    memcpy(id, peer->id, sizeof id);
    struct plx_channel *client = net.clients[id[1]];
    if (client && client->connection == id[0]) {
        dispatch(client, frame, PLX_WAY_DOWN);
        return 0;
    }
    /* The other side is gone; whether we know it yet is as may be. */
    return id[0] % 2 ? PLX_EGONE : 0;
}

int plx_channel_send(struct plx_channel *channel, const struct plx_peer *peer,
                     const struct plx_frame *frames, size_t n_frames)
{
    if (n_frames != 1)
        abort();
    if (!channel->node->up)
        return PLX_EGONE;
    if (channel->server)
        return send_to_peer(peer, frames);
    if (!channel->connection)
        return PLX_EAGAIN;
    dispatch(channel, frames, PLX_WAY_UP);
    return 0;
}

int plx_channel_recv(struct plx_channel *channel, struct plx_parcel *ret)
{
    struct message *m = channel->head;
    if (!m)
        return PLX_EAGAIN;
    channel->head = m->next;
    if (!channel->head)
        channel->tail = NULL;
    free(channel->lent);
    channel->lent = m;
    ret->n_frames = 1;
    ret->frames[0] = m->bytes;
    ret->lens[0] = m->len;
    ret->peer.len = 0;
    if (channel->server) {
        const uint64_t id[2] = {m->connection, m->agent};
        memcpy(ret->peer.id, id, sizeof id);
        ret->peer.len = sizeof id;
        memcpy(ret->key, m->key, sizeof ret->key);
    }
    return 0;
}
