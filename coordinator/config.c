#include "coordinator/config.h"

#include "base/err.h"
#include "base/monitor.h"
#include "base/text.h"
#include "coordinator/http/proxies.h"
#include "coordinator/http/public.h"
#include "post/post.h"
#include "sys/doc.h"

#include <stdlib.h>
#include <string.h>

#define RETENTION_DAYS_MAX 3650

void plx_config_init(struct plx_config *config)
{
    *config = (struct plx_config){
        .listen = plx_text_dup("tcp://*:7440"),
        .enrol_listen = plx_text_dup("tcp://*:7441"),
        .admin_listen = plx_text_dup("tcp://127.0.0.1:7442"),
        .secrets_dir = plx_text_dup(getenv("CREDENTIALS_DIRECTORY")),
        .retention_days = 30,
        .rollup_ns = {7 * PLX_DAY_NS, 100 * PLX_DAY_NS, 1100 * PLX_DAY_NS},
        .trace_interval_ns = PLX_HOUR_NS,
        .log_level = PLX_LOG_INFO,
    };
}

void plx_config_fini(struct plx_config *config)
{
    free(config->data_dir);
    free(config->listen);
    free(config->enrol_listen);
    free(config->admin_listen);
    free(config->http_listen);
    free(config->http_trusted_proxy);
    free(config->status_page);
    free(config->status_title);
    free(config->advertise);
    free(config->public_url);
    free(config->commands_dir);
    free(config->secrets_dir);
    free(config->heartbeat_url);
    *config = (struct plx_config){0};
}

static int set_text(char **field, const char *value)
{
    plx_monitor_set_text(field, value);
    return 0;
}

static int set_endpoint(char **field, const char *key, const char *value,
                        struct plx_why *why)
{
    const char *colon = strrchr(value, ':');
    int64_t port;
    if (strncmp(value, "tcp://", 6) != 0 || !colon || colon < value + 7 ||
        plx_text_int(colon + 1, 1, 65535, &port) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "%s '%s': must be an endpoint such as tcp://*:7440", key,
                           value);
    return set_text(field, value);
}

static int set_http(struct plx_config *config, const char *key, const char *value,
                    struct plx_why *why)
{
    int64_t port;
    const char *colon = strrchr(value, ':');
    if (strcmp(key, "http_listen") == 0) {
        if (strcmp(value, "off") != 0 &&
            (!colon || colon == value || plx_text_int(colon + 1, 1, 65535, &port) < 0))
            return plx_why_set(why, PLX_EINVAL,
                               "http_listen '%s': must be ADDRESS:PORT, such as "
                               "127.0.0.1:7480, or off",
                               value);
        return set_text(&config->http_listen, value);
    }
    if (strcmp(key, "http_trusted_proxy") == 0) {
        struct plx_proxies proxies;
        struct plx_why reason;
        if (plx_proxies_parse(value, &proxies, &reason) < 0)
            return plx_why_set(why, PLX_EINVAL, "http_trusted_proxy '%s': %s", value,
                               reason.text);
        return set_text(&config->http_trusted_proxy, value);
    }
    if (strcmp(key, "http_behind_tls") != 0)
        return plx_why_set(why, PLX_ENOTFOUND, "unknown option '%s'", key);
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return plx_why_set(why, PLX_EINVAL, "http_behind_tls '%s': must be true or false",
                           value);
    config->http_behind_tls = strcmp(value, "true") == 0;
    return 0;
}

static int set_advertise(struct plx_config *config, const char *value,
                         struct plx_why *why)
{
    if (!plx_text_is_host(value))
        return plx_why_set(why, PLX_EINVAL,
                           "advertise '%s': is no DNS name or IP address", value);
    return set_text(&config->advertise, value);
}

static int set_trace_interval(struct plx_config *config, const char *value,
                              struct plx_why *why)
{
    int64_t ns = 0;
    if (strcmp(value, "off") != 0 &&
        (plx_duration_parse(value, &ns) < 0 || ns < PLX_MIN_NS || ns > 30 * PLX_DAY_NS))
        return plx_why_set(why, PLX_EINVAL,
                           "trace_interval '%s': must be 1m to 30d, or off", value);
    config->trace_interval_ns = ns;
    return 0;
}

/* Kept without the slash at its end. */
static int set_public_url(struct plx_config *config, const char *value,
                          struct plx_why *why)
{
    size_t len = strlen(value);
    bool web = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    if (!web || len > 2048 || strpbrk(value, " \t\r\n\"<>#"))
        return plx_why_set(why, PLX_EINVAL,
                           "public_url '%s': must be an http:// or https:// URL", value);
    int err = set_text(&config->public_url, value);
    while (len > 0 && config->public_url[len - 1] == '/')
        config->public_url[--len] = '\0';
    return err;
}

static int set_folder(char **field, const char *key, const char *value,
                      struct plx_why *why)
{
    if (value[0] != '/')
        return plx_why_set(why, PLX_EINVAL, "%s '%s': must be a folder's whole path", key,
                           value);
    return set_text(field, value);
}

static int set_heartbeat_url(struct plx_config *config, const char *value,
                             struct plx_why *why)
{
    struct plx_why reason = {""};
    if (plx_post_check_url(value, &reason) < 0)
        return plx_why_set(why, PLX_EINVAL, "heartbeat_url '%s': %s", value, reason.text);
    return set_text(&config->heartbeat_url, value);
}

static int set_retention(struct plx_config *config, const char *value,
                         struct plx_why *why)
{
    int64_t days;
    if (plx_text_int(value, 1, RETENTION_DAYS_MAX, &days) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "retention_days '%s': must be a whole number from 1 to %d",
                           value, RETENTION_DAYS_MAX);
    config->retention_days = (uint32_t)days;
    return 0;
}

