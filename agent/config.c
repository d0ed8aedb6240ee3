#include "agent/config.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "post/post.h"
#include "sys/doc.h"
#include "sys/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABELS_MAX        32
#define DEADMAN_AFTER_NS  (5 * PLX_MIN_NS)
#define DEADMAN_REPEAT_NS PLX_HOUR_NS

void plx_agent_config_init(struct plx_agent_config *config)
{
    *config = (struct plx_agent_config){
        .data_dir = plx_text_dup(PLX_AGENT_DATA_DIR),
        .limits = plx_pacer_default_limits(),
        .spool = {.max_bytes = PLX_SPOOL_MAX_BYTES,
                  .max_age_ns = PLX_SPOOL_MAX_AGE_NS,
                  .max_waiting = PLX_SPOOL_MAX_WAITING},
        .deadman = {.after_ns = DEADMAN_AFTER_NS, .repeat_ns = DEADMAN_REPEAT_NS},
        .engine = PLX_ENGINE_EPOLL,
        .threads = 1,
        .log_level = PLX_LOG_INFO,
    };
}

void plx_agent_config_fini(struct plx_agent_config *config)
{
    for (size_t i = 0; i < config->n_labels; i++) {
        free(config->labels[i].key);
        free(config->labels[i].value);
    }
    free(config->labels);
    free(config->data_dir);
    free(config->endpoint);
    free(config->resolver);
    free(config->deadman.url);
    free(config->deadman.secret_file);
    plx_policy_fini(&config->policy);
    *config = (struct plx_agent_config){0};
}

/* A section being read. */
struct reader {
    const struct plx_doc *doc;
    struct plx_agent_config *config;
    struct plx_why *why;
};

/* One key of a section. */
struct key {
    const char *name;
    int (*read)(struct reader *r, const struct plx_node *node, const char *key);
};

static int read_section(struct reader *r, const struct plx_node *map, const char *name,
                        const struct key *keys, size_t n)
{
    const char *names[16];
    for (size_t i = 0; i < n; i++)
        names[i] = keys[i].name;
    if (map->kind != PLX_NODE_MAP)
        return plx_doc_error(r->doc, map, r->why, "%s: expected keys and values", name);
    int err = plx_doc_known_keys(r->doc, map, names, n, r->why);
    for (size_t i = 0; !err && i < n; i++) {
        const struct plx_node *node = plx_node_get(map, keys[i].name);
        if (node)
            err = keys[i].read(r, node, keys[i].name);
    }
    return err;
}

#define READ_SECTION(r, map, name, keys)                                                 \
    read_section((r), (map), (name), (keys), sizeof(keys) / sizeof *(keys))

static int set_text(struct reader *r, const struct plx_node *node, const char *key,
                    char **field)
{
    const char *text;
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err)
        return err;
    free(*field);
    *field = plx_text_dup(text);
    return 0;
}

static int read_data_dir(struct reader *r, const struct plx_node *node, const char *key)
{
    return set_text(r, node, key, &r->config->data_dir);
}

static int read_endpoint(struct reader *r, const struct plx_node *node, const char *key)
{
    int err = set_text(r, node, key, &r->config->endpoint);
    if (!err && strncmp(r->config->endpoint, "tcp://", 6) != 0)
        err = plx_doc_error(r->doc, node, r->why,
                            "%s: expected \"tcp://HOST:PORT\", not '%.80s'", key,
                            r->config->endpoint);
    return err;
}

static int read_labels(struct reader *r, const struct plx_node *node, const char *key)
{
    if (node->kind != PLX_NODE_MAP || node->n > LABELS_MAX)
        return plx_doc_error(r->doc, node, r->why,
                             "%s: expected at most %d keys and values", key, LABELS_MAX);
    struct plx_label *labels = calloc(node->n ? node->n : 1, sizeof *labels);
    if (!labels)
        abort();
    r->config->labels = labels;
    for (size_t i = 0; i < node->n; i++) {
        const char *value;
        int err =
            plx_doc_text(r->doc, node->items[i], node->keys[i]->text, &value, r->why);
        if (err)
            return err;
        if (!plx_text_is_word(node->keys[i]->text) || !plx_text_is_word(value))
            return plx_doc_error(r->doc, node->keys[i], r->why,
                                 "%s: '%.80s: %.80s' is no label: words of letters, "
                                 "digits, '.', '_' and '-'",
                                 key, node->keys[i]->text, value);
        labels[r->config->n_labels].key = plx_text_dup(node->keys[i]->text);
        labels[r->config->n_labels++].value = plx_text_dup(value);
    }
    return 0;
}

