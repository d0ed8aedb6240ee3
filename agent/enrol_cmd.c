#include "agent/enrol_cmd.h"

#include "agent/config.h"
#include "agent/io/enroller.h"
#include "agent/token.h"
#include "agent/usage.h"
#include "base/err.h"
#include "base/text.h"
#include "sys/complaint.h"
#include "sys/file.h"
#include "sys/loop.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A flood at the door lasts, and so does a coordinator's restart; somebody may wait for
 * the answer to a mistyped token. */
#define PATIENCE_NS     PLX_MIN_NS
#define PATIENCE_MAX_NS PLX_DAY_NS

static const char usage[] =
    "usage: parallax-agent enroll TOKEN [options]\n"
    "Joins the coordinator that made the token.\n"
    "  --name NAME      wished for; by default the coordinator gives one\n"
    "  --data-dir DIR   where keys and enrolment are kept (default " PLX_AGENT_DATA_DIR
    ")\n"
    "  --config FILE    configuration, for data_dir and labels\n"
    "  --wait TIME      how long to try if nobody answers or too many enrol (default "
    "1m)\n"
    "Called by root, it acts as the owner of the data folder.\n";

struct enrolling {
    const struct plx_agent_config *config;
    struct plx_token token;
    const char *name;
    int64_t patience_ns;
    struct plx_keypair keys;
    struct plx_loop *loop;
    struct plx_net *net;
    struct plx_enroller *enroller;
    struct plx_enrolment enrolment; /* endpoint set: done */
    int err;
    struct plx_why *why;
};

static void end(struct enrolling *s, int err)
{
    s->err = err;
    plx_loop_stop(s->loop);
}

/* The endpoint for agents: a coordinator that listens everywhere does not know by which
 * of its names it is reached from here; the token's name has just worked. */
static char *endpoint_of(const char *replied, const char *token_endpoint)
{
    const char *host = strncmp(replied, "tcp://", 6) == 0 ? replied + 6 : replied;
    const char *port = strrchr(host, ':');
    bool anywhere = strncmp(host, "0.0.0.0:", 8) == 0 || strncmp(host, "*:", 2) == 0 ||
                    strncmp(host, "[::]:", 5) == 0 || host[0] == ':';
    const char *known = token_endpoint + 6;
    const char *known_end = strrchr(known, ':');
    char text[512];
    if (!anywhere || !port || !known_end)
        return plx_text_dup(*replied ? replied : token_endpoint);
    snprintf(text, sizeof text, "tcp://%.*s%s", (int)(known_end - known), known, port);
    return plx_text_dup(text);
}

static void on_reply(struct enrolling *s, const struct plx_msg_enrol_reply *reply)
{
    s->enrolment = (struct plx_enrolment){
        .endpoint = endpoint_of(reply->endpoint, s->token.endpoint),
        .server_key =
            plx_text_dup(*reply->server_key ? reply->server_key : s->token.server_key),
        .next_key = plx_text_dup(reply->next_key),
        .name = plx_text_dup(reply->agent_name),
        .region = plx_text_dup(reply->region),
    };
    end(s, plx_enrolment_save(s->config->data_dir, &s->enrolment, s->why));
}

static void on_done(void *arg, int err, const struct plx_msg_enrol_reply *reply,
                    const char *why)
{
    struct enrolling *s = arg;
    if (reply)
        on_reply(s, reply);
    else
        end(s, plx_why_set(s->why, err, "%s", why));
}

static void on_waiting(void *arg, const char *why, int64_t left_ns)
{
    char left[PLX_DURATION_TEXT_MAX];
    (void)arg;
    plx_complaint("parallax-agent", "%s (trying for another %s)", why,
                  plx_duration_human(left_ns, left));
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct enrolling *s = arg;
    plx_enroller_tick(s->enroller, now);
}

static void on_signal(void *arg, int signo)
{
    (void)signo;
    struct enrolling *s = arg;
    end(s, plx_why_set(s->why, PLX_ETIMEOUT, "interrupted"));
}