static int set_status(struct plx_config *config, const char *key, const char *value,
                      struct plx_why *why)
{
    if (strcmp(key, "status_title") == 0)
        return plx_text_is_name(value)
                   ? set_text(&config->status_title, value)
                   : plx_why_set(why, PLX_EINVAL, "status_title '%s': is no name", value);
    if (strcmp(key, "status_page") != 0)
        return plx_why_set(why, PLX_ENOTFOUND, "unknown option '%s'", key);
    if (!plx_public_is_label(value))
        return plx_why_set(why, PLX_EINVAL,
                           "status_page '%s': must be the label of the monitors to show, "
                           "such as public=yes, or all",
                           value);
    return set_text(&config->status_page, value);
}

static int set_rollup(struct plx_config *config, const char *key, const char *value,
                      struct plx_why *why)
{
    static const char *const keys[] = {"rollup_minutes", "rollup_hours", "rollup_days"};
    int64_t ns;
    int level = 0;
    while (level < PLX_ROLLUP_LEVELS_ && strcmp(keys[level], key) != 0)
        level++;
    if (level == PLX_ROLLUP_LEVELS_)
        return plx_why_set(why, PLX_ENOTFOUND, "unknown option '%s'", key);
    if (plx_duration_parse(value, &ns) < 0 || ns < PLX_DAY_NS ||
        ns > RETENTION_DAYS_MAX * PLX_DAY_NS)
        return plx_why_set(why, PLX_EINVAL, "%s '%s': must be a duration from 1d to %dd",
                           key, value, RETENTION_DAYS_MAX);
    config->rollup_ns[level] = ns;
    return 0;
}

static int set_log(struct plx_config *config, const char *key, const char *value,
                   struct plx_why *why)
{
    if (strcmp(key, "log_level") == 0) {
        if (plx_log_level_parse(value, &config->log_level) == 0)
            return 0;
        return plx_why_set(why, PLX_EINVAL,
                           "log_level '%s': must be debug, info, warn or error", value);
    }
    if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
        return plx_why_set(why, PLX_EINVAL, "log_format '%s': must be text or json",
                           value);
    config->log_json = strcmp(value, "json") == 0;
    return 0;
}

int plx_config_set(struct plx_config *config, const char *key, const char *value,
                   struct plx_why *why)
{
    if (strcmp(key, "data_dir") == 0)
        return *value ? set_text(&config->data_dir, value)
                      : plx_why_set(why, PLX_EINVAL, "data_dir is empty");
    if (strcmp(key, "listen") == 0)
        return set_endpoint(&config->listen, key, value, why);
    if (strcmp(key, "enrol_listen") == 0)
        return set_endpoint(&config->enrol_listen, key, value, why);
    if (strcmp(key, "admin_listen") == 0)
        return set_endpoint(&config->admin_listen, key, value, why);
    if (strcmp(key, "advertise") == 0)
        return set_advertise(config, value, why);
    if (strcmp(key, "trace_interval") == 0)
        return set_trace_interval(config, value, why);
    if (strcmp(key, "public_url") == 0)
        return set_public_url(config, value, why);
    if (strcmp(key, "commands_dir") == 0)
        return set_folder(&config->commands_dir, key, value, why);
    if (strcmp(key, "secrets_dir") == 0)
        return set_folder(&config->secrets_dir, key, value, why);
    if (strcmp(key, "heartbeat_url") == 0)
        return set_heartbeat_url(config, value, why);
    if (strcmp(key, "retention_days") == 0)
        return set_retention(config, value, why);
    if (strncmp(key, "status_", 7) == 0)
        return set_status(config, key, value, why);
    if (strncmp(key, "rollup_", 7) == 0)
        return set_rollup(config, key, value, why);
    if (strncmp(key, "http_", 5) == 0)
        return set_http(config, key, value, why);
    if (strncmp(key, "log_", 4) == 0)
        return set_log(config, key, value, why);
    return plx_why_set(why, PLX_ENOTFOUND, "unknown option '%s'", key);
}

static int load_doc(struct plx_config *config, const struct plx_doc *doc,
                    struct plx_why *why)
{
    static const char *const known[] = {
        "data_dir",     "listen",          "enrol_listen",       "admin_listen",
        "advertise",    "retention_days",  "log_level",          "log_format",
        "http_listen",  "http_behind_tls", "http_trusted_proxy", "public_url",
        "commands_dir", "heartbeat_url",   "trace_interval",     "rollup_minutes",
        "rollup_hours", "rollup_days",     "status_page",        "status_title",
        "secrets_dir",
    };
    const struct plx_node *root = plx_doc_root(doc);
    if (!root)
        return 0;
    if (root->kind != PLX_NODE_MAP)
        return plx_doc_error(doc, root, why, "the file must hold keys and values");
    int err = plx_doc_known_keys(doc, root, known, sizeof known / sizeof *known, why);
    for (size_t i = 0; err == 0 && i < root->n; i++) {
        const char *key = root->keys[i]->text, *value;
        struct plx_why finding;
        err = plx_doc_text(doc, root->items[i], key, &value, why);
        if (err == 0 && plx_config_set(config, key, value, &finding) < 0)
            err = plx_doc_error(doc, root->items[i], why, "%s", finding.text);
    }
    return err;
}

int plx_config_load(struct plx_config *config, const char *path, struct plx_why *why)
{
    struct plx_doc *doc;
    int err = plx_doc_load(path, &doc, why);
    if (err < 0)
        return err;
    err = load_doc(config, doc, why);
    plx_doc_destroy(&doc);
    return err;
}