static int read_int(struct reader *r, const struct plx_node *node, const char *key,
                    int64_t min, int64_t max, int64_t *ret)
{
    return plx_doc_int(r->doc, node, key, min, max, ret, r->why);
}

static int read_rate(struct reader *r, const struct plx_node *node, const char *key,
                     double *ret)
{
    const char *text;
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (!err && plx_text_double(text, 0, 1e6, ret))
        err = plx_doc_error(r->doc, node, r->why,
                            "%s: expected probes per second from 0 (no limit) to "
                            "1000000, not '%.80s'",
                            key, text);
    return err;
}

static int read_in_flight(struct reader *r, const struct plx_node *node, const char *key)
{
    int64_t v = 0;
    int err = read_int(r, node, key, 1, 1000000, &v);
    if (!err)
        r->config->limits.in_flight = (uint32_t)v;
    return err;
}

static int read_own_rate(struct reader *r, const struct plx_node *node, const char *key)
{
    return read_rate(r, node, key, &r->config->limits.rate);
}

static int read_target_rate(struct reader *r, const struct plx_node *node,
                            const char *key)
{
    return read_rate(r, node, key, &r->config->limits.target_rate);
}

static int read_target_burst(struct reader *r, const struct plx_node *node,
                             const char *key)
{
    int64_t v = 0;
    int err = read_int(r, node, key, 1, 100000, &v);
    if (!err)
        r->config->limits.target_burst = (uint32_t)v;
    return err;
}

static int read_limits(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {
        {"max_in_flight", read_in_flight},
        {"rate", read_own_rate},
        {"per_target_rate", read_target_rate},
        {"per_target_burst", read_target_burst},
    };
    return READ_SECTION(r, node, key, keys);
}

static int read_max_bytes(struct reader *r, const struct plx_node *node, const char *key)
{
    int64_t v = 0;
    int err = read_int(r, node, key, 1 << 20, INT64_C(1) << 50, &v);
    if (!err)
        r->config->spool.max_bytes = (uint64_t)v;
    return err;
}

static int read_max_age(struct reader *r, const struct plx_node *node, const char *key)
{
    int64_t v = 0;
    int err = plx_doc_duration(r->doc, node, key, &v, r->why);
    if (!err && (v < PLX_MIN_NS || v > 365 * PLX_DAY_NS))
        err = plx_doc_error(r->doc, node, r->why, "%s: expected 1m to 365d", key);
    if (!err)
        r->config->spool.max_age_ns = v;
    return err;
}

static int read_spool(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {
        {"max_bytes", read_max_bytes},
        {"max_age", read_max_age},
    };
    return READ_SECTION(r, node, key, keys);
}

static int read_rules(struct reader *r, const struct plx_node *node, const char *key,
                      int (*add)(struct plx_policy *, const char *, struct plx_why *))
{
    if (node->kind != PLX_NODE_LIST)
        return plx_doc_error(r->doc, node, r->why, "%s: expected a list of rules", key);
    for (size_t i = 0; i < node->n; i++) {
        const char *text;
        struct plx_why reason = {""};
        int err = plx_doc_text(r->doc, node->items[i], key, &text, r->why);
        if (err)
            return err;
        if (add(&r->config->policy, text, &reason))
            return plx_doc_error(r->doc, node->items[i], r->why, "%s: %s", key,
                                 reason.text);
    }
    return 0;
}

static int read_allow(struct reader *r, const struct plx_node *node, const char *key)
{
    return read_rules(r, node, key, plx_policy_add_allow);
}

static int read_deny(struct reader *r, const struct plx_node *node, const char *key)
{
    return read_rules(r, node, key, plx_policy_add_deny);
}

static int read_policy(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {{"allow", read_allow}, {"deny", read_deny}};
    return READ_SECTION(r, node, key, keys);
}

