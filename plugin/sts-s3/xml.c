/* SPDX-License-Identifier: Apache-2.0 */
/* Reading answers with expat, and escaping text for requests. */
#include "xml.h"

#include <expat.h>
#include <string.h>

#include "timestamp.h"

struct reader {
    XML_Parser expat;
    const struct stss3_xml_handler *handler;
    struct plug_error *error;
    regstore_status status; /* not OK: stopped; error has the words, unless expat has them */
    unsigned depth;         /* open elements */
    size_t cuts[STSS3_XML_DEPTH_MAX]; /* the path's length before each open element */
    char path[STSS3_XML_PATH_MAX];
    size_t path_len;
    bool is_leaf;         /* no element has ended inside the one that is open */
    struct plug_buf text; /* of the open element; may be a secret */
};

static void stop(struct reader *r, regstore_status status)
{
    r->status = status;
    (void)XML_StopParser(r->expat, XML_FALSE); /* fails only when it has stopped already */
}

static void refuse(struct reader *r, const char *why)
{
    plug_error_set(r->error, REGSTORE_UNAVAILABLE, "the service's answer is refused: %s", why);
    stop(r, REGSTORE_UNAVAILABLE);
}

static bool push_name(struct reader *r, const char *name)
{
    const size_t len = strlen(name);
    if (r->depth == STSS3_XML_DEPTH_MAX || len + 2 > sizeof r->path - r->path_len) {
        refuse(r, "its elements are nested too deeply");
        return false;
    }
    r->cuts[r->depth] = r->path_len;
    if (r->depth++ == 0)
        return true; /* paths do not name the root */
    if (r->path_len != 0)
        r->path[r->path_len++] = '/';
    memcpy(r->path + r->path_len, name, len + 1);
    r->path_len += len;
    return true;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = data;
    (void)attributes;

    const char *colon = strrchr(name, ':');
    if (colon != NULL)
        name = colon + 1;
    if (r->depth == 0 && r->handler->root != NULL && strcmp(name, r->handler->root) != 0) {
        plug_error_set(r->error, REGSTORE_UNAVAILABLE,
                       "the service answered with <%.40s> where <%s> was due", name,
                       r->handler->root);
        stop(r, REGSTORE_UNAVAILABLE);
        return;
    }
    if (!push_name(r, name))
        return;
    r->is_leaf = true;
    plug_buf_reset(&r->text);
    if (r->handler->begin == NULL)
        return;
    const regstore_status status = r->handler->begin(r->handler->ctx, r->path);
    if (status != REGSTORE_OK)
        stop(r, status);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
    struct reader *r = data;
    if (r->is_leaf)
        plug_buf_add(&r->text, text, (size_t)len);
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct reader *r = data;
    (void)name;

    if (r->status != REGSTORE_OK)
        return; /* of "<a/>" expat tells the end even when it was stopped at the start */
    if (plug_buf_failed(&r->text)) {
        plug_error_set(r->error, REGSTORE_NO_MEMORY, "out of memory");
        stop(r, REGSTORE_NO_MEMORY);
        return;
    }
    const regstore_status status =
        r->handler->end(r->handler->ctx, r->path, r->is_leaf ? plug_buf_text(&r->text) : "");
    if (status != REGSTORE_OK) {
        stop(r, status);
        return;
    }
    r->is_leaf = false;
    r->path_len = r->cuts[--r->depth];
    r->path[r->path_len] = '\0';
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_internal_subset;
    refuse(data, "it has a document type");
}

/* Expat's own verdict, when no handler of ours has stopped it. */
static void set_expat_error(struct reader *r)
{
    const enum XML_Error code = XML_GetErrorCode(r->expat);
    r->status = code == XML_ERROR_NO_MEMORY ? REGSTORE_NO_MEMORY : REGSTORE_UNAVAILABLE;
    if (code == XML_ERROR_NO_MEMORY)
        plug_error_set(r->error, r->status, "out of memory");
    else
        plug_error_set(r->error, r->status, "the service's answer is no complete XML: %s, line %lu",
                       XML_ErrorString(code), XML_GetCurrentLineNumber(r->expat));
}

static bool is_xml_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

