/* What there is to look at of a coordinator and of an agent. */
#include "cli/doctor.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/access.h"
#include "cli/client.h"
#include "cli/render.h"
#include "sys/doc.h"
#include "sys/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the coordinator's configuration ---- */

/* A key's text in a configuration that was found good; `usual` if it is not there. */
static char *setting(const char *file, const char *key, const char *usual)
{
    struct plx_doc *doc = NULL;
    char *text = plx_text_dup(usual);
    if (plx_doc_load(file, &doc, NULL) < 0)
        return text;
    const char *said = plx_node_text(plx_doc_root(doc), key);
    if (said) {
        free(text);
        text = plx_text_dup(said);
    }
    plx_doc_destroy(&doc);
    return text;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0 || strcmp(host, "::1") == 0;
}

/* Whether the port could be bound now, by whoever may. */
static bool is_taken(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    int64_t port;
    if (!colon || plx_text_int(colon + 1, 1, 65535, &port) < 0)
        return false;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool taken = bind(fd, (struct sockaddr *)&any, sizeof any) < 0 && errno == EADDRINUSE;
    close(fd);
    return taken;
}

/* Only worth a look while no coordinator holds them. */
static void look_at_ports(struct plx_doctor *d, const char *config)
{
    static const struct {
        const char *key, *usual;
    } ports[] = {{"listen", "tcp://*:7440"},
                 {"enrol_listen", "tcp://*:7441"},
                 {"admin_listen", "tcp://127.0.0.1:7442"}};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        char *endpoint = setting(config, ports[i].key, ports[i].usual);
        bool taken = is_taken(endpoint);
        plx_doctor_say(d, taken ? PLX_HEALTH_BAD : PLX_HEALTH_OK, "port",
                       taken ? "end the program that has it (ss -ltnp), or choose "
                               "another port"
                             : NULL,
                       "%s %s is %s", ports[i].key, endpoint,
                       taken ? "taken by another program" : "free");
        free(endpoint);
    }
}

static void look_at_settings(struct plx_doctor *d, const char *config)
{
    char *advertise = setting(config, "advertise", "");
    char *listen = setting(config, "listen", "tcp://*:7440");
    char *admin = setting(config, "admin_listen", "tcp://127.0.0.1:7442");
    char *http = setting(config, "http_listen", "127.0.0.1:7480");
    char *tls = setting(config, "http_behind_tls", "false");
    if (is_loopback(advertise) && !is_loopback(listen + strlen("tcp://")))
        plx_doctor_say(d, PLX_HEALTH_BAD, "advertise",
                       "advertise: the name or address by which agents reach this "
                       "machine",
                       "agents are told to connect to '%s', which is themselves",
                       advertise);
    if (!is_loopback(admin + strlen("tcp://")))
        plx_doctor_say(d, PLX_HEALTH_WARN, "admin_listen",
                       "admin_listen: tcp://127.0.0.1:7442, and ssh for the rest",
                       "the admin socket listens on '%s', beyond this machine", admin);
    if (strcmp(http, "off") != 0 && !is_loopback(http) && strcmp(tls, "true") != 0)
        plx_doctor_say(
            d, PLX_HEALTH_BAD, "http_listen",
            "http_listen: 127.0.0.1:7480 behind a proxy that ends TLS, and "
            "http_behind_tls: true",
            "passwords and tokens would cross the network in the clear on '%s'", http);
    free(advertise);
    free(listen);
    free(admin);
    free(http);
    free(tls);
}

/* ---- the coordinator's folder ---- */

static void look_at_database(struct plx_doctor *d, const char *dir)
{
    static const char magic[] = "SQLite format 3";
    char head[sizeof magic] = "";
    char *path = plx_file_path(dir, "parallax.db");
    FILE *file = fopen(path, "re");
    bool sound = file && fread(head, 1, sizeof head, file) == sizeof head &&
                 memcmp(head, magic, sizeof magic) == 0;
    if (file)
        fclose(file);
    plx_doctor_say(d, sound ? PLX_HEALTH_OK : PLX_HEALTH_BAD, "database",
                   sound ? NULL : "parallax restore BACKUP --data-dir DIR", "%s: %s",
                   path,
                   sound  ? "a database"
                   : file ? "no database: overwritten or damaged"
                          : "cannot be opened");
    free(path);
}

