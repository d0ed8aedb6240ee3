#include "cli/access.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/doc.h"
#include "sys/file.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The folders where the file is looked for when nobody said. */
static char *usual_place(void)
{
    const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
    char *own = NULL;
    if ((config && *config
             ? asprintf(&own, "%s/parallax/admin.yaml", config)
             : asprintf(&own, "%s/.config/parallax/admin.yaml", home ? home : "")) < 0)
        abort();
    if (access(own, F_OK) == 0)
        return own;
    free(own);
    return plx_text_dup("/var/lib/parallax/admin.yaml");
}

static char *file_of(const struct plx_cli *cli)
{
    const char *file = plx_args_value(&cli->args, "admin", NULL);
    const char *dir = plx_args_value(&cli->args, "data-dir", NULL);
    const char *env = getenv("PARALLAX_ADMIN");
    if (file)
        return plx_text_dup(file);
    if (dir)
        return plx_file_path(dir, "admin.yaml");
    if (env && *env)
        return plx_text_dup(env);
    return usual_place();
}

static int demand(const struct plx_doc *doc, const char *key, const char **ret,
                  struct plx_why *why)
{
    const struct plx_node *node = plx_node_get(plx_doc_root(doc), key);
    if (!node)
        return plx_doc_error(doc, plx_doc_root(doc), why, "there is no '%s'", key);
    return plx_doc_text(doc, node, key, ret, why);
}

/* A relative path counts from the folder of the file that names it. */
static char *beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    char *joined;
    if (path[0] == '/' || !slash)
        return plx_text_dup(path);
    if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0)
        abort();
    return joined;
}

static int read_doc(const struct plx_doc *doc, struct plx_access *access,
                    struct plx_why *why)
{
    static const char *const known[] = {"endpoint", "server_key", "key"};
    const char *endpoint, *server_key, *key;
    const struct plx_node *root = plx_doc_root(doc);
    if (!root || root->kind != PLX_NODE_MAP)
        return plx_doc_error(doc, root, why, "not an admin file of a coordinator");
    int err = plx_doc_known_keys(doc, root, known, 3, why);
    if (err == 0)
        err = demand(doc, "endpoint", &endpoint, why);
    if (err == 0)
        err = demand(doc, "server_key", &server_key, why);
    if (err == 0)
        err = demand(doc, "key", &key, why);
    if (err < 0)
        return err;
    if (!plx_key_is_valid(server_key))
        return plx_doc_error(doc, plx_node_get(root, "server_key"), why,
                             "'server_key' is no key");
    char *path = beside(access->file, key);
    err = plx_keypair_load(path, &access->keys, why);
    free(path);
    if (err < 0)
        return err;
    access->endpoint = plx_text_dup(endpoint);
    return plx_text_copy(access->server_key, sizeof access->server_key, server_key);
}

int plx_access_find(const struct plx_cli *cli, struct plx_access *ret,
                    struct plx_why *why)
{
    struct plx_doc *doc;
    struct plx_access access = {.file = file_of(cli)};
    int err = plx_doc_load(access.file, &doc, why);
    if (err == PLX_ENOTFOUND)
        plx_why_set(why, err,
                    "no admin file at '%s': name the coordinator's with --data-dir DIR, "
                    "--admin FILE or PARALLAX_ADMIN",
                    access.file);
    if (err == 0) {
        err = read_doc(doc, &access, why);
        plx_doc_destroy(&doc);
    }
    if (err < 0)
        plx_access_fini(&access);
    else
        *ret = access;
    return err;
}

void plx_access_fini(struct plx_access *access)
{
    free(access->file);
    free(access->endpoint);
    plx_keypair_wipe(&access->keys);
    *access = (struct plx_access){0};
}

/* Connects and closes; 0 or an errno. */
static int try_address(const struct addrinfo *a, int timeout_ms)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int e = connect(fd, a->ai_addr, a->ai_addrlen) < 0 ? errno : 0;
    if (e == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t len = sizeof e;
        if (poll(&p, 1, timeout_ms) != 1)
            e = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
            e = errno;
    }
    close(fd);
    return e;
}

int plx_access_knock(const struct plx_access *access, int timeout_ms, struct plx_why *why)
{
    char host[PLX_HOST_MAX + 1], port[8];
    uint16_t number;
    struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM};
    if (strncmp(access->endpoint, "tcp://", 6) != 0 ||
        plx_text_host_port(access->endpoint + 6, host, &number) < 0)
        return plx_why_set(why, PLX_EINVAL, "%s: endpoint '%s' is not tcp://HOST:PORT",
                           access->file, access->endpoint);
    snprintf(port, sizeof port, "%u", number);
    int e = getaddrinfo(host, port, &hints, &list);
    if (e != 0)
        return plx_why_set(why, PLX_EGONE,
                           "cannot resolve the coordinator's name '%s': %s", host,
                           gai_strerror(e));
    e = ETIMEDOUT;
    for (const struct addrinfo *a = list; a && e != 0; a = a->ai_next)
        e = try_address(a, timeout_ms);
    freeaddrinfo(list);
    if (e == 0)
        return 0;
    return plx_why_set(why, PLX_EGONE,
                       "cannot reach the coordinator at %s (%s): is it running?",
                       access->endpoint, strerror(e));
}