regstore_status stss3_xml_read(const char *data, size_t len,
                               const struct stss3_xml_handler *handler, struct plug_error *error)
{
    struct reader r = {.handler = handler, .error = error};

    for (; len > 0 && is_xml_space(*data); data++)
        len--;
    if (len > STSS3_XML_BYTES_MAX) {
        plug_error_set(error, REGSTORE_UNAVAILABLE, "the service's answer is refused: %zu bytes",
                       len);
        return REGSTORE_UNAVAILABLE;
    }
    r.expat = XML_ParserCreate(NULL);
    if (r.expat == NULL) {
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
        return REGSTORE_NO_MEMORY;
    }
    XML_SetUserData(r.expat, &r);
    XML_SetElementHandler(r.expat, on_start, on_end);
    XML_SetCharacterDataHandler(r.expat, on_text);
    XML_SetStartDoctypeDeclHandler(r.expat, on_doctype);
    if (XML_Parse(r.expat, data, (int)len, XML_TRUE) != XML_STATUS_OK && r.status == REGSTORE_OK)
        set_expat_error(&r);
    XML_ParserFree(r.expat);
    plug_buf_wipe(&r.text);
    return r.status;
}

struct picker {
    const struct stss3_xml_field *fields;
    size_t n;
    struct plug_error *error;
};

static regstore_status pick(void *ctx, const char *path, const char *text)
{
    const struct picker *p = ctx;
    for (size_t i = 0; i < p->n; i++) {
        struct plug_buf *out = p->fields[i].text;
        if (out->len != 0 || strcmp(path, p->fields[i].path) != 0)
            continue;
        plug_buf_str(out, text);
        if (plug_buf_failed(out)) {
            plug_error_set(p->error, REGSTORE_NO_MEMORY, "out of memory");
            return REGSTORE_NO_MEMORY;
        }
    }
    return REGSTORE_OK;
}

regstore_status stss3_xml_pick(const char *data, size_t len, const char *root,
                               const struct stss3_xml_field *fields, size_t n,
                               struct plug_error *error)
{
    struct picker picker = {fields, n, error};
    const struct stss3_xml_handler handler = {.root = root, .ctx = &picker, .end = pick};
    return stss3_xml_read(data, len, &handler, error);
}

/* Printable ASCII, cut to size; the first one counts. */
static void keep(char *out, size_t cap, const char *text)
{
    size_t i = 0;
    if (out[0] != '\0')
        return;
    for (; i < cap - 1 && text[i] != '\0'; i++)
        out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    out[i] = '\0';
}

static regstore_status keep_error_field(void *ctx, const char *path, const char *text)
{
    struct stss3_error_body *out = ctx;
    if (strncmp(path, "Error/", 6) == 0)
        path += 6; /* inside <ErrorResponse> */

    if (strcmp(path, "Code") == 0)
        keep(out->code, sizeof out->code, text);
    else if (strcmp(path, "Message") == 0)
        keep(out->message, sizeof out->message, text);
    else if (strcmp(path, "RequestId") == 0)
        keep(out->request_id, sizeof out->request_id, text);
    else if (strcmp(path, "HostId") == 0)
        keep(out->host_id, sizeof out->host_id, text);
    else if (strcmp(path, "Region") == 0)
        keep(out->region, sizeof out->region, text);
    else if (strcmp(path, "ServerTime") == 0)
        (void)stss3_time_parse_iso(text, &out->server_time_ns); /* unreadable is not told */
    return REGSTORE_OK;
}

bool stss3_error_body_parse(const char *data, size_t len, struct stss3_error_body *out)
{
    static const char *const roots[] = {"Error", "ErrorResponse"};
    struct plug_error error; /* that it is no error is all there is to say, but for memory */
    bool had_no_memory = false;

    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const struct stss3_xml_handler handler = {
            .root = roots[i], .ctx = out, .end = keep_error_field};
        memset(out, 0, sizeof *out);
        const regstore_status status = stss3_xml_read(data, len, &handler, &error);
        if (status == REGSTORE_OK && out->code[0] != '\0')
            return true;
        had_no_memory |= status == REGSTORE_NO_MEMORY;
    }
    memset(out, 0, sizeof *out);
    out->had_no_memory = had_no_memory;
    return false;
}

void stss3_xml_escape(struct plug_buf *out, const char *text)
{
    static const char special[] = "&<>\"'\r\n\t";
    static const char *const escaped[] = {"&amp;",  "&lt;",  "&gt;",  "&quot;",
                                          "&apos;", "&#13;", "&#10;", "&#9;"};

    for (;;) {
        const size_t plain = strcspn(text, special);
        plug_buf_add(out, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        plug_buf_str(out, escaped[strchr(special, *text) - special]);
        text++;
    }
}
