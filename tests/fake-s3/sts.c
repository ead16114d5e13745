/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole, AssumeRoleWithWebIdentity and GetCallerIdentity, and who may call them. */
#include "authenticate.h"
#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "operations.h"
#include "sts.h"
#include "web_identity.h"

#include <stdlib.h>
#include <string.h>

enum { FORM_BYTES = 64 * 1024, LONGEST_CHAINED_S = 3600, DEFAULT_S = 3600 };

static bool incomplete(struct exchange *x, const char *what)
{
    return refuse_saying(x, "IncompleteSignature",
                         "Authorization header requires '%s' parameter. Authorization=%s", what,
                         header(x, "Authorization"));
}

static bool read_claim(struct exchange *x)
{
    const char *authorization = header(x, "Authorization");
    const char *amz_date = header(x, "x-amz-date");
    struct claim *c = &x->claim;
    int64_t time_ms;

    if (authorization == NULL)
        return refuse(x, "MissingAuthenticationToken");
    bool is_whole = claim_read_header(c, authorization);
    if (strcmp(c->algorithm, "AWS4-HMAC-SHA256") != 0)
        return refuse_saying(x, "IncompleteSignature", "Unsupported AWS 'algorithm': '%s'",
                             c->algorithm);
    if (c->access_key == NULL || c->terminator == NULL)
        return incomplete(x, "Credential");
    if (c->signature == NULL)
        return incomplete(x, "Signature");
    if (c->signed_headers == NULL || !is_whole)
        return incomplete(x, "SignedHeaders");
    if (amz_date == NULL)
        return refuse_saying(x, "IncompleteSignature",
                             "Authorization header requires existence of either a 'X-Amz-Date' or "
                             "a 'Date' header.");
    if (!read_amz_date(amz_date, &time_ms))
        return refuse_saying(x, "IncompleteSignature",
                             "Date must be in ISO-8601 'basic format'. Got '%s'.", amz_date);
    c->amz_date = copy_text(amz_date);
    return true;
}

static bool mismatch(struct exchange *x, const char *words)
{
    return refuse_saying(x, "SignatureDoesNotMatch", "%s", words);
}

/* An endpoint of AWS wants its own region; one by number serves all that the server has. */
static bool region_is_right(const struct exchange *x)
{
    const char *host = header(x, "Host");
    if (host != NULL && strstr(host, ".amazonaws.com") != NULL)
        return strcmp(x->claim.region, x->region) == 0;
    return fields_get(&x->server->endpoints, x->claim.region) != NULL;
}

static bool check_scope(struct exchange *x)
{
    const struct claim *c = &x->claim;
    int64_t time_ms = 0, now_ms = server_now_ms(x->server);

    if (!region_is_right(x))
        return mismatch(x, "Credential should be scoped to a valid region.");
    if (strcmp(c->service, "sts") != 0)
        return mismatch(x, "Credential should be scoped to correct service: 'sts'.");
    if (strcmp(c->terminator, "aws4_request") != 0)
        return mismatch(x, "Credential should be scoped with a valid terminator: 'aws4_request'.");
    if (strncmp(c->date, c->amz_date, 8) != 0 || strlen(c->date) != 8)
        return mismatch(x, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                           "of date from HTTP.");
    (void)read_amz_date(c->amz_date, &time_ms);
    if (time_ms < now_ms - SKEW_MS)
        return mismatch(x, "Signature expired: it is more than 15 minutes old.");
    if (time_ms > now_ms + SKEW_MS)
        return mismatch(x, "Signature not yet current: it is more than 15 minutes ahead.");
    return true;
}

static bool check_caller(struct exchange *x)
{
    switch (find_caller(x, header(x, "x-amz-security-token"))) {
    case TOKEN_GOOD:
        return true;
    case TOKEN_EXPIRED:
        (void)refuse_saying(x, "ExpiredToken",
                            "The security token included in the request is expired");
        x->answer.status = 403;
        return false;
    default:
        return refuse(x, "InvalidClientTokenId");
    }
}