static int read_deadman_url(struct reader *r, const struct plx_node *node,
                            const char *key)
{
    struct plx_why reason = {""};
    int err = set_text(r, node, key, &r->config->deadman.url);
    if (!err && plx_post_check_url(r->config->deadman.url, &reason))
        err = plx_doc_error(r->doc, node, r->why, "%s: %s", key, reason.text);
    return err;
}

static int read_deadman_secret(struct reader *r, const struct plx_node *node,
                               const char *key)
{
    return set_text(r, node, key, &r->config->deadman.secret_file);
}

static int read_pause(struct reader *r, const struct plx_node *node, const char *key,
                      int64_t *ret)
{
    int64_t v = 0;
    int err = plx_doc_duration(r->doc, node, key, &v, r->why);
    if (!err && (v < PLX_SEC_NS || v > 7 * PLX_DAY_NS))
        err = plx_doc_error(r->doc, node, r->why, "%s: expected 1s to 7d", key);
    if (!err)
        *ret = v;
    return err;
}

static int read_deadman_after(struct reader *r, const struct plx_node *node,
                              const char *key)
{
    return read_pause(r, node, key, &r->config->deadman.after_ns);
}

static int read_deadman_repeat(struct reader *r, const struct plx_node *node,
                               const char *key)
{
    return read_pause(r, node, key, &r->config->deadman.repeat_ns);
}

static int read_deadman(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {
        {"url", read_deadman_url},
        {"secret_file", read_deadman_secret},
        {"after", read_deadman_after},
        {"repeat", read_deadman_repeat},
    };
    int err = READ_SECTION(r, node, key, keys);
    if (!err && !r->config->deadman.url)
        err = plx_doc_error(r->doc, node, r->why, "%s: 'url' is missing", key);
    return err;
}

static int read_servers(struct reader *r, const struct plx_node *node, const char *key)
{
    struct plx_buf list;
    if (node->kind != PLX_NODE_LIST || node->n == 0)
        return plx_doc_error(r->doc, node, r->why, "%s: expected a list of addresses",
                             key);
    plx_buf_init(&list, 4096);
    int err = 0;
    for (size_t i = 0; !err && i < node->n; i++) {
        const char *text = "";
        err = plx_doc_text(r->doc, node->items[i], key, &text, r->why);
        plx_buf_printf(&list, "%s%s", i ? "," : "", text);
    }
    if (!err) {
        free(r->config->resolver);
        r->config->resolver = plx_text_dup(plx_buf_str(&list));
    }
    plx_buf_fini(&list);
    return err;
}

static int read_resolver(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {{"servers", read_servers}};
    return READ_SECTION(r, node, key, keys);
}

static int read_engine(struct reader *r, const struct plx_node *node, const char *key)
{
    const char *text;
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (!err && plx_engine_parse(text, &r->config->engine))
        err =
            plx_doc_error(r->doc, node, r->why,
                          "%s: expected epoll, io_uring or auto, not '%.80s'", key, text);
    return err;
}

static int read_threads(struct reader *r, const struct plx_node *node, const char *key)
{
    int64_t v = 0;
    int err = read_int(r, node, key, 1, PLX_AGENT_THREADS_MAX, &v);
    if (!err)
        r->config->threads = (uint32_t)v;
    return err;
}

static int read_level(struct reader *r, const struct plx_node *node, const char *key)
{
    const char *text;
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (!err && plx_log_level_parse(text, &r->config->log_level))
        err = plx_doc_error(r->doc, node, r->why,
                            "%s: expected debug, info, warn or error, not '%.80s'", key,
                            text);
    return err;
}

static int read_format(struct reader *r, const struct plx_node *node, const char *key)
{
    const char *text;
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err)
        return err;
    r->config->log_json = strcmp(text, "json") == 0;
    if (!r->config->log_json && strcmp(text, "text") != 0)
        err = plx_doc_error(r->doc, node, r->why,
                            "%s: expected text or json, not '%.80s'", key, text);
    return err;
}

static int read_log(struct reader *r, const struct plx_node *node, const char *key)
{
    static const struct key keys[] = {{"level", read_level}, {"format", read_format}};
    return READ_SECTION(r, node, key, keys);
}