static int talk(struct enrolling *s)
{
    const struct plx_enroller_owner owner = {s, on_done, on_waiting};
    const struct plx_enroller_options options = {
        .endpoint = s->token.endpoint,
        .server_key = s->token.server_key,
        .keys = &s->keys,
        .request = {.secret = s->token.secret,
                    .name = s->name,
                    .labels = s->config->labels,
                    .n_labels = s->config->n_labels,
                    .software = "parallax-agent " PLX_VERSION},
        .patience_ns = s->patience_ns,
    };
    int err = plx_loop_new(on_signal, s, &s->loop, s->why);
    if (!err)
        err = plx_net_new(&s->net, s->why);
    if (!err)
        err = plx_enroller_new(s->net, s->loop, &options, &owner, &s->enroller, s->why);
    if (err)
        return err;
    plx_loop_add_timer(s->loop, 50 * PLX_MS_NS, on_tick, s);
    plx_loop_run(s->loop);
    return s->err;
}

/* Called by root for a daemon that runs as somebody else, the files must be the
 * daemon's: we become the folder's owner, for good. */
static int become_owner(const char *dir, struct plx_why *why)
{
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
        return plx_why_set(why, PLX_EDENIED, "cannot act as the owner of %s (uid %u): %s",
                           dir, (unsigned)st.st_uid, strerror(errno));
    return 0;
}

static int prepare(struct enrolling *s, int *ret_lock)
{
    const char *dir = s->config->data_dir;
    char *key_path = plx_file_path(dir, "agent.key");
    int err = become_owner(dir, s->why);
    if (!err)
        err = plx_file_make_dir(dir, s->why);
    if (!err)
        err = plx_file_lock_dir(dir, ret_lock, s->why);
    if (!err)
        err = plx_keypair_ensure(key_path, &s->keys, s->why);
    free(key_path);
    return err;
}

struct arguments {
    const char *token, *name, *dir, *file, *wait;
    int64_t patience_ns;
};

static int enrol(const struct plx_agent_config *config, const struct arguments *args,
                 struct plx_why *why)
{
    struct enrolling s = {.config = config,
                          .name = args->name,
                          .patience_ns = args->patience_ns,
                          .why = why};
    int lock = -1;
    int err = plx_token_parse(args->token, &s.token, why);
    if (!err)
        err = prepare(&s, &lock);
    if (!err)
        err = talk(&s);
    if (!err)
        printf("Enrolled as %s in region %s. Start it with: parallax-agent run "
               "--data-dir %s\n",
               s.enrolment.name, s.enrolment.region, config->data_dir);
    plx_enroller_destroy(&s.enroller);
    plx_loop_destroy(&s.loop);
    plx_net_destroy(&s.net);
    plx_enrolment_fini(&s.enrolment);
    sodium_memzero(&s.token, sizeof s.token);
    plx_keypair_wipe(&s.keys);
    if (lock >= 0)
        close(lock);
    return err;
}

/* Returns 0, or the exit status + 1 where the command ends here. */
static int parse_arguments(struct arguments *args, int argc, char **argv)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                            {"data-dir", required_argument, NULL, 'd'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            args->name = optarg;
            break;
        case 'd':
            args->dir = optarg;
            break;
        case 'c':
            args->file = optarg;
            break;
        case 'w':
            args->wait = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            return 1 + plx_usage_refuse_option(usage, c, argv);
        }
    }
    const char *wrong = NULL;
    if (argc - optind != 1)
        wrong = "expected one token";
    else if (*args->name && !plx_text_is_name(args->name))
        wrong = "this name cannot be used";
    else if (args->wait && (plx_duration_parse(args->wait, &args->patience_ns) ||
                            args->patience_ns > PATIENCE_MAX_NS))
        wrong = "--wait takes a time of a day at most, such as 10m";
    if (wrong)
        return 1 + plx_usage_refuse(usage, wrong, NULL);
    args->token = argv[optind];
    return 0;
}

int plx_enrol_cmd(int argc, char **argv)
{
    struct arguments args = {.name = "", .patience_ns = PATIENCE_NS};
    struct plx_agent_config config;
    struct plx_why why = {""};
    int done = parse_arguments(&args, argc, argv);
    if (done)
        return done - 1;
    plx_agent_config_init(&config);
    int status = 0;
    if (args.file && plx_agent_config_load(&config, args.file, &why))
        status = 2;
    if (!status && args.dir) {
        free(config.data_dir);
        config.data_dir = plx_text_dup(args.dir);
    }
    if (!status && enrol(&config, &args, &why))
        status = 1;
    if (status)
        plx_complaint("parallax-agent", "%s", why.text);
    plx_agent_config_fini(&config);
    return status;
}
