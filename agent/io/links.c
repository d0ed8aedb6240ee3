#include "agent/io/links.h"

#include "agent/io/way.h"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

static struct plx_link_loss *find(struct plx_links *links, uint32_t index)
{
    for (size_t i = 0; i < links->n; i++)
        if (links->list[i].index == index)
            return &links->list[i];
    return NULL;
}

static struct plx_link_loss *find_or_make(struct plx_links *links, uint32_t index)
{
    struct plx_link_loss *loss = find(links, index);
    if (loss)
        return loss;
    if (links->n < PLX_LINKS_MAX) {
        loss = &links->list[links->n++];
    } else {
        loss = &links->list[0];
        for (size_t i = 1; i < links->n; i++)
            if (links->list[i].at.ns < loss->at.ns)
                loss = &links->list[i];
    }
    *loss = (struct plx_link_loss){.index = index};
    return loss;
}

static void set_link(struct plx_links *links, uint32_t index, bool runs,
                     struct plx_mono now)
{
    struct plx_link_loss *loss = runs ? find(links, index) : find_or_make(links, index);
    if (loss && loss->down == runs) /* of both: it was down until now */
        loss->at = now;
    if (loss)
        loss->down = !runs;
}

void plx_links_look(struct plx_links *links, struct plx_mono now)
{
    struct ifaddrs *all = NULL;
    links->n = 0;
    if (getifaddrs(&all) < 0)
        return;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        if ((a->ifa_flags & IFF_UP) && !(a->ifa_flags & IFF_RUNNING))
            set_link(links, if_nametoindex(a->ifa_name), false, now);
    freeifaddrs(all);
}

/* The interface of a route; 0: not said. */
static uint32_t link_of_route(const char *msg, size_t len)
{
    size_t at = NLMSG_LENGTH(sizeof(struct rtmsg));
    while (at + sizeof(struct rtattr) + sizeof(uint32_t) <= len) {
        struct rtattr attr;
        uint32_t index;
        memcpy(&attr, msg + at, sizeof attr);
        memcpy(&index, msg + at + sizeof attr, sizeof index);
        if (attr.rta_type == RTA_OIF)
            return index;
        if (attr.rta_len < sizeof attr)
            return 0;
        at += RTA_ALIGN(attr.rta_len);
    }
    return 0;
}

static void take_link(struct plx_links *links, const char *body, bool gone,
                      struct plx_mono now)
{
    struct ifinfomsg info;
    memcpy(&info, body, sizeof info);
    const unsigned running = IFF_UP | IFF_RUNNING;
    set_link(links, (uint32_t)info.ifi_index,
             !gone && (info.ifi_flags & running) == running, now);
}

void plx_links_take(struct plx_links *links, const void *msg, size_t len,
                    struct plx_mono now)
{
    struct nlmsghdr header;
    struct ifaddrmsg address;
    const char *body = (const char *)msg + NLMSG_LENGTH(0);
    uint32_t index = 0;
    if (len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return;
    memcpy(&header, msg, sizeof header);
    memcpy(&address, body, sizeof address);
    if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK)
        take_link(links, body, header.nlmsg_type == RTM_DELLINK, now);
    else if (header.nlmsg_type == RTM_DELADDR)
        index = address.ifa_index;
    else if (header.nlmsg_type == RTM_DELROUTE)
        index = link_of_route(msg, len);
    if (index != 0)
        find_or_make(links, index)->at = now;
}

static bool is_lost(const struct plx_link_loss *loss, struct plx_mono since)
{
    return loss->down || (loss->at.ns != 0 && loss->at.ns >= since.ns);
}

bool plx_links_cut(const struct plx_links *links, const struct plx_addr *addr,
                   const struct plx_addr *source, struct plx_mono since)
{
    size_t n_lost = 0;
    for (size_t i = 0; i < links->n; i++)
        n_lost += is_lost(&links->list[i], since);
    if (n_lost == 0)
        return false;
    struct plx_way way = plx_way_to(addr, source);
    for (size_t i = 0; i < links->n; i++)
        if (links->list[i].index == way.link && is_lost(&links->list[i], since))
            return true;
    return way.none;
}
