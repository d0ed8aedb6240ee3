#include "post/post.h"

#include "base/err.h"
#include "post/signature.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000L
#define AGENT      "parallax/" PLX_VERSION

struct plx_post {
    CURLM *multi;
    CURL *easy; /* NULL: idle */
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int plx_post_new(struct plx_post **ret, struct plx_why *why)
{
    pthread_once(&once, init_curl);
    struct plx_post *post = calloc(1, sizeof *post);
    if (!post)
        abort();
    post->multi = curl_multi_init();
    if (!post->multi) {
        free(post);
        return plx_why_set(why, PLX_EIO, "cannot set up libcurl");
    }
    *ret = post;
    return 0;
}

static void end(struct plx_post *post)
{
    if (post->easy) {
        curl_multi_remove_handle(post->multi, post->easy);
        curl_easy_cleanup(post->easy);
    }
    curl_slist_free_all(post->headers);
    post->easy = NULL;
    post->headers = NULL;
}

void plx_post_destroy(struct plx_post **post)
{
    if (!*post)
        return;
    end(*post);
    curl_multi_cleanup((*post)->multi);
    free(*post);
    *post = NULL;
}

/* An answer is only its status. */
static size_t forget(char *data, size_t size, size_t n, void *arg)
{
    (void)data, (void)arg;
    return size * n;
}

static void set_options(struct plx_post *post, const char *url, const char *body,
                        size_t len)
{
    CURL *easy = post->easy;
    post->error[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a stop waits for no name server */
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, AGENT);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, post->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, forget);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers);
}

int plx_post_send(struct plx_post *post, const char *url, const char *body, size_t len,
                  const char *secret, struct plx_wall now, struct plx_why *why)
{
    char signature[PLX_SIGNATURE_MAX], header[PLX_SIGNATURE_MAX + 32];
    if (post->easy)
        return plx_why_set(why, PLX_EBUSY, "one is under way");
    post->easy = curl_easy_init();
    if (!post->easy)
        return plx_why_set(why, PLX_ENOMEM, "libcurl gives no handle");
    post->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (secret) {
        snprintf(header, sizeof header, PLX_SIGNATURE_HEADER ": %s",
                 plx_signature(secret, now, body, len, signature));
        post->headers = curl_slist_append(post->headers, header);
    }
    set_options(post, url, body, len);
    if (curl_multi_add_handle(post->multi, post->easy) == CURLM_OK)
        return 0;
    end(post);
    return plx_why_set(why, PLX_EIO, "libcurl takes no transfer");
}

static enum plx_post_state conclude(struct plx_post *post, CURLcode rc,
                                    struct plx_why *why)
{
    long status = 0;
    curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    bool good = rc == CURLE_OK && status >= 200 && status < 300;
    if (rc == CURLE_OK)
        plx_why_set(why, 0, "answered %ld", status);
    else
        plx_why_set(why, 0, "%s", post->error[0] ? post->error : curl_easy_strerror(rc));
    end(post);
    return good ? PLX_POST_DELIVERED : PLX_POST_FAILED;
}

enum plx_post_state plx_post_tick(struct plx_post *post, struct plx_why *why)
{
    int n;
    CURLMsg *msg;
    if (!post->easy)
        return PLX_POST_IDLE;
    curl_multi_perform(post->multi, &n);
    while ((msg = curl_multi_info_read(post->multi, &n)))
        if (msg->msg == CURLMSG_DONE)
            return conclude(post, msg->data.result, why);
    return PLX_POST_BUSY;
}

int plx_post_check_url(const char *url, struct plx_why *why)
{
    bool web = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    const char *host = web ? strstr(url, "//") + 2 : "";
    if (!web || *host == '\0' || *host == '/' || strlen(url) > 2048 ||
        strpbrk(url, " \t\r\n\"<>\\^`{|}"))
        return plx_why_set(why, PLX_EINVAL, "must be an http:// or https:// URL");
    return 0;
}
