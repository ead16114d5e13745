/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the server reads and writes. */
#include "paper.h"

#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES = 1 << 20 };

char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    char *text = grab(FILE_BYTES + 1);
    size_t length = fread(text, 1, FILE_BYTES, file);
    bool is_read = ferror(file) == 0 && feof(file) != 0;
    (void)fclose(file);
    if (is_read && length > 0)
        return text;
    free(text);
    return NULL;
}

char *manual_trust_policy(const char *external_id)
{
    struct text t = {0};
    text_add(&t, "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\": \"Statement1\", "
                 "\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"arn:aws:iam::" ACCOUNT
                 ":user/quay-user\"}, \"Action\": \"sts:AssumeRole\"");
    if (external_id != NULL)
        text_format(&t, ", \"Condition\": {\"StringEquals\": {\"sts:ExternalId\": \"%s\"}}",
                    external_id);
    text_add(&t, "}]}");
    return text_take(&t);
}

/* Whole or not at all: who waits for a file can read it as soon as it is there. */
static bool write_paper(const char *folder, const char *name, const struct text *words)
{
    struct text path = {0}, draft = {0};
    text_format(&path, "%s/%s", folder, name);
    text_format(&draft, "%s/.%s", folder, name);
    mode_t before = umask(077);
    FILE *file = fopen(text_str(&draft), "we");
    (void)umask(before);
    bool is_written =
        file != NULL && fwrite(text_str(words), 1, words->length, file) == words->length;
    if (file != NULL)
        is_written = fclose(file) == 0 && is_written;
    is_written = is_written && rename(text_str(&draft), text_str(&path)) == 0;
    text_clear(&path);
    text_clear(&draft);
    return is_written;
}

static void write_config(struct text *t, const struct server *s, const char *endpoint)
{
    const struct options *o = s->options;
    text_format(t,
                "DISTRIBUTED_STORAGE_CONFIG:\n"
                "  s3:\n"
                "    - STSS3Storage\n"
                "    - sts_role_arn: arn:aws:iam::" ACCOUNT ":role/example-role\n"
                "      s3_bucket: %s\n"
                "      s3_region: %s\n"
                "      storage_path: /datastorage\n"
                "      sts_user_access_key: " QUAY_USER_KEY "\n"
                "      sts_user_secret_key: " QUAY_USER_SECRET "\n"
                "      endpoint_url: %s\n"
                "      sts_endpoint_url: %s\n",
                o->buckets.items[0].name, o->buckets.items[0].value, endpoint, endpoint);
    if (strcmp(o->rules->name, "aws") != 0) /* which loopback is not taken for */
        text_format(t, "      provider: %s\n", o->rules->name);
    if (o->external_id != NULL)
        text_format(t, "      sts_external_id: %s\n", o->external_id);
    if (o->certificate != NULL)
        text_format(t, "      ca_bundle: %s\n", o->certificate);
    text_format(t,
                "  local:\n"
                "    - LocalStorage\n"
                "    - storage_path: %s/local\n"
                "DISTRIBUTED_STORAGE_PREFERENCE:\n"
                "  - s3\n",
                o->folder);
}

static void write_env(struct text *t, const struct server *s, const char *scheme)
{
    const struct options *o = s->options;
    text_format(t, "FAKE_S3_ENDPOINT=%s://%s\n", scheme, s->endpoints.items[0].value);
    for (size_t i = 0; i < s->endpoints.count; i++) {
        text_add(t, "FAKE_S3_ENDPOINT_");
        for (const char *c = s->endpoints.items[i].name; *c != '\0'; c++)
            text_add_n(t, *c == '-' ? "_" : c, 1);
        text_format(t, "=%s://%s\n", scheme, s->endpoints.items[i].value);
    }
    text_format(t,
                "FAKE_S3_PID=%ld\n"
                "FAKE_S3_BUCKET=%s\n"
                "FAKE_S3_REGION=%s\n"
                "FAKE_S3_ROLE_ARN=arn:aws:iam::" ACCOUNT ":role/example-role\n"
                "FAKE_S3_USER_ACCESS_KEY=" QUAY_USER_KEY "\n"
                "FAKE_S3_USER_SECRET_KEY=" QUAY_USER_SECRET "\n"
                "FAKE_S3_STRANGER_ACCESS_KEY=" STRANGER_KEY "\n"
                "FAKE_S3_STRANGER_SECRET_KEY=" STRANGER_SECRET "\n"
                "FAKE_S3_CONFIG=%s/config.yaml\n",
                (long)getpid(), o->buckets.items[0].name, o->buckets.items[0].value, o->folder);
}

bool write_papers(const struct server *s)
{
    const struct options *o = s->options;
    const char *scheme = o->certificate == NULL ? "http" : "https";
    struct text endpoint = {0}, config = {0}, env = {0}, local = {0};

    text_format(&endpoint, "%s://%s", scheme,
                fields_get(&s->endpoints, o->buckets.items[0].value) == NULL
                    ? s->endpoints.items[0].value
                    : fields_get(&s->endpoints, o->buckets.items[0].value));
    text_format(&local, "%s/local", o->folder);
    write_config(&config, s, text_str(&endpoint));
    write_env(&env, s, scheme);
    bool is_written = (mkdir(text_str(&local), 0700) == 0 || errno == EEXIST) &&
                      write_paper(o->folder, "config.yaml", &config) &&
                      write_paper(o->folder, "env", &env);
    text_clear(&endpoint);
    text_clear(&config);
    text_clear(&env);
    text_clear(&local);
    return is_written;
}