int plx_agent_config_load(struct plx_agent_config *config, const char *path,
                          struct plx_why *why)
{
    static const struct key keys[] = {
        {"data_dir", read_data_dir}, {"endpoint", read_endpoint}, {"labels", read_labels},
        {"limits", read_limits},     {"spool", read_spool},       {"policy", read_policy},
        {"resolver", read_resolver}, {"log", read_log},           {"engine", read_engine},
        {"threads", read_threads},   {"deadman", read_deadman},
    };
    struct plx_doc *doc = NULL;
    int err = plx_doc_load(path, &doc, why);
    if (err)
        return err;
    struct reader r = {doc, config, why};
    if (plx_doc_root(doc))
        err = READ_SECTION(&r, plx_doc_root(doc), "configuration", keys);
    plx_doc_destroy(&doc);
    return err;
}

/* ---- enrolment ---- */

void plx_enrolment_fini(struct plx_enrolment *enrolment)
{
    free(enrolment->endpoint);
    free(enrolment->server_key);
    free(enrolment->next_key);
    free(enrolment->name);
    free(enrolment->region);
    *enrolment = (struct plx_enrolment){0};
}

static int read_field(const struct plx_doc *doc, const char *key, char **ret,
                      struct plx_why *why)
{
    const struct plx_node *root = plx_doc_root(doc);
    const struct plx_node *node = root ? plx_node_get(root, key) : NULL;
    const char *text;
    if (!node)
        return plx_why_set(why, PLX_EINVAL, "%s: no '%s': enrol this agent again",
                           plx_doc_name(doc), key);
    int err = plx_doc_text(doc, node, key, &text, why);
    if (!err)
        *ret = plx_text_dup(text);
    return err;
}

int plx_enrolment_load(const char *data_dir, struct plx_enrolment *ret,
                       struct plx_why *why)
{
    char *path = plx_file_path(data_dir, "enrolment.yaml");
    struct plx_doc *doc = NULL;
    struct plx_enrolment e = {0};
    int err = access(path, F_OK) < 0 && errno == ENOENT
                  ? plx_why_set(why, PLX_ENOTFOUND,
                                "this agent is not enrolled (no %s): make a token with "
                                "'parallax agents token create' and run 'parallax-agent "
                                "enroll TOKEN --data-dir %s'",
                                path, data_dir)
                  : plx_doc_load(path, &doc, why);
    if (!err)
        err = read_field(doc, "endpoint", &e.endpoint, why);
    if (!err)
        err = read_field(doc, "server_key", &e.server_key, why);
    if (!err)
        err = read_field(doc, "name", &e.name, why);
    if (!err)
        err = read_field(doc, "region", &e.region, why);
    if (!err && plx_doc_root(doc) && plx_node_get(plx_doc_root(doc), "next_key"))
        err = read_field(doc, "next_key", &e.next_key, why);
    else if (!err)
        e.next_key = plx_text_dup("");
    if (!err && !plx_key_is_valid(e.server_key))
        err = plx_why_set(why, PLX_EINVAL, "%s: 'server_key' is no key", path);
    if (err)
        plx_enrolment_fini(&e);
    else
        *ret = e;
    plx_doc_destroy(&doc);
    free(path);
    return err;
}

int plx_enrolment_save(const char *data_dir, const struct plx_enrolment *enrolment,
                       struct plx_why *why)
{
    /* YAML as JSON: every text quoted and escaped alike. */
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, 16384);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    plx_json_kstr(&j, "endpoint", enrolment->endpoint);
    plx_json_kstr(&j, "server_key", enrolment->server_key);
    if (enrolment->next_key && *enrolment->next_key)
        plx_json_kstr(&j, "next_key", enrolment->next_key);
    plx_json_kstr(&j, "name", enrolment->name);
    plx_json_kstr(&j, "region", enrolment->region);
    plx_json_end(&j);
    plx_buf_char(&out, '\n');
    char *path = plx_file_path(data_dir, "enrolment.yaml");
    int err = plx_file_write_private(path, out.data, out.len, why);
    free(path);
    plx_buf_fini(&out);
    return err;
}
