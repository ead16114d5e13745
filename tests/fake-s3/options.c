/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of regstore-fake-s3. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: regstore-fake-s3 [OPTION...]: an S3 and STS server on 127.0.0.1\n"
    "  --dir DIR             writes DIR/env and DIR/config.yaml when it is ready\n"
    "  --daemon              returns when it is ready, and goes on behind\n"
    "  --owner PID           ends when that process does\n"
    "  --port N              the first region's port; any, if not said\n"
    "  --cert FILE --key FILE  TLS, with this certificate\n"
    "  --region NAME         a region, each with a port of its own (us-east-1)\n"
    "  --bucket NAME[=REGION]  a bucket that is there from the start (quay)\n"
    "  --trust FILE          the role's trust policy (it trusts quay-user)\n"
    "  --external-id ID      what the trust policy demands beside\n"
    "  --permissions FILE    what the role may do (all of S3)\n"
    "  --role NAME=FILE      another role, with this trust policy\n"
    "  --oidc-issuer URL --oidc-key FILE  the provider of web identities, its public key as PEM\n"
    "  --max-session S       the role's longest session (3600)\n"
    "  --min-session S       the shortest that may be asked for (900)\n"
    "  --session-life MS     sessions end so soon, whatever they asked for\n"
    "  --min-part BYTES      the smallest part that is not the last (5242880)\n"
    "  --provider NAME       demands and refuses what aws, ceph, minio, r2, gcs or scaleway does\n"
    "  --spool DIR           where bodies lie, in an unlinked file ($TMPDIR or /tmp)\n"
    "  --control             opens /_fake/ to loopback: see control.h\n"
    "  --fault RULE          a fault from the start: see faults.h\n";

enum option_code {
    DIR_OPTION = 1,
    DAEMON_OPTION,
    OWNER_OPTION,
    PORT_OPTION,
    CERT_OPTION,
    KEY_OPTION,
    REGION_OPTION,
    BUCKET_OPTION,
    TRUST_OPTION,
    EXTERNAL_ID_OPTION,
    PERMISSIONS_OPTION,
    ROLE_OPTION,
    OIDC_ISSUER_OPTION,
    OIDC_KEY_OPTION,
    MAX_SESSION_OPTION,
    MIN_SESSION_OPTION,
    SESSION_LIFE_OPTION,
    MIN_PART_OPTION,
    PROVIDER_OPTION,
    SPOOL_OPTION,
    CONTROL_OPTION,
    FAULT_OPTION,
};

static const struct option long_options[] = {
    {"dir", required_argument, NULL, DIR_OPTION},
    {"daemon", no_argument, NULL, DAEMON_OPTION},
    {"owner", required_argument, NULL, OWNER_OPTION},
    {"port", required_argument, NULL, PORT_OPTION},
    {"cert", required_argument, NULL, CERT_OPTION},
    {"key", required_argument, NULL, KEY_OPTION},
    {"region", required_argument, NULL, REGION_OPTION},
    {"bucket", required_argument, NULL, BUCKET_OPTION},
    {"trust", required_argument, NULL, TRUST_OPTION},
    {"external-id", required_argument, NULL, EXTERNAL_ID_OPTION},
    {"permissions", required_argument, NULL, PERMISSIONS_OPTION},
    {"role", required_argument, NULL, ROLE_OPTION},
    {"oidc-issuer", required_argument, NULL, OIDC_ISSUER_OPTION},
    {"oidc-key", required_argument, NULL, OIDC_KEY_OPTION},
    {"max-session", required_argument, NULL, MAX_SESSION_OPTION},
    {"min-session", required_argument, NULL, MIN_SESSION_OPTION},
    {"session-life", required_argument, NULL, SESSION_LIFE_OPTION},
    {"min-part", required_argument, NULL, MIN_PART_OPTION},
    {"provider", required_argument, NULL, PROVIDER_OPTION},
    {"spool", required_argument, NULL, SPOOL_OPTION},
    {"control", no_argument, NULL, CONTROL_OPTION},
    {"fault", required_argument, NULL, FAULT_OPTION},
    {0},
};

void options_clear(struct options *o)
{
    fields_clear(&o->regions);
    fields_clear(&o->buckets);
    fields_clear(&o->roles);
    fields_clear(&o->faults);
}

static void add_pair(struct fields *to, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t length = equals == NULL ? strlen(argument) : (size_t)(equals - argument);
    char *name = copy_text_n(argument, length);
    fields_add(to, name, equals == NULL ? "" : equals + 1);
    free(name);
}

