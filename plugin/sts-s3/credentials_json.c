/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials_json.h"

#include <stdio.h>
#include <string.h>

#include "json_fields.h"
#include "timestamp.h"

enum { ACCESS, SECRET, TOKEN, EXPIRATION, VERSION, CODE, MESSAGE, FIELDS };

struct parts {
    struct plug_buf texts[FIELDS];
    struct stss3_json_field fields[FIELDS];
};

static bool is_given(const struct parts *p, int field)
{
    return p->texts[field].len != 0;
}

static const char *text_of(const struct parts *p, int field)
{
    return plug_buf_text(&p->texts[field]);
}

/* What the service itself says of having none; its words are printed, so cut and cleaned. */
static regstore_status say_refusal(const struct stss3_credentials_form *form, const struct parts *p,
                                   struct plug_error *error)
{
    plug_error_set(error, REGSTORE_UNAVAILABLE, "%s: %.60s%s%.200s", form->what, text_of(p, CODE),
                   is_given(p, MESSAGE) ? ": " : "", text_of(p, MESSAGE));
    (void)snprintf(error->code, sizeof error->code, "%.60s", text_of(p, CODE));
    for (char *c = error->code; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
    return error->status;
}

/* NULL, or what is wrong as words that continue "the answer ...". */
static const char *look(const struct stss3_credentials_form *form, const struct parts *p,
                        int64_t *expires_ns)
{
    if (form->has_version && strcmp(text_of(p, VERSION), "1") != 0)
        return "has no \"Version\": 1";
    if (!is_given(p, ACCESS) || stss3_access_key_check(text_of(p, ACCESS)) != NULL)
        return "has no AccessKeyId that can be one";
    if (!is_given(p, SECRET) || stss3_secret_key_check(text_of(p, SECRET)) != NULL)
        return "has no SecretAccessKey that can be one";
    if (stss3_secret_key_check(text_of(p, TOKEN)) != NULL)
        return "has a token with white space in it";
    if (is_given(p, EXPIRATION) && !stss3_time_parse_iso(text_of(p, EXPIRATION), expires_ns))
        return "has an Expiration that is no time";
    return NULL;
}

static regstore_status make(const struct stss3_credentials_form *form, const struct parts *p,
                            const char *wrong, struct stss3_session **out, struct plug_error *error)
{
    int64_t expires_ns = INT64_MAX;
    if (wrong == NULL && is_given(p, CODE) && strcmp(text_of(p, CODE), "Success") != 0)
        return say_refusal(form, p, error);
    if (wrong == NULL)
        wrong = look(form, p, &expires_ns);
    if (wrong != NULL) {
        plug_error_set(error, REGSTORE_UNAVAILABLE, "%s: the answer %s", form->what, wrong);
        return error->status;
    }
    *out = stss3_session_new(text_of(p, ACCESS), text_of(p, SECRET),
                             is_given(p, TOKEN) ? text_of(p, TOKEN) : NULL, NULL);
    if (*out == NULL) {
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
        return error->status;
    }
    (*out)->expires_ns = expires_ns;
    return REGSTORE_OK;
}

regstore_status stss3_credentials_read(const struct stss3_credentials_form *form, const char *text,
                                       size_t len, struct stss3_session **out,
                                       struct plug_error *error)
{
    const char *const names[FIELDS] = {"AccessKeyId", "SecretAccessKey", form->token_name,
                                       "Expiration",  "Version",         "Code",
                                       "Message"};
    struct parts p = {.texts = {{0}}};
    bool has_memory = true;
    *out = NULL;
    for (int i = 0; i < FIELDS; i++)
        p.fields[i] = (struct stss3_json_field){names[i], &p.texts[i], false};
    const char *wrong = stss3_json_fields(text, len, p.fields, FIELDS);
    for (int i = 0; i < FIELDS; i++)
        has_memory &= !plug_buf_failed(&p.texts[i]);
    regstore_status status = REGSTORE_NO_MEMORY;
    if (has_memory)
        status = make(form, &p, wrong, out, error);
    else
        plug_error_set(error, status, "out of memory");
    for (int i = 0; i < FIELDS; i++)
        plug_buf_wipe(&p.texts[i]);
    return status;
}
