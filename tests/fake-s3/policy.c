/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in IAM's JSON, read by libyaml: JSON is YAML. */
#include "policy.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

struct policy {
    yaml_document_t document;
};

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    yaml_document_delete(&p->document);
    free(p);
}

static yaml_node_t *node_at(const struct policy *p, int index)
{
    /* libyaml takes no const document, and changes nothing here. */
    struct policy *same = (struct policy *)(uintptr_t)p;
    return yaml_document_get_node(&same->document, index);
}

static const char *scalar(const yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                          : NULL;
}

static yaml_node_t *member(const struct policy *p, const yaml_node_t *map, const char *name)
{
    if (map == NULL || map->type != YAML_MAPPING_NODE)
        return NULL;
    const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    for (; pair < map->data.mapping.pairs.top; pair++) {
        const char *key = scalar(node_at(p, pair->key));
        if (key != NULL && strcasecmp(key, name) == 0)
            return node_at(p, pair->value);
    }
    return NULL;
}

struct policy *policy_read(const char *json, const char **why)
{
    yaml_parser_t parser;
    struct policy *p = grab(sizeof *p);

    (void)yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)json, strlen(json));
    bool is_read = yaml_parser_load(&parser, &p->document) != 0;
    yaml_parser_delete(&parser);
    if (!is_read) {
        *why = "it is no JSON";
        free(p);
        return NULL;
    }
    if (member(p, yaml_document_get_root_node(&p->document), "Statement") == NULL) {
        *why = "it has no Statement";
        policy_free(p);
        return NULL;
    }
    return p;
}

/* IAM's patterns: * and ?, nothing else. */
static bool matches(const char *pattern, const char *text, bool ignores_case)
{
    const char *star = NULL, *resume = NULL;
    while (*text != '\0') {
        bool is_same = ignores_case ? strncasecmp(pattern, text, 1) == 0 : *pattern == *text;
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern != '\0' && (*pattern == '?' || is_same)) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    pattern += strspn(pattern, "*");
    return *pattern == '\0';
}

/* One pattern, or a list of them. */
static bool any_matches(const struct policy *p, const yaml_node_t *patterns, const char *text,
                        bool ignores_case)
{
    if (patterns == NULL)
        return false;
    if (patterns->type == YAML_SCALAR_NODE)
        return matches(scalar(patterns), text, ignores_case);
    if (patterns->type != YAML_SEQUENCE_NODE)
        return false;
    const yaml_node_item_t *item = patterns->data.sequence.items.start;
    for (; item < patterns->data.sequence.items.top; item++) {
        const char *pattern = scalar(node_at(p, *item));
        if (pattern != NULL && matches(pattern, text, ignores_case))
            return true;
    }
    return false;
}

/* "*", {"AWS": arn}, {"AWS": [arn, ...]}; an account stands for all who are in it. */
static bool principal_matches(const struct policy *p, const yaml_node_t *principal, const char *arn)
{
    const char *word = scalar(principal);
    if (word != NULL)
        return strcmp(word, "*") == 0;
    if (strstr(arn, ":oidc-provider/") != NULL)
        return any_matches(p, member(p, principal, "Federated"), arn, false);
    const yaml_node_t *aws = member(p, principal, "AWS");
    if (any_matches(p, aws, arn, false))
        return true;
    const char *account = strstr(arn, "::");
    if (account == NULL)
        return false;
    char *number = copy_text_n(account + 2, strcspn(account + 2, ":"));
    struct text root = {0};
    text_format(&root, "arn:aws:iam::%s:root", number);
    bool is_account =
        any_matches(p, aws, number, false) || any_matches(p, aws, text_str(&root), false);
    text_clear(&root);
    free(number);
    return is_account;
}

static const char *context_value(const struct policy_question *q, const char *key)
{
    for (const char *const *pair = q->context; pair != NULL && pair[0] != NULL; pair += 2)
        if (strcasecmp(pair[0], key) == 0)
            return pair[1];
    return NULL;
}

/* One operator, {"sts:ExternalId": "x", ...}: 1 holds, 0 does not, -1 not known to us. */
static int operator_holds(const struct policy *p, const char *name, const yaml_node_t *keys,
                          const struct policy_question *q)
{
    bool is_negated = starts_with(name, "StringNot");
    if (!starts_with(name, "StringEquals") && !starts_with(name, "StringLike") && !is_negated)
        return -1;
    if (keys == NULL || keys->type != YAML_MAPPING_NODE)
        return -1;
    const yaml_node_pair_t *pair = keys->data.mapping.pairs.start;
    for (; pair < keys->data.mapping.pairs.top; pair++) {
        const char *value = context_value(q, scalar(node_at(p, pair->key)));
        bool is_optional = strstr(name, "IfExists") != NULL;
        if (value == NULL && (is_optional || is_negated))
            continue;
        if (value == NULL || any_matches(p, node_at(p, pair->value), value, false) == is_negated)
            return 0;
    }
    return 1;
}

static bool conditions_hold(const struct policy *p, const yaml_node_t *statement, bool if_unknown,
                            const struct policy_question *q)
{
    const yaml_node_t *condition = member(p, statement, "Condition");
    if (condition == NULL)
        return true;
    if (condition->type != YAML_MAPPING_NODE)
        return if_unknown;
    const yaml_node_pair_t *pair = condition->data.mapping.pairs.start;
    for (; pair < condition->data.mapping.pairs.top; pair++) {
        const char *name = scalar(node_at(p, pair->key));
        int holds = name == NULL ? -1 : operator_holds(p, name, node_at(p, pair->value), q);
        if (holds == 0 || (holds < 0 && !if_unknown))
            return false;
    }
    return true;
}

static bool statement_matches(const struct policy *p, const yaml_node_t *s, bool denies,
                              const struct policy_question *q)
{
    const yaml_node_t *not_action = member(p, s, "NotAction");
    const yaml_node_t *not_resource = member(p, s, "NotResource");

    if (q->principal != NULL && !principal_matches(p, member(p, s, "Principal"), q->principal))
        return false;
    if (not_action != NULL ? any_matches(p, not_action, q->action, true)
                           : !any_matches(p, member(p, s, "Action"), q->action, true))
        return false;
    if (q->resource != NULL &&
        (not_resource != NULL ? any_matches(p, not_resource, q->resource, false)
                              : !any_matches(p, member(p, s, "Resource"), q->resource, false)))
        return false;
    return conditions_hold(p, s, denies, q);
}

bool policy_allows(const struct policy *p, const struct policy_question *q)
{
    struct policy *same = (struct policy *)(uintptr_t)p;
    yaml_node_t *root = yaml_document_get_root_node(&same->document);
    yaml_node_t *statements = member(p, root, "Statement");
    yaml_node_item_t only = 0;
    const yaml_node_item_t *item, *end;
    bool is_allowed = false;

    if (statements->type == YAML_SEQUENCE_NODE) {
        item = statements->data.sequence.items.start;
        end = statements->data.sequence.items.top;
    } else {
        only = (yaml_node_item_t)(statements - same->document.nodes.start) + 1;
        item = &only;
        end = item + 1;
    }
    for (; item < end; item++) {
        const yaml_node_t *s = node_at(p, *item);
        const char *effect = scalar(member(p, s, "Effect"));
        bool denies = effect != NULL && strcmp(effect, "Deny") == 0;
        if (!denies && (effect == NULL || strcmp(effect, "Allow") != 0))
            continue;
        if (!statement_matches(p, s, denies, q))
            continue;
        if (denies)
            return false;
        is_allowed = true;
    }
    return is_allowed;
}