bool authenticate_sts(struct exchange *x)
{
    struct text canonical = {0}, to_sign = {0};

    if (x->operation->carry_out == assume_role_with_web_identity) {
        if (header(x, "Authorization") == NULL && header(x, "x-amz-security-token") == NULL)
            return true;
        return refuse_saying(x, "AccessDenied", "This call is not signed: whose are these?");
    }
    if (!read_claim(x) || !check_scope(x) || !check_caller(x))
        return false;
    if (!claim_signs(&x->claim, "host"))
        return mismatch(x, "'Host' must be a 'SignedHeader' in the AWS Authorization.");
    if (!claim_signs(&x->claim, "x-amz-date"))
        return mismatch(x, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.");
    if (header(x, "x-amz-security-token") != NULL &&
        !claim_signs(&x->claim, "x-amz-security-token"))
        return mismatch(x, "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS "
                           "Authorization.");
    bool is_right = signature_matches(x, PATH_NORMAL, x->body.sha256_hex, &canonical, &to_sign) ||
                    refuse(x, "SignatureDoesNotMatch");
    text_clear(&canonical);
    text_clear(&to_sign);
    return is_right;
}

bool sts_read_form(struct exchange *x)
{
    const char *type = header(x, "Content-Type");
    bool is_form = type != NULL && starts_with(type, "application/x-www-form-urlencoded");
    char *form = strcmp(x->method, "POST") == 0 && is_form ? body_text(&x->body, FORM_BYTES) : NULL;
    bool is_read = form == NULL || query_decode(form, &x->query);
    free(form);
    if (!is_read)
        return refuse(x, "ValidationError");
    const char *action = parameter(x, "Action"), *version = parameter(x, "Version");
    if (action == NULL)
        return refuse(x, "MissingAction");
    const struct operation *o = sts_operation(action);
    if (o == NULL || version == NULL || strcmp(version, "2011-06-15") != 0)
        return refuse_saying(x, "InvalidAction", "Could not find operation %s for version %s",
                             action, version == NULL ? "NO_VERSION_SPECIFIED" : version);
    x->operation = o;
    return true;
}

static void answer_start(struct exchange *x)
{
    x->answer.status = 200;
    answer_header(x, "Content-Type", "text/xml");
    text_format(&x->answer.body,
                "<%sResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <%sResult>\n",
                x->operation->name, x->operation->name);
}

static void answer_end(struct exchange *x)
{
    text_format(&x->answer.body,
                "  </%sResult>\n  <ResponseMetadata>\n    <RequestId>%s-0000-4000-8000-%s"
                "</RequestId>\n  </ResponseMetadata>\n</%sResponse>\n",
                x->operation->name, x->request_id + 8, x->request_id, x->operation->name);
}

void get_caller_identity(struct exchange *x)
{
    struct text *body = &x->answer.body;
    answer_start(x);
    xml_element(body, "Arn", x->caller.arn);
    xml_element(body, "UserId", x->caller.id);
    xml_element(body, "Account", ACCOUNT);
    answer_end(x);
}

static bool invalid(struct exchange *x, const char *member, const char *value, const char *rule)
{
    if (value == NULL)
        return refuse_saying(x, "ValidationError",
                             "1 validation error detected: Value null at '%s' failed to satisfy "
                             "constraint: Member must not be null",
                             member);
    return refuse_saying(x, "ValidationError",
                         "1 validation error detected: Value '%s' at '%s' failed to satisfy "
                         "constraint: %s",
                         value, member, rule);
}

static bool read_duration(struct exchange *x, uint64_t *duration_s)
{
    const struct options *o = x->server->options;
    const char *text = parameter(x, "DurationSeconds");
    struct text rule = {0};

    *duration_s = DEFAULT_S;
    if (text == NULL)
        return true;
    if (!read_number(text, INT32_MAX, duration_s) || *duration_s < o->min_session_s) {
        text_format(&rule, "Member must have value greater than or equal to %u", o->min_session_s);
        (void)invalid(x, "durationSeconds", text, text_str(&rule));
    } else if (*duration_s > 43200) {
        (void)invalid(x, "durationSeconds", text,
                      "Member must have value less than or equal to 43200");
    } else if (x->caller.role != NULL && *duration_s > LONGEST_CHAINED_S) {
        (void)refuse_saying(x, "ValidationError",
                            "The requested DurationSeconds exceeds the 1 hour session limit for "
                            "roles assumed by role chaining");
    }
    text_clear(&rule);
    return !is_refused(x);
}

static bool read_session_name(struct exchange *x, const char **name)
{
    static const char rule[] = "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}";
    *name = parameter(x, "RoleSessionName");
    size_t length = *name == NULL ? 0 : strlen(*name);
    size_t good = *name == NULL ? 0
                                : strspn(*name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
                                                "YZ0123456789_+=,.@-");
    return (length >= 2 && length <= 64 && good == length) ||
           invalid(x, "roleSessionName", *name, rule);
}

/* AWS says the same of a role that is not there and of one that does not trust the caller. */
static const struct role *find_role(struct exchange *x, const char *arn)
{
    const struct role *role = identities_role(&x->server->identities, arn);
    const char *context[] = {"sts:ExternalId", parameter(x, "ExternalId"), NULL};
    if (context[1] == NULL)
        context[0] = NULL;
    struct policy_question question = {
        .principal = x->caller.arn, .action = "sts:AssumeRole", .context = context};
    if (role != NULL && policy_allows(role->trust, &question))
        return role;
    /* A policy may name the role of the session that asks. */
    question.principal = x->caller.role == NULL ? x->caller.arn : x->caller.role->arn;
    if (role != NULL && policy_allows(role->trust, &question))
        return role;
    (void)refuse_saying(x, "AccessDenied",
                        "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
                        x->caller.arn, arn);
    return NULL;
}

static const struct role *find_role_for(struct exchange *x, const char *arn,
                                        const struct web_identity *who)
{
    const struct role *role = identities_role(&x->server->identities, arn);
    struct text provider = {0}, sub = {0}, aud = {0};
    text_format(&provider, "arn:aws:iam::" ACCOUNT ":oidc-provider/%s", who->issuer_host);
    text_format(&sub, "%s:sub", who->issuer_host);
    text_format(&aud, "%s:aud", who->issuer_host);
    const char *context[] = {text_str(&sub), who->subject, text_str(&aud), who->audience, NULL};
    const struct policy_question question = {.principal = text_str(&provider),
                                             .action = "sts:AssumeRoleWithWebIdentity",
                                             .context = context};
    const bool is_allowed = role != NULL && policy_allows(role->trust, &question);
    text_clear(&provider);
    text_clear(&sub);
    text_clear(&aud);
    if (is_allowed)
        return role;
    (void)refuse_saying(x, "AccessDenied",
                        "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    return NULL;
}

static void answer_session(struct exchange *x, const struct session *s)
{
    struct text *body = &x->answer.body;
    char expiration[TIME_TEXT];
    write_iso(expiration, s->expires_ms);
    answer_start(x);
    text_add(body, "    <AssumedRoleUser>\n      ");
    xml_element(body, "AssumedRoleId", s->id);
    text_add(body, "\n      ");
    xml_element(body, "Arn", s->arn);
    text_add(body, "\n    </AssumedRoleUser>\n    <Credentials>\n      ");
    xml_element(body, "AccessKeyId", s->access_key);
    text_add(body, "\n      ");
    xml_element(body, "SecretAccessKey", s->secret);
    text_add(body, "\n      ");
    xml_element(body, "SessionToken", s->token);
    text_add(body, "\n      ");
    xml_element(body, "Expiration", expiration);
    text_add(body, "\n    </Credentials>\n");
    answer_end(x);
}

static bool read_role_arn(struct exchange *x, const char **arn)
{
    *arn = parameter(x, "RoleArn");
    if (*arn == NULL || strlen(*arn) < 20)
        return invalid(x, "roleArn", *arn, "Member must have length greater than or equal to 20");
    return starts_with(*arn, "arn:") || refuse_saying(x, "ValidationError", "%s is invalid", *arn);
}

static void open_session(struct exchange *x, const struct role *role, const char *name,
                         uint64_t duration_s)
{
    struct server *server = x->server;
    if (duration_s > role->max_session_s) {
        (void)refuse_saying(x, "ValidationError",
                            "The requested DurationSeconds exceeds the "
                            "MaxSessionDuration set for this role.");
        return;
    }
    int64_t life_ms =
        server->session_life_ms > 0 ? (int64_t)server->session_life_ms : (int64_t)duration_s * 1000;
    /* It ends when the answer says so, and that is in whole seconds. */
    int64_t end_ms = (server_now_ms(server) + life_ms) / 1000 * 1000;
    answer_session(x, identities_add_session(&server->identities, role, name, end_ms));
}

void assume_role(struct exchange *x)
{
    const char *arn, *name;
    uint64_t duration_s;
    if (!read_role_arn(x, &arn) || !read_session_name(x, &name) || !read_duration(x, &duration_s))
        return;
    const struct role *role = find_role(x, arn);
    if (role != NULL)
        open_session(x, role, name, duration_s);
}

void assume_role_with_web_identity(struct exchange *x)
{
    const char *arn, *name, *token = parameter(x, "WebIdentityToken");
    struct web_identity who = {0};
    uint64_t duration_s;
    if (!read_role_arn(x, &arn) || !read_session_name(x, &name) || !read_duration(x, &duration_s))
        return;
    if (token == NULL || strlen(token) < 4) {
        (void)invalid(x, "webIdentityToken", token == NULL ? NULL : "*",
                      "Member must have length greater than or equal to 4");
        return;
    }
    const struct role *role =
        web_identity_read(x, token, &who) ? find_role_for(x, arn, &who) : NULL;
    if (role != NULL)
        open_session(x, role, name, duration_s);
    web_identity_clear(&who);
}
