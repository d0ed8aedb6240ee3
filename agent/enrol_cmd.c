#include "agent/enrol_cmd.h"

#include "agent/config.h"
#include "agent/token.h"
#include "base/err.h"
#include "base/text.h"
#include "proto/wire.h"
#include "sys/clock.h"
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

#define TOTAL_NS (14 * PLX_SEC_NS)
/* The door may close all connections just then; asking twice spends one use. */
#define AGAIN_NS (3 * PLX_SEC_NS)

static const char usage[] =
    "usage: parallax-agent enroll TOKEN [options]\n"
    "Joins the coordinator that made the token.\n"
    "  --name NAME      wished for; by default the coordinator gives one\n"
    "  --data-dir DIR   where keys and enrolment are kept (default " PLX_AGENT_DATA_DIR
    ")\n"
    "  --config FILE    configuration, for data_dir and labels\n"
    "Called by root, it acts as the owner of the data folder.\n";

struct enrolling {
    const struct plx_agent_config *config;
    struct plx_token token;
    const char *name;
    struct plx_keypair keys;
    struct plx_loop *loop;
    struct plx_net *net;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    bool sent;
    struct plx_mono deadline, ask_again;
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

static void on_msg(struct enrolling *s, const struct plx_msg *msg)
{
    if (msg->type == PLX_MSG_ENROL_REPLY)
        on_reply(s, &msg->enrol_reply);
    else if (msg->type == PLX_MSG_REFUSAL)
        end(s, plx_why_set(s->why, PLX_EDENIED, "the coordinator refuses: %.900s",
                           msg->refusal.why));
    else
        end(s, plx_why_set(s->why, PLX_EMALFORMED,
                           "the coordinator answered with '%s' instead of an enrolment",
                           plx_msg_type_token(msg->type)));
}

static bool on_socket(void *arg)
{
    struct enrolling *s = arg;
    struct plx_parcel parcel;
    struct plx_msg msg;
    if (plx_channel_recv(s->channel, &parcel) || parcel.n_frames != 1)
        return false;
    int err = plx_wire_decode(s->decoder, parcel.frames[0], parcel.lens[0], &msg, s->why);
    if (err)
        end(s, plx_why_in(s->why, err, "the coordinator's answer"));
    else
        on_msg(s, &msg);
    return false;
}

static void send_request(struct enrolling *s)
{
    struct plx_buf frame;
    const struct plx_msg msg = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = s->token.secret,
                          .name = s->name,
                          .labels = s->config->labels,
                          .n_labels = s->config->n_labels,
                          .software = "parallax-agent " PLX_VERSION},
    };
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    if (plx_wire_encode(&msg, &frame) == 0) {
        const struct plx_frame f = {frame.data, frame.len};
        s->sent |= plx_channel_send(s->channel, NULL, &f, 1) == 0;
    }
    plx_buf_fini(&frame);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct enrolling *s = arg;
    if (!s->sent || plx_mono_diff(now, s->ask_again) >= 0) {
        send_request(s);
        s->ask_again = plx_mono_add(now, AGAIN_NS);
    }
    if (plx_mono_diff(now, s->deadline) < 0)
        return;
    end(s, s->sent ? plx_why_set(s->why, PLX_ETIMEOUT, "%s does not answer",
                                 s->token.endpoint)
                   : plx_why_set(s->why, PLX_ETIMEOUT,
                                 "cannot reach %s: is the coordinator running, the port "
                                 "open, and the token from this coordinator?",
                                 s->token.endpoint));
}

static void on_signal(void *arg, int signo)
{
    (void)signo;
    struct enrolling *s = arg;
    end(s, plx_why_set(s->why, PLX_ETIMEOUT, "interrupted"));
}

static int talk(struct enrolling *s)
{
    int err = plx_loop_new(on_signal, s, &s->loop, s->why);
    if (!err)
        err = plx_net_new(&s->net, s->why);
    if (!err)
        err = plx_channel_connect(s->net, s->token.endpoint, s->token.server_key,
                                  &s->keys, &s->channel, s->why);
    if (err)
        return err;
    s->decoder = plx_wire_decoder_new();
    s->deadline = plx_mono_add(plx_clock_mono(), TOTAL_NS);
    plx_loop_add_socket(s->loop, plx_channel_socket(s->channel), on_socket, s);
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

static int enrol(const struct plx_agent_config *config, const char *token,
                 const char *name, struct plx_why *why)
{
    struct enrolling s = {.config = config, .name = name, .why = why};
    int lock = -1;
    int err = plx_token_parse(token, &s.token, why);
    if (!err)
        err = prepare(&s, &lock);
    if (!err)
        err = talk(&s);
    if (!err)
        printf("Enrolled as %s in region %s. Start it with: parallax-agent run "
               "--data-dir %s\n",
               s.enrolment.name, s.enrolment.region, config->data_dir);
    plx_channel_destroy(&s.channel);
    plx_wire_decoder_destroy(&s.decoder);
    plx_loop_destroy(&s.loop);
    plx_net_destroy(&s.net);
    plx_enrolment_fini(&s.enrolment);
    sodium_memzero(&s.token, sizeof s.token);
    plx_keypair_wipe(&s.keys);
    if (lock >= 0)
        close(lock);
    return err;
}

struct arguments {
    const char *token, *name, *dir, *file;
};

/* Returns 0, or the exit status + 1 where the command ends here. */
static int parse_arguments(struct arguments *args, int argc, char **argv)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                            {"data-dir", required_argument, NULL, 'd'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
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
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 1 + 2;
        }
    }
    if (argc - optind != 1 || (*args->name && !plx_text_is_name(args->name))) {
        fprintf(stderr, "parallax-agent: %s\n%s",
                argc - optind != 1 ? "expected one token" : "this name cannot be used",
                usage);
        return 1 + 2;
    }
    args->token = argv[optind];
    return 0;
}

int plx_enrol_cmd(int argc, char **argv)
{
    struct arguments args = {.name = ""};
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
    if (!status && enrol(&config, args.token, args.name, &why))
        status = 1;
    if (status)
        fprintf(stderr, "parallax-agent: %s\n", why.text);
    plx_agent_config_fini(&config);
    return status;
}