/* Whatever is a number. */
static bool read_numeric(struct options *o, int code)
{
    uint64_t number;
    if (!read_number(optarg, code == PORT_OPTION ? UINT16_MAX : INT32_MAX, &number)) {
        (void)fprintf(stderr, "regstore-fake-s3: %s is no such number\n", optarg);
        return false;
    }
    switch (code) {
    case PORT_OPTION:
        o->port = (uint16_t)number;
        return true;
    case OWNER_OPTION:
        o->owner = (pid_t)number;
        return true;
    case MAX_SESSION_OPTION:
        o->max_session_s = (uint32_t)number;
        return true;
    case MIN_SESSION_OPTION:
        o->min_session_s = (uint32_t)number;
        return true;
    case SESSION_LIFE_OPTION:
        o->session_life_ms = (uint32_t)number;
        return true;
    default:
        o->min_part_bytes = number;
        return true;
    }
}

static bool read_one(struct options *o, int code)
{
    static const struct {
        int code;
        size_t offset;
    } words[] = {
        {DIR_OPTION, offsetof(struct options, folder)},
        {SPOOL_OPTION, offsetof(struct options, spool_folder)},
        {CERT_OPTION, offsetof(struct options, certificate)},
        {KEY_OPTION, offsetof(struct options, key)},
        {TRUST_OPTION, offsetof(struct options, trust)},
        {PERMISSIONS_OPTION, offsetof(struct options, permissions)},
        {EXTERNAL_ID_OPTION, offsetof(struct options, external_id)},
        {OIDC_ISSUER_OPTION, offsetof(struct options, oidc_issuer)},
        {OIDC_KEY_OPTION, offsetof(struct options, oidc_key)},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].code == code) {
            const char *argument = optarg;
            memcpy((char *)o + words[i].offset, &argument, sizeof argument);
            return true;
        }
    switch (code) {
    case '?':
        return false;
    case DAEMON_OPTION:
        o->is_daemon = true;
        return true;
    case CONTROL_OPTION:
        o->has_control = true;
        return true;
    case REGION_OPTION:
        fields_add(&o->regions, optarg, "");
        return true;
    case PROVIDER_OPTION:
        o->rules = rules_named(optarg);
        return o->rules != NULL;
    case BUCKET_OPTION:
        add_pair(&o->buckets, optarg);
        return true;
    case ROLE_OPTION:
        add_pair(&o->roles, optarg);
        return true;
    case FAULT_OPTION:
        fields_add(&o->faults, optarg, "");
        return true;
    default:
        return read_numeric(o, code);
    }
}

/* What nobody said. */
static bool fill_in(struct options *o)
{
    const char *temporary = getenv("TMPDIR");
    if (o->spool_folder == NULL)
        o->spool_folder = temporary == NULL || *temporary == '\0' ? "/tmp" : temporary;
    if (o->regions.count == 0)
        fields_add(&o->regions, "us-east-1", "");
    if (o->buckets.count == 0)
        fields_add(&o->buckets, "quay", "");
    for (size_t i = 0; i < o->buckets.count; i++) {
        struct field *b = &o->buckets.items[i];
        if (*b->value != '\0')
            continue;
        free(b->value);
        b->value = copy_text(o->regions.items[0].name);
    }
    if ((o->certificate == NULL) != (o->key == NULL)) {
        (void)fputs("regstore-fake-s3: --cert and --key go together\n", stderr);
        return false;
    }
    if ((o->oidc_issuer == NULL) != (o->oidc_key == NULL)) {
        (void)fputs("regstore-fake-s3: --oidc-issuer and --oidc-key go together\n", stderr);
        return false;
    }
    if (o->external_id != NULL && o->trust != NULL) {
        (void)fputs("regstore-fake-s3: --external-id is said in the --trust policy\n", stderr);
        return false;
    }
    return true;
}

bool options_read(struct options *o, int argc, char **argv)
{
    *o = (struct options){.max_session_s = 3600,
                          .min_session_s = 900,
                          .min_part_bytes = 5 << 20,
                          .rules = rules_named("aws")};
    int code;
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if (!read_one(o, code)) {
            (void)fputs(usage, stderr);
            return false;
        }
    if (optind < argc) {
        (void)fputs(usage, stderr);
        return false;
    }
    return fill_in(o);
}