static void look_at_answer(struct plx_doctor *d, const json_t *health)
{
    const json_t *store = json_object_get(health, "store");
    bool ok = strcmp(plx_field(health, "state"), "ok") == 0;
    plx_doctor_say(d, ok ? PLX_HEALTH_OK : PLX_HEALTH_BAD, "coordinator",
                   ok ? NULL : "see the disk, and `parallax health`",
                   "version %s, %s%s%s", plx_field(health, "version"),
                   plx_field(health, "state"), ok ? "" : ": ",
                   ok ? "" : plx_field(store, "why"));
    if (strcmp(plx_field(health, "version"), PLX_VERSION) != 0)
        plx_doctor_say(d, PLX_HEALTH_WARN, "version",
                       "upgrade the older one; docs/UPGRADE.md",
                       "this command is version %s, the coordinator %s", PLX_VERSION,
                       plx_field(health, "version"));
}

/* Returns whether somebody listens where the admin file says. */
static bool look_at_coordinator(struct plx_doctor *d)
{
    struct plx_access access;
    struct plx_why why = {""};
    int err = plx_access_find(d->cli, &access, &why);
    if (err < 0) {
        plx_doctor_say(d, PLX_HEALTH_BAD, "admin file",
                       "start the coordinator, which writes it at every start, or name "
                       "it with --admin",
                       "%s", why.text);
        return false;
    }
    bool listens = plx_access_knock(&access, 3000, &why) == 0;
    if (!listens) {
        plx_doctor_say(d, PLX_HEALTH_BAD, "coordinator",
                       "systemctl start parallax-coordinator; journalctl -u "
                       "parallax-coordinator says why it ended",
                       "%s", why.text);
    } else {
        struct plx_question q;
        json_t *answer = NULL;
        plx_question_init(&q);
        if (plx_ask(d->cli, "health", &q, &answer) == PLX_EXIT_OK)
            look_at_answer(d, answer);
        else
            plx_doctor_say(d, PLX_HEALTH_BAD, "coordinator",
                           "renew this copy of admin.yaml from the coordinator's folder",
                           "%s: something listens and does not answer our key",
                           access.endpoint);
        json_decref(answer);
    }
    plx_access_fini(&access);
    return listens;
}

void plx_doctor_coordinator(struct plx_doctor *d, const char *dir, const char *config)
{
    bool good = plx_doctor_config(d, "configuration", "parallax-coordinator", config);
    if (good)
        look_at_settings(d, config);
    if (!plx_doctor_folder(d, "data folder", dir,
                           "start the coordinator once, or correct data_dir"))
        return;
    char *key = plx_file_path(dir, "admin.key");
    plx_doctor_secret(d, "key", key, true);
    free(key);
    look_at_database(d, dir);
    if (!look_at_coordinator(d) && good)
        look_at_ports(d, config);
}

/* ---- an agent ---- */

static void look_at_enrolment(struct plx_doctor *d, const char *dir)
{
    char *path = plx_file_path(dir, "enrolment.yaml");
    char *endpoint = setting(path, "endpoint", "");
    char *server_key = setting(path, "server_key", "");
    if (access(path, F_OK) < 0)
        plx_doctor_say(d, PLX_HEALTH_BAD, "enrolment",
                       "parallax agents token create --region REGION on the coordinator, "
                       "then parallax-agent enroll TOKEN here",
                       "this agent is not enrolled: no %s", path);
    else if (!*endpoint || !plx_key_is_valid(server_key))
        plx_doctor_say(d, PLX_HEALTH_BAD, "enrolment", "enrol this agent again",
                       "%s is damaged", path);
    else
        plx_doctor_reach(d, "coordinator's port", endpoint,
                         "open that port on the coordinator's firewall, start the "
                         "coordinator, or set endpoint in agent.yaml");
    if (access(path, F_OK) == 0)
        plx_doctor_secret(d, "enrolment", path, false);
    free(path);
    free(endpoint);
    free(server_key);
}

void plx_doctor_agent(struct plx_doctor *d, const char *dir, const char *config)
{
    plx_doctor_config(d, "agent's configuration", "parallax-agent", config);
    if (!plx_doctor_folder(d, "agent's data folder", dir,
                           "install parallax-agent, or correct data_dir"))
        return;
    char *key = plx_file_path(dir, "agent.key");
    if (access(key, F_OK) == 0)
        plx_doctor_secret(d, "agent's key", key, true);
    free(key);
    look_at_enrolment(d, dir);
}
